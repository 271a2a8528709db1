"""The command ``tools/infer.py``."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path

from mmengine.config import DictAction
from mmengine.infer import BaseInferencer
from mmengine.structures import BaseDataElement
from mmengine.utils import ProgressBar

from ..errors import UserError
from .image_sources import Picture, find_sources, read_pictures
from .inferencers import build_inferencer
from .overlays import OverlayFiles, draw
from .prediction_files import PREDICTION_FILES, GrowingJson
from .reporting import run_command
from .work_dir import clear_for_output

SKIPPED_EXIT_CODE = 3
# So many batches are read ahead to find images of one size.
WINDOW = 8
OUTPUTS = (
    'predictions.json', 'images.json', 'skipped.json', 'overlays/**/*',
    'label_maps/**/*')


def main(arguments: Sequence[str] | None = None) -> int:
    """Predict images and videos.

    Args:
        arguments (Sequence[str], optional): Default: those of the command line.

    Returns:
        int: Exit code: 0, 2 after a :class:`UserError`, 3 if something was skipped.
    """
    args = _parser().parse_args(arguments)
    return run_command(lambda: SKIPPED_EXIT_CODE if infer(args) else 0)


def infer(args: argparse.Namespace) -> int:
    """Predict, and write predictions and overlays.

    Args:
        args (argparse.Namespace): Parsed options.

    Returns:
        int: How many files or frames were skipped.

    Raises:
        UserError: For anything that the person can mend.
    """
    folder = Path(args.out_dir or f'work_dirs/infer/{Path(args.config).stem}')
    sources = find_sources(args.inputs, folder)
    if args.batch_size < 1:
        raise UserError(f'--batch-size {args.batch_size}: expected 1 or more')
    clear_for_output(str(folder), '--out-dir', OUTPUTS, args.overwrite)
    task, inferencer = build_inferencer(
        args.config, args.checkpoint, args.device, args.cfg_options)
    backbone = getattr(inferencer.model, 'backbone', None)
    if hasattr(backbone, 'fuse'):
        backbone.fuse()

    skipped = _Skipped(folder)
    files = PREDICTION_FILES[task](folder, inferencer, sources)
    overlays = OverlayFiles(folder / 'overlays')
    progress = ProgressBar(sum(source.num_images() for source in sources))
    num_predicted = 0
    try:
        pictures = read_pictures(sources, skipped)
        for batch in _batches(pictures, args.batch_size):
            pairs = _predict(inferencer, batch, skipped, bool(num_predicted))
            if not args.no_overlays and pairs:
                for (picture, _), overlay in zip(
                        pairs, draw(task, inferencer, *zip(*pairs), args.score_thr)):
                    overlays.add(picture, overlay)
            for picture, prediction in pairs:
                files.add(picture, prediction)
                progress.update()
            num_predicted += len(pairs)
    finally:
        for output in (overlays, files, skipped):
            output.close()
    print(_summary(folder, num_predicted, skipped, args.no_overlays), flush=True)
    return skipped.number


class _Skipped:
    """What could not be predicted: told at once, and kept in ``skipped.json``.

    Args:
        folder (Path): Where to write.
    """

    def __init__(self, folder: Path):
        self.path = folder / 'skipped.json'
        self.file, self.number = None, 0

    def __call__(self, name: str, reason: str) -> None:
        """Tell, and note, that a file or frame was left out, and why."""
        print(f'\nskipped {name}: {reason}', file=sys.stderr, flush=True)
        self.file = self.file or GrowingJson(self.path)
        self.file.add(dict(file_name=name, reason=reason))
        self.number += 1

    def close(self) -> None:
        """Close the file, if there is one."""
        if self.file:
            self.file.close()


def _batches(pictures: Iterator[Picture], batch_size: int) -> Iterator[list[Picture]]:
    """Images of one size together, so that none is padded, which changes predictions."""
    # A video stays by itself: its frames go into one file, in their order.
    for _, some in groupby(pictures, key=lambda one: one.source.is_video and one.source):
        while window := list(islice(some, WINDOW * batch_size)):
            window.sort(key=_size)  # stable
            for _, alike in groupby(window, key=_size):
                while batch := list(islice(alike, batch_size)):
                    yield batch


def _size(picture: Picture) -> tuple[int, int]:
    return picture.image.shape[:2]


def _predict(
    inferencer: BaseInferencer, batch: list[Picture], skipped: _Skipped, go_on: bool
) -> list[tuple[Picture, BaseDataElement]]:
    """Predict a batch; if that fails, image by image, and skip the one that fails.

    Args:
        inferencer (BaseInferencer): The model with its pipeline.
        batch (list[Picture]): The images.
        skipped (_Skipped): Told what was left out.
        go_on (bool): Whether to go on if none can be predicted. Without it, an error
            that is not an image's is raised as it is.

    Returns:
        list[tuple[Picture, BaseDataElement]]: Images and what the model says.
    """
    try:
        return list(zip(batch, _forward(inferencer, batch)))
    except Exception:
        pass  # One by one, outside of the handler: it would hold on to the memory.
    pairs, errors = [], []
    for picture in batch:
        try:
            pairs += zip([picture], _forward(inferencer, [picture]))
        except Exception as error:
            errors.append((picture, error))
    if not pairs and not go_on:
        raise errors[0][1]
    for picture, error in errors:
        reason = ' '.join(str(error).split()) or 'without a message'
        skipped(picture.name, f'cannot be predicted: {type(error).__name__}: {reason}')
    return pairs


def _forward(
    inferencer: BaseInferencer, batch: list[Picture]
) -> list[BaseDataElement]:
    images = [picture.image for picture in batch]
    data, = inferencer.preprocess(images, batch_size=len(images))
    if not isinstance(data, dict):  # mmdet and mmseg hand the images on beside it
        _, data = data
    return list(inferencer.forward(data))


def _summary(
    folder: Path, num_predicted: int, skipped: _Skipped, no_overlays: bool
) -> str:
    lines = ['', '', f'predicted    {num_predicted}', f'predictions  {folder}']
    if not no_overlays:
        lines.append(f'overlays     {folder / "overlays"}')
    if skipped.number:
        lines.append(f'skipped      {skipped.number}, listed in {skipped.path}')
    return '\n'.join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Predict images and videos with a model of mmdet, mmseg or '
        'mmpretrain. Writes overlays, and predictions.json: for detection COCO results, '
        'with the images they belong to in images.json; for segmentation the label maps '
        '(PNG, class indices from 0, with the palette) in label_maps/; for '
        'classification the five best classes.',
        epilog='Exit status: 0 if all went well, 2 if the command has to be mended, 3 if '
        'something could not be read or predicted; it is listed in skipped.json then.')
    parser.add_argument('config', help='config file; for a demo, the one in its work dir')
    parser.add_argument('checkpoint', help='what tools/train.py saved')
    parser.add_argument(
        'inputs', nargs='+', metavar='input', help='images, videos, folders (all images '
        'below them), or patterns in quotes such as "photos/**/*.jpg"')
    parser.add_argument(
        '--out-dir', help='folder to write to; default: work_dirs/infer/<config name>')
    parser.add_argument(
        '--batch-size', type=int, default=1, metavar='N',
        help='images at a time; only those of one size go together. Default: 1')
    parser.add_argument('--device', help='as cuda:0; default: a GPU if there is one')
    parser.add_argument(
        '--score-thr', type=float, default=0.3, metavar='SCORE',
        help='boxes below it are not drawn; predictions.json has all. Default: 0.3')
    parser.add_argument(
        '--no-overlays', action='store_true', help='write predictions only')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={}, metavar='KEY=VALUE',
        help='settings that replace those of the config, such as '
        'model.test_cfg.rcnn.score_thr=0.3')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the outputs of a former run')
    return parser
