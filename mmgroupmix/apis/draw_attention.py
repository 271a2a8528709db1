"""The command ``tools/draw_attention.py``: maps of external attention over an image."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from ..visualization.attention_maps import draw_attention_maps, record_attention
from .command_line import run_command
from .inferencer import build_inferencer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; return the exit code."""
    args = _build_parser().parse_args(arguments)
    return run_command(lambda: draw_attention(args))


def draw_attention(args: argparse.Namespace) -> None:
    """Run the model on the image, and write the PNG.

    Args:
        args (argparse.Namespace): Parsed options.

    Raises:
        UserError: For anything that the user can correct.
    """
    if not Path(args.image).is_file():
        raise UserError(f'image not found: {args.image}')
    out_file = Path(args.out or f'{Path(args.image).stem}_attention.png')
    if out_file.suffix.lower() != '.png':
        raise UserError(f'--out {out_file}: expected the name of a .png file')
    if out_file.exists() and not args.overwrite:
        raise UserError(
            f'{out_file} exists already. Give another --out, or --overwrite to replace '
            'it.'
        )
    _, inferencer = build_inferencer(args.config, args.checkpoint, args.device)
    inferencer.show_progress = False  # pointless for one image; mmpretrain ignores it
    with record_attention(inferencer.model) as record:
        inferencer(str(args.image))
    if record.attention is None or record.num_passes > 1:
        raise UserError(
            f'{args.config} predicts {record.num_passes} windows or views of the image, '
            "of which only one would be drawn. Set model.test_cfg.mode to 'whole', or "
            'take a pipeline without augmentation.'
        )
    out_file.parent.mkdir(parents=True, exist_ok=True)
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
    parser.add_argument(
        '--out', help='PNG to write; default: <image name>_attention.png here'
    )
    parser.add_argument('--device', help='as cuda:0; default: a GPU if there is one')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the PNG if it exists'
    )
    return parser
