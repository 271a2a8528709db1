"""The ledger of recipes as a part of the documentation."""

from collections.abc import Mapping
from pathlib import Path

from ...errors import UserError
from .ledger import read_files
from .table import format_table, format_value

BEGIN = '<!-- recipes: written by tools/recipe.py --write -->'
END = '<!-- end of the recipes -->'


def write_recipes(page: Path, folder: Path) -> None:
    """Write the recipes into a page.

    Args:
        page (Path): A Markdown file with the lines ``BEGIN`` and ``END``; what is between
            them is replaced.
        folder (Path): The folder of the ledger.

    Raises:
        UserError: If the page is missing or has no such lines.
    """
    text = page.read_text(encoding='utf-8') if page.is_file() else ''
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(
            f'{page} is not a page for recipes, expected the lines {BEGIN} and {END}, '
            'between which they are written'
        )
    recipes = format_recipes(folder)
    page.write_text(f'{before}{BEGIN}\n\n{recipes}\n\n{END}{after}', encoding='utf-8')


def format_recipes(folder: Path) -> str:
    """All files of a ledger as Markdown: shared parts first, then the experiments."""
    sections = []
    for file in read_files(folder):
        sections.append(f'### {file["title"]}')
        sections += [
            _fold(f'{name}, shared', lines)
            for name, lines in file.get('parts', {}).items()
        ]
        sections += [
            _fold(
                f'<code>{name}</code>{_describe_bases(experiment)}',
                experiment['settings'],
            )
            for name, experiment in file['experiments'].items()
        ]
    return '\n\n'.join(sections)


def _describe_bases(experiment: Mapping) -> str:
    """The parts or the experiment whose settings an experiment shares."""
    bases = [experiment['base']] if 'base' in experiment else experiment.get('parts', [])
    return f', based on {", ".join(bases)}' if bases else ''


def _fold(title: str, lines: Mapping[str, Mapping]) -> str:
    """A table that opens on a click."""
    rows = [
        (name, format_value(line['value']), line['kind'], line['source'])
        for name, line in lines.items()
    ]
    table = format_table(('setting', 'value', 'kind', 'source'), rows)
    return f'<details><summary>{title}</summary>\n\n{table}\n\n</details>'
