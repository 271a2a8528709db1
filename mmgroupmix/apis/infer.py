"""The command ``tools/infer.py``."""

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby, islice
from pathlib import Path

from mmengine.config import DictAction
from mmengine.infer import BaseInferencer
from mmengine.structures import BaseDataElement
from mmengine.utils import ProgressBar

from ..errors import UserError
from .config.work_dir import prepare_output
from .inference.inferencers import build_inferencer
from .inference.overlays import OverlayFiles, draw
from .inference.prediction_files import PREDICTION_FILES, JsonListWriter
from .inference.sources import Frame, Source, find_sources, read_frames
from .reporting import run_command

SKIPPED_EXIT_CODE = 3
INTERRUPTED_EXIT_CODE = 130
TERMINATED_EXIT_CODE = 143
FOLDERS = ('overlays', 'label_maps')
OUTPUTS = (
    'predictions.json',
    'images.json',
    'skipped.json',
    *(f'{folder}/**/*' for folder in FOLDERS),
)
# So many batches, but not more bytes, are read ahead to find images of one size.
WINDOW = 8
WINDOW_BYTES = 2**28
# So many images may fail before the first that can be predicted.
MAX_CONSECUTIVE_FAILURES = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Predict images and videos.

    Args:
        arguments (Sequence[str], optional): Default: those of the command line.

    Returns:
        int: Exit code: 0, 2 after a :class:`UserError`, 3 if something was skipped, 130
        if interrupted.
    """
    args = _parser().parse_args(arguments)
    # As clusters end a job: the files, above all a video, are to be closed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED_EXIT_CODE))
    try:
        return run_command(lambda: SKIPPED_EXIT_CODE if infer(args) else 0)
    except KeyboardInterrupt:
        print('\ninterrupted: what is written is complete', file=sys.stderr)
        return INTERRUPTED_EXIT_CODE


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
    sources = find_sources(args.inputs, [folder / name for name in FOLDERS])
    if args.batch_size < 1:
        raise UserError(f'--batch-size {args.batch_size}: expected 1 or more')
    _check_out_dir(folder, sources, args.overwrite)
    task, inferencer = build_inferencer(
        args.config, args.checkpoint, args.device, args.cfg_options
    )
    backbone = getattr(inferencer.model, 'backbone', None)
    if hasattr(backbone, 'fuse'):
        backbone.fuse()
    try:
        # Not earlier: a command that cannot work removes nothing.
        prepare_output(str(folder), '--out-dir', OUTPUTS, args.overwrite)
        with ExitStack() as stack:
            run = _Run(args, folder, task, inferencer, sources, stack)
            for batch in _batches(read_frames(sources, run.skip), args.batch_size):
                run.take(batch)
            run.finish()
    except OSError as error:
        raise UserError(
            f'{error}. What was written to {folder} before is complete.'
        ) from error
    return run.num_skipped


def _check_out_dir(folder: Path, sources: list[Source], overwrite: bool) -> None:
    """Refuse what cannot be written to, or holds what would be lost."""
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise UserError(
            f'--out-dir {folder}: {above} is no folder that can be written to'
        )
    if not overwrite:
        prepare_output(str(folder), '--out-dir', OUTPUTS, False)
    ours = {os.path.abspath(folder / name) for name in FOLDERS}
    for source in sources:
        if not ours.isdisjoint(map(str, source.path.parents)):
            raise UserError(
                f'{source.path} is an input, and would be replaced as an output. Give '
                'another --out-dir.'
            )


class _Run:
    """Where a run stands, and where it writes.

    Args:
        args (argparse.Namespace): Parsed options.
        folder (Path): Where to write.
        task (str): 'seg', 'det' or 'cls'.
        inferencer (BaseInferencer): That of the task.
        sources (list[Source]): All files to predict.
        stack (ExitStack): Closes the files.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        folder: Path,
        task: str,
        inferencer: BaseInferencer,
        sources: list[Source],
        stack: ExitStack,
    ):
        self.folder, self.task, self.inferencer = folder, task, inferencer
        self.sources, self.stack = sources, stack
        self.score_thr = args.score_thr
        self.files = PREDICTION_FILES[task](folder, inferencer)
        stack.callback(self.files.close)
        self.overlays = None
        if not args.no_overlays:
            self.overlays = OverlayFiles(folder / 'overlays')
            stack.callback(self.overlays.close)
        self.skipped, self.num_skipped, self.num_predicted = None, 0, 0
        self.first_error, self.num_errors, self.told_of_batch = None, 0, False
        self.progress = ProgressBar(sum(source.num_images() for source in sources))

    def skip(self, name: str, reason: str) -> None:
        """Tell, and note in ``skipped.json``, that a file or frame was left out."""
        print(f'\nskipped {name}: {reason}', file=sys.stderr, flush=True)
        if self.skipped is None:
            self.skipped = JsonListWriter(self.folder / 'skipped.json')
            self.stack.callback(self.skipped.close)
        self.skipped.add(dict(file_name=name, reason=reason))
        self.num_skipped += 1
        self.progress.update()

    def take(self, batch: list[Frame]) -> None:
        """Predict images of one size, write what comes out, and draw it."""
        pairs = self._predict(batch)
        if not pairs and self.num_errors >= MAX_CONSECUTIVE_FAILURES:
            self._give_up_without_a_success()
        for picture, prediction in pairs:
            self.files.add(picture, prediction)
            self.num_predicted += 1
            if not self.overlays or self._draw(picture, prediction):
                self.progress.update()

    def _draw(self, picture: Frame, prediction: BaseDataElement) -> bool:
        """Whether it could be drawn; if not, it is told and noted."""
        try:
            self.overlays.add(
                picture,
                draw(self.task, self.inferencer, picture, prediction, self.score_thr),
            )
        except (OSError, UserError):
            raise
        except Exception as error:
            # Visualisers and formats have their limits, as with an image of one pixel.
            self.skip(
                picture.name, f'predicted, but cannot be drawn: {format_error(error)}'
            )
            return False
        return True

    def _predict(self, batch: list[Frame]) -> list[tuple[Frame, BaseDataElement]]:
        """Predict a batch; if that fails, image by image, and skip the one that fails."""
        try:
            return list(zip(batch, _forward(self.inferencer, batch), strict=True))
        except Exception as error:
            told = format_error(error)
            if len(batch) == 1:
                # One is enough: a traceback holds on to the tensors of what failed.
                self.first_error = self.first_error or error
                self.num_errors += 1
                self.skip(batch[0].name, f'cannot be predicted: {told}')
                return []
        # Outside of the handler, which would hold on to those of the batch.
        if not self.told_of_batch:
            print(
                f'\na batch of {len(batch)} failed ({told}): its images are taken one by '
                'one. If all are, give a smaller --batch-size.',
                file=sys.stderr,
                flush=True,
            )
            self.told_of_batch = True
        return [pair for picture in batch for pair in self._predict([picture])]

    def _give_up_without_a_success(self) -> None:
        """Where nothing at all can be predicted, no image is to blame."""
        if self.first_error and not self.num_predicted:
            raise self.first_error

    def finish(self) -> None:
        """Say where everything is."""
        self._give_up_without_a_success()
        lines = [
            '',
            '',
            f'predicted    {self.num_predicted}',
            f'predictions  {self.folder}',
        ]
        if self.task == 'det':
            lines.append(
                'image ids    '
                + (
                    'counted from 1, see images.json'
                    if self.sources[0].number is None
                    else 'in the names of the files'
                )
            )
        if self.overlays:
            lines.append(f'overlays     {self.overlays.folder}')
        if self.num_skipped:
            lines.append(
                f'skipped      {self.num_skipped}, listed in '
                f'{self.folder / "skipped.json"}'
            )
        print('\n'.join(lines), flush=True)


