"""The command ``tools/infer.py``: prediction of images and videos."""

import argparse
import math
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from mmengine.config import DictAction

from ..errors import UserError
from .command_line import add_trust_option, run_interruptible
from .config.output_files import prepare_output, refuse_link
from .inference.batching import iter_batches
from .inference.memory import DEFAULT_MAX_MEMORY, MemoryLimit
from .inference.reading import read_frames
from .inference.sources import Source, find_sources
from .inferencer import build_inferencer
from .prediction import OVERLAY_FOLDER, Prediction

SKIPPED_EXIT_CODE = 3
#: Folders and files that a run writes below ``--out-dir``.
FOLDERS = (OVERLAY_FOLDER, 'label_maps')
FILES = ('predictions.json', 'images.json', 'skipped.json')


def main(arguments: Sequence[str] | None = None) -> int:
    """Predict images and videos.

    Args:
        arguments (Sequence[str], optional): Defaults to those of the command line.

    Returns:
        int: Exit code: 0, 2 after a :class:`UserError`, 3 if something was skipped, 130
        if interrupted.
    """
    args = _build_parser().parse_args(arguments)
    return run_interruptible(
        lambda: SKIPPED_EXIT_CODE if infer(args) else 0,
        'interrupted: all files are complete so far',
        args.trust_checkpoint,
    )


def infer(args: argparse.Namespace) -> int:
    """Predict, and write predictions and overlays.

    Args:
        args (argparse.Namespace): Parsed options.

    Returns:
        int: The number of files or frames that were skipped.

    Raises:
        UserError: For anything that the user can correct.
    """
    folder = Path(args.out_dir or f'work_dirs/infer/{Path(args.config).stem}')
    sources = find_sources(args.inputs, [folder / name for name in FOLDERS])
    if args.batch_size < 1:
        raise UserError(f'--batch-size {args.batch_size}: expected 1 or more')
    if not 0 < args.max_memory < math.inf:
        raise UserError(f'--max-memory {args.max_memory}: expected GiB, more than 0')
    _check_out_dir(folder, sources, args.overwrite)
    task, inferencer = build_inferencer(
        args.config, args.checkpoint, args.device, args.cfg_options
    )
    backbone = getattr(inferencer.model, 'backbone', None)
    if backbone is not None and hasattr(backbone, 'fuse'):
        backbone.fuse()
    try:
        # Not earlier: a command that fails before removes nothing.
        prepare_output(folder, '--out-dir', args.overwrite, FILES, FOLDERS)
        limit = MemoryLimit(args.max_memory)
        with ExitStack() as stack:
            prediction = Prediction(
                folder,
                task,
                inferencer,
                sources,
                stack,
                score_thr=args.score_thr,
                draws=not args.no_overlays,
                limit=limit,
            )
            frames = read_frames(sources, prediction.skip, limit, inferencer.reader)
            for batch in iter_batches(frames, args.batch_size):
                prediction.add(batch)
            prediction.finish()
    except OSError as error:
        raise UserError(
            f'{error}. The files written to {folder} before are complete.'
        ) from error
    return prediction.num_skipped


def _check_out_dir(folder: Path, sources: list[Source], overwrite: bool) -> None:
    """Refuse a folder that cannot be written to, or that holds what would be lost."""
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise UserError(
            f'--out-dir {folder}: {existing} is not a folder that can be written to'
        )
    if not overwrite:
        prepare_output(folder, '--out-dir', overwrite=False)
    for name in FOLDERS:
        refuse_link(folder / name)
    outputs = {os.path.abspath(folder / name) for name in FOLDERS}
    for source in sources:
        if not outputs.isdisjoint(map(str, source.path.parents)):
            raise UserError(
                f'{source.path} is an input, and would be replaced as an output. Give '
                'another --out-dir.'
            )


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Predict images and videos with a model of mmdet, mmseg or '
        'mmpretrain. Writes overlays and predictions.json: for detection COCO results, '
        'with their images in images.json; for segmentation label maps (PNG, class '
        'indices from 0, with the palette) in label_maps/; for classification the five '
        'best classes.',
        epilog='Exit status: 0 if everything was predicted, 2 if the command has to be '
        'corrected, 3 if something could not be read, predicted or drawn (listed in '
        'skipped.json).',
    )
    parser.add_argument(
        'config', help='config file; for a demo, the one in its work directory'
    )
    parser.add_argument('checkpoint', help='checkpoint that tools/train.py saved')
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='input',
        help='images, videos, folders (all images below them), or patterns in quotes '
        'such as "photos/**/*.jpg"',
    )
    parser.add_argument(
        '--out-dir', help='folder to write to; default: work_dirs/infer/<config name>'
    )
    parser.add_argument(
        '--batch-size',
        type=int,
        default=1,
        metavar='N',
        help='images per batch; only images of one size are batched. Default: 1',
    )
    parser.add_argument(
        '--max-memory',
        type=float,
        default=DEFAULT_MAX_MEMORY,
        metavar='GIB',
        help='memory that the work on one image may take, in GiB, besides the model; an '
        f'image that needs more is skipped. Default: {DEFAULT_MAX_MEMORY:g}',
    )
    add_trust_option(parser)
    parser.add_argument('--device', help='such as cuda:0; default: a GPU if there is one')
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        metavar='SCORE',
        help='boxes below it are not drawn; predictions.json has all. Default: 0.3',
    )
    parser.add_argument(
        '--no-overlays', action='store_true', help='write predictions only'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='settings that replace those of the config, such as '
        'model.test_cfg.rcnn.score_thr=0.3',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the outputs of an earlier run'
    )
    return parser
