"""Counts in the tables of the documentation, as the model index states them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..model_index import read_models
from .metafiles import get_checkout

#: Decimals of the counts on a page.
PAGES = {'README.md': 2, 'README_zh-CN.md': 2, 'docs/reproduce.md': 1}
#: Metadata and unit of a column, by the words in its header.
COLUMNS = {
    'parameters (M)': ('Parameters', 1e6),
    '参数量 (M)': ('Parameters', 1e6),
    'multiply-adds (G)': ('FLOPs', 1e9),
    '乘加次数 (G)': ('FLOPs', 1e9),
}
#: The experiment of a row that states a family and an architecture.
FAMILIES = {
    'GroupMixFormer': 'gmf_{}_in1k',
    'PoolFormer': 'poolformer_{}_in1k',
    'EAMLP': 'eamlp_{}_in1k',
    'EANet': 'eanet_r101_voc_trainval',
}


def update_pages() -> list[Path]:
    """Write the counts into the tables of the pages that have any.

    Returns:
        list[Path]: The pages that changed.
    """
    models = {model['Name']: model['Metadata'] for model in read_models()}
    written = []
    for name, decimals in PAGES.items():
        path = get_checkout() / name
        text = path.read_text(encoding='utf-8')
        updated = fill_in_counts(text, models, decimals)
        if updated != text:
            path.write_text(updated, encoding='utf-8')
            written.append(path)
    return written


def fill_in_counts(
    text: str, models: Mapping[str, Mapping[str, Any]], decimals: int
) -> str:
    """Replace the counts in the tables of a page.

    Args:
        text (str): The page.
        models (Mapping): Metadata of the models, by their names.
        decimals (int): Decimals of a count.

    Returns:
        str: The page with the counts of ``models`` in the columns of ``COLUMNS``. Rows
        without a known experiment stay as they are.
    """
    lines, columns = [], None
    for line in text.split('\n'):
        cells = line.split('|')
        if len(cells) < 3:
            columns = None
        elif columns is None:
            columns = {i: COLUMNS.get(cell.strip()) for i, cell in enumerate(cells)}
        else:
            found = [models[name] for name in find_experiments(cells) if name in models]
            for i, column in columns.items():
                if found and column:
                    key, unit = column
                    counts = [f'{model[key] / unit:.{decimals}f}' for model in found]
                    # One model in several experiments has one count.
                    same = len(set(counts)) == 1
                    cells[i] = f' {", ".join(counts[:1] if same else counts)} '
        lines.append('|'.join(cells))
    return '\n'.join(lines)


def find_experiments(cells: list[str]) -> list[str]:
    """Return the experiments that a row is about, by name.

    Args:
        cells (list[str]): The cells of the row, after an empty one: files of configs in
            the first, or a family in the first and an architecture in the second.
    """
    files = re.findall(r'`([\w/{},]+)\.py`', cells[1])
    if files:
        return [Path(name).name for file in files for name in _expand_braces(file)]
    family = re.search(r'\w+', cells[1])
    if family is None or family[0] not in FAMILIES:
        return []
    return [FAMILIES[family[0]].format(cells[2].strip(' `'))]


def _expand_braces(pattern: str) -> list[str]:
    """``a_{b,c}`` as ``a_b`` and ``a_c``, as a shell does; at most one pair of braces."""
    found = re.fullmatch(r'(.*)\{(.*)\}(.*)', pattern)
    if not found:
        return [pattern]
    head, choices, tail = found.groups()
    return [f'{head}{choice}{tail}' for choice in choices.split(',')]