def _batches(pictures: Iterator[Frame], batch_size: int) -> Iterator[list[Frame]]:
    """Images of one size together, so that none is padded, which changes predictions."""
    # A video stays by itself: its frames go into one file, in their order.
    for source, some in groupby(
        pictures, key=lambda one: one.source if one.source.is_video else None
    ):
        while window := _window(some, batch_size, read_ahead=source is None):
            window.sort(key=_size)  # stable
            for _, alike in groupby(window, key=_size):
                while batch := list(islice(alike, batch_size)):
                    yield batch


def _window(pictures: Iterator[Frame], batch_size: int, read_ahead: bool) -> list[Frame]:
    most = WINDOW * batch_size if read_ahead and batch_size > 1 else batch_size
    window, num_bytes = [], 0
    for picture in islice(pictures, most):
        window.append(picture)
        num_bytes += picture.image.nbytes
        if num_bytes > WINDOW_BYTES and len(window) >= batch_size:
            break
    return window


def _size(picture: Frame) -> tuple[int, int]:
    return picture.image.shape[:2]


def _forward(inferencer: BaseInferencer, batch: list[Frame]) -> list[BaseDataElement]:
    images = [picture.image for picture in batch]
    (data,) = inferencer.preprocess(images, batch_size=len(images))
    if not isinstance(data, dict):  # but for mmpretrain, the images come with it
        _, data = data
    return list(inferencer.forward(data))


def format_error(error: Exception) -> str:
    return f'{type(error).__name__}: {" ".join(str(error).split()) or "no message"}'


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Predict images and videos with a model of mmdet, mmseg or '
        'mmpretrain. Writes overlays, and predictions.json: for detection COCO results, '
        'with the images they belong to in images.json; for segmentation the label maps '
        '(PNG, class indices from 0, with the palette) in label_maps/; for '
        'classification the five best classes.',
        epilog='Exit status: 0 if all went well, 2 if the command has to be mended, 3 if '
        'something could not be read, predicted or drawn; it is listed in skipped.json '
        'then.',
    )
    parser.add_argument('config', help='config file; for a demo, the one in its work dir')
    parser.add_argument('checkpoint', help='what tools/train.py saved')
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='input',
        help='images, videos, folders (all images '
        'below them), or patterns in quotes such as "photos/**/*.jpg"',
    )
    parser.add_argument(
        '--out-dir', help='folder to write to; default: work_dirs/infer/<config name>'
    )
    parser.add_argument(
        '--batch-size',
        type=int,
        default=1,
        metavar='N',
        help='images at a time; only those of one size go together. Default: 1',
    )
    parser.add_argument('--device', help='as cuda:0; default: a GPU if there is one')
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
        '--overwrite', action='store_true', help='replace the outputs of a former run'
    )
    return parser
