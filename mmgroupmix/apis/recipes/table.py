"""Recipes as Markdown tables."""

from collections.abc import Iterable, Sequence
from typing import Any


def format_value(value: Any) -> str:
    """A value in one line: 'RandomFlip(prob=0.5)' for a dict with a type."""
    if isinstance(value, dict):
        inner = ', '.join(
            f'{k}={format_value(v)}' for k, v in value.items() if k != 'type'
        )
        return f'{value.get("type", "")}({inner})'
    if isinstance(value, list):
        return f'[{", ".join(map(format_value, value))}]'
    return str(value)


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar in a cell would end it and becomes a slash."""
    cells = [[cell.replace('|', '/') for cell in row] for row in rows]
    first, *others = [f'| {" | ".join(line)} |' for line in (header, *cells)]
    return '\n'.join([first, '|' + '---|' * len(header), *others])
