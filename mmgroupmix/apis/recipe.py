"""The command ``tools/recipe.py``: the recipe of a config, with its sources."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .command_line import run_command
from .config.read import read_config
from .recipes.describe import NONE, describe_recipe
from .recipes.ledger import Setting, find_ledger, read_ledger


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; return the exit code."""
    args = _build_parser().parse_args(arguments)
    return run_command(lambda: print_recipe(args))


def print_recipe(args: argparse.Namespace) -> None:
    """Print a recipe as a table, or the settings in which two differ.

    Raises:
        UserError: If a file is missing or is not a config of the three toolboxes.
    """
    recipe = _describe_quietly(args.config)
    if args.diff:
        other = _describe_quietly(args.diff)
        names = [n for n in recipe | other if recipe.get(n, NONE) != other.get(n, NONE)]
        rows = [
            (
                name,
                format_value(recipe.get(name, NONE)),
                format_value(other.get(name, NONE)),
            )
            for name in names
        ]
        _print_table(('setting', Path(args.config).stem, Path(args.diff).stem), rows)
        return
    ledger = read_ledger(find_ledger(args.config)).get(Path(args.config).stem, {})
    unknown = Setting(None, '', '')
    lines = {
        name: line if (line := ledger.get(name, unknown)).value == value else unknown
        for name, value in recipe.items()
    }
    _print_table(
        ('setting', 'value', 'kind', 'source'),
        [
            (name, format_value(value), lines[name].kind, lines[name].source)
            for name, value in recipe.items()
        ],
    )


def _describe_quietly(config: str) -> dict[str, Any]:
    """Describe a config without the log lines of the models that are built."""
    logging.disable(logging.INFO)
    try:
        return describe_recipe(read_config(config))
    finally:
        logging.disable(logging.NOTSET)


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


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print('| ' + ' | '.join(header) + ' |')
    print('|' + '---|' * len(header))
    for row in rows:
        print('| ' + ' | '.join(cell.replace('|', '/') for cell in row) + ' |')


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Print the recipe of a config: every setting that moves results, '
        'with its value, and where it comes from.'
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--diff', metavar='OTHER', help='print the settings that differ in another config'
    )
    return parser
