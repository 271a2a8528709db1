"""The command ``tools/recipe.py``: recipes with the source of every setting."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .command_line import run_command
from .config.read import read_config
from .metafiles import get_checkout
from .recipes.describe import NONE, describe_recipe
from .recipes.ledger import Setting, find_ledger, read_ledger
from .recipes.page import write_recipes
from .recipes.table import format_table, format_value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; return the exit code."""
    parser = _build_parser()
    args = parser.parse_args(arguments)
    if bool(args.config) == bool(args.write):
        parser.error('name a config, or give --write')
    action = write_page if args.write else print_recipe
    return run_command(lambda: action(args))


def write_page(args: argparse.Namespace) -> None:
    """Write the ledger of this checkout into a page, between its two markers.

    Raises:
        UserError: If this is not a checkout, or the page has no markers.
    """
    write_recipes(Path(args.write), get_checkout() / 'configs' / 'recipes')
    print(f'wrote {args.write}')


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
        print(
            format_table(('setting', Path(args.config).stem, Path(args.diff).stem), rows)
        )
        return
    ledger = read_ledger(find_ledger(args.config)).get(Path(args.config).stem, {})
    unknown = Setting(None, '', '')
    lines = {
        name: line if (line := ledger.get(name, unknown)).value == value else unknown
        for name, value in recipe.items()
    }
    table = [
        (name, format_value(value), lines[name].kind, lines[name].source)
        for name, value in recipe.items()
    ]
    print(format_table(('setting', 'value', 'kind', 'source'), table))


def _describe_quietly(config: str) -> dict[str, Any]:
    """Describe a config without the log lines of the models that are built."""
    logging.disable(logging.INFO)
    try:
        return describe_recipe(read_config(config))
    finally:
        logging.disable(logging.NOTSET)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Print the recipe of a config: every setting that moves results, '
        'with its value, and where it comes from.'
    )
    parser.add_argument('config', nargs='?', help='config file')
    parser.add_argument(
        '--diff', metavar='OTHER', help='print the settings that differ in another config'
    )
    parser.add_argument(
        '--write',
        metavar='PAGE',
        help='instead of a config: write all recipes into a page of the documentation, '
        'such as docs/reproduce.md',
    )
    return parser
