"""The command ``tools/draw_attention.py``: maps of external attention over an image."""

import argparse
from collections.abc import Sequence

from ..visualization.attention_maps import draw_attention_maps, record_attention
from .command_line import run_command
from .drawing import (
    add_drawing_options,
    check_one_pass,
    prepare_out_file,
    resolve_out_file,
)
from .inferencer import build_inferencer

SUFFIX = '_attention.png'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; return the exit code."""
    args = _build_parser().parse_args(arguments)
    return run_command(lambda: draw_attention(args), args.trust_checkpoint)


def draw_attention(args: argparse.Namespace) -> None:
    """Run the model on the image, and write the PNG.

    Args:
        args (argparse.Namespace): Parsed options.

    Raises:
        UserError: For anything that the user can correct.
    """
    out_file = resolve_out_file([args.image], args.out, SUFFIX, args.overwrite)
    _, inferencer = build_inferencer(args.config, args.checkpoint, args.device)
    inferencer.show_progress = False  # pointless for one image; mmpretrain ignores it
    with record_attention(inferencer.model) as record:
        inferencer(str(args.image))
    check_one_pass(args.config, record.num_passes)
    assert record.attention is not None  # for mypy: there was one pass
    prepare_out_file(out_file)
    draw_attention_maps(record, args.rows, out_file)
    heads, height, width, num_memories = record.attention.shape
    print(
        f'\n{out_file}: rows {", ".join(map(str, args.rows))} of {num_memories}, '
        f'{heads} head(s), maps of {height} x {width} positions'
    )


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Draw where external attention looks: for chosen rows of the memory '
        'Mk, the attention of every position of the image to them, for every head of the '
        'last such layer (EANet has one head, EAMLP several).'
    )
    parser.add_argument('config', help='config file; for a demo, the one in its work dir')
    parser.add_argument('checkpoint', help='what tools/train.py saved')
    parser.add_argument('image', help='image file')
    parser.add_argument(
        '--rows',
        nargs='+',
        type=int,
        default=[0, 1, 2, 3, 4, 5, 6],
        metavar='ROW',
        help='rows of Mk, from 0; default: 0 to 6',
    )
    add_drawing_options(parser, f'<image name>{SUFFIX}')
    return parser
