"""The pages of the documentation, taken apart: headings, links, tables and code."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
README, CHINESE_README = (REPOSITORY / f'README{s}.md' for s in ('', '_zh-CN'))
PAGES = sorted((REPOSITORY / 'docs').glob('*.md'))
ALL_PAGES = [
    README,
    CHINESE_README,
    REPOSITORY / 'CONTRIBUTING.md',
    REPOSITORY / 'CHANGELOG.md',
    *PAGES,
]

_FENCED = re.compile(r'^```(\w*)\n(.*?)^```', re.MULTILINE | re.DOTALL)


def read_page(name: str) -> str:
    """The text of a page of docs/, by its name without the suffix."""
    return (REPOSITORY / 'docs' / f'{name}.md').read_text(encoding='utf-8')


def find_code(text: str, language: str = 'python') -> list[str]:
    """The code blocks of a language."""
    return [code for found, code in _FENCED.findall(text) if found == language]


def drop_code(text: str) -> str:
    """The text without its code blocks, whose comments would look like headings."""
    return _FENCED.sub('', text)


def find_headings(text: str) -> list[tuple[int, str]]:
    """Level and title of every heading."""
    found = re.findall(r'^(#+) (.+)$', drop_code(text), re.MULTILINE)
    return [(len(marks), title) for marks, title in found]


def find_links(text: str) -> list[str]:
    """The targets of links and pictures."""
    found = re.findall(r'\]\(([^)\s]+)\)|<img src="([^"]+)"', drop_code(text))
    return [markdown or html for markdown, html in found]


def find_tables(text: str) -> list[list[list[str]]]:
    """Every table as rows of cells, without the line below the header."""
    tables = re.findall(r'(?:^\|.*\|\n)+', drop_code(text), re.MULTILINE)
    return [
        [_split_row(row) for i, row in enumerate(table.splitlines()) if i != 1]
        for table in tables
    ]


def find_inline_code(text: str) -> list[str]:
    return re.findall(r'`([^`\n]+)`', drop_code(text))


def anchor(title: str) -> str:
    """The name by which GitHub links to a heading."""
    title = re.sub(r'[^\w\- ]', '', title.lower())
    return title.replace(' ', '-')


def expand_braces(pattern: str) -> list[str]:
    """``a_{b,c}`` as ``a_b`` and ``a_c``, as a shell does."""
    head, brace, tail = pattern.partition('{')
    if not brace:
        return [pattern]
    choices, _, tail = tail.partition('}')
    return [
        f'{head}{choice}{rest}'
        for choice in choices.split(',')
        for rest in expand_braces(tail)
    ]


def _split_row(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip('|').split('|')]
