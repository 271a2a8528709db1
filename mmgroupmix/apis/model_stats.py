"""The command ``tools/model_stats.py``: parameters and multiply-adds of models."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..model_index import read_models
from .command_line import parse_size, run_command
from .complexity import count
from .config.read import read_config
from .count_tables import update_pages
from .metafiles import update_metafiles

NO_FIGURE = '\N{EN DASH}'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; return the exit code."""
    parser = _build_parser()
    args = parser.parse_args(arguments)
    if not args.configs and not args.write:
        parser.error('name a config, or give --write')
    if args.write:
        return run_command(lambda: write_model_stats(args.configs))
    return run_command(lambda: print_model_stats(args.configs, args.size))


def print_model_stats(configs: Sequence[str], size: tuple[int, int]) -> None:
    """Print a table with one row per config, with the figures of the papers beside.

    Args:
        configs (Sequence[str]): Config files.
        size (tuple[int, int]): Height and width of the image.

    Raises:
        UserError: If a config is missing or its model does not work at the size.
    """
    height, width = size
    published = {model['Name']: model['Metadata'] for model in read_models()}
    print(f'at {height}x{width}, one image')
    print(
        '| config | parameters (M) | in the paper | multiply-adds (G) | in the paper '
        '| activations (M) |'
    )
    print('|---|---|---|---|---|---|')
    for path in configs:
        name = Path(path).stem
        stats = count(read_config(path), size)
        paper = published.get(name, {})
        flops = NO_FIGURE  # what the paper reports is for one size
        if paper.get('Input Size') == f'{height}x{width}':
            flops = paper.get('Published FLOPs (G)', NO_FIGURE)
        parameters = paper.get('Published Parameters (M)', NO_FIGURE)
        print(
            f'| {name} | {stats["params"]:.2f} | {parameters} | {stats["flops"]:.2f} '
            f'| {flops} | {stats["activations"]:.2f} |',
            flush=True,
        )


def write_model_stats(configs: Sequence[str]) -> None:
    """Write counts into the model index, and those of the index into the tables.

    Args:
        configs (Sequence[str]): Config files to count again. Entries of the index
            without counts are counted in any case.

    Raises:
        UserError: If this is not a checkout, or a config has no entry in the index.
    """
    for path in update_metafiles([Path(config).stem for config in configs]):
        print(f'wrote {path}')
    for path in update_pages():
        print(f'wrote {path}')


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Count parameters, multiply-adds and activations of the models of '
        "configs, as the tables of the papers do, and print the papers' figures beside."
    )
    parser.add_argument('configs', nargs='*', metavar='CONFIG', help='config files')
    parser.add_argument(
        '--size',
        type=parse_size,
        default=(224, 224),
        metavar='HxW',
        help='height and width of the image, or the side of a square; default: 224',
    )
    parser.add_argument(
        '--write',
        action='store_true',
        help='write the counts into the model index (configs/metafiles) and the tables '
        'of the documentation instead: those of the given configs and of entries without '
        'counts, each at its own input size',
    )
    return parser
