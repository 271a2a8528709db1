"""A run of predictions: batches in, files out, failures reported and survived."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from mmengine.infer import BaseInferencer
from mmengine.structures import BaseDataElement
from mmengine.utils import ProgressBar
from torch import nn

from ..errors import UserError
from .inference.interruption import defer_signals
from .inference.json_list import JsonListWriter, NonFinitePredictionError
from .inference.memory import MemoryLimit, MemoryLimitError
from .inference.overlay_files import OverlayFiles
from .inference.sources import Frame, Source
from .tasks import Task

OVERLAY_FOLDER = 'overlays'
#: So many images may fail before the first one that can be predicted.
MAX_CONSECUTIVE_FAILURES = 8


class Prediction:
    """The state of a run, and the files that it writes.

    Args:
        folder (Path): Where to write.
        task (Task): The task.
        inferencer (BaseInferencer): The task's inferencer.
        sources (Sequence[Source]): All files to predict.
        stack (ExitStack): Closes the files.
        score_thr (float): Boxes with a lower score are not drawn.
        draws (bool): Whether to write overlays.
        limit (MemoryLimit, optional): Images that need more are skipped. Defaults to
            None: the default limit.
    """

    def __init__(
        self,
        folder: Path,
        task: Task,
        inferencer: BaseInferencer,
        sources: Sequence[Source],
        stack: ExitStack,
        *,
        score_thr: float,
        draws: bool,
        limit: MemoryLimit | None = None,
    ):
        self.folder, self.task, self.inferencer = folder, task, inferencer
        self.sources, self.stack = sources, stack
        self.score_thr = score_thr
        self.limit = limit or MemoryLimit()
        task.bound_memory(inferencer, self.limit)
        model = getattr(inferencer, 'model', None)
        parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
        self.device = next((one.device.type for one in parameters), 'cpu')
        assert task.result_writer, 'there is an inferencer'
        self.writer = task.result_writer(folder, inferencer)
        stack.callback(self.writer.close)
        self.overlays: OverlayFiles | None = None
        if draws:
            self.overlays = OverlayFiles(folder / OVERLAY_FOLDER)
            stack.callback(self.overlays.close)
        self.skipped: JsonListWriter | None = None
        self.num_skipped, self.num_predicted, self.num_errors = 0, 0, 0
        self.first_error: Exception | None = None
        self.reported_batch_failure = False
        self.progress = ProgressBar(sum(source.num_images() for source in sources))

    def skip(self, name: str, reason: str) -> None:
        """Report, and record in ``skipped.json``, that a file or frame is left out."""
        print(f'\nskipped {name}: {reason}', file=sys.stderr, flush=True)
        if self.skipped is None:
            self.skipped = JsonListWriter(self.folder / 'skipped.json')
            self.stack.callback(self.skipped.close)
        self.skipped.add(dict(file_name=name, reason=reason))
        self.num_skipped += 1
        self.progress.update()

    def add(self, batch: list[Frame]) -> None:
        """Predict images of one size, write the predictions and draw them."""
        pairs = self._predict(batch)
        if not pairs and self.num_errors >= MAX_CONSECUTIVE_FAILURES:
            self._raise_if_nothing_worked()
        for frame, prediction in pairs:
            try:
                with self.limit.enforce(), defer_signals():
                    self.writer.add(frame, prediction)
            except (NonFinitePredictionError, MemoryLimitError) as error:
                self.skip(frame.name, f'the prediction cannot be written: {error}')
                continue
            self.num_predicted += 1
            if not self.overlays or self._draw(self.overlays, frame, prediction):
                self.progress.update()

    def _draw(
        self, overlays: OverlayFiles, frame: Frame, prediction: BaseDataElement
    ) -> bool:
        """Whether a prediction could be drawn; if not, it is reported and recorded."""
        try:
            with self.limit.enforce():
                overlay = self.task.draw(
                    self.inferencer, frame, prediction, self.score_thr, self.limit
                )
                with defer_signals():
                    overlays.add(frame, overlay)
        except (OSError, UserError):
            raise
        except Exception as error:
            # Visualisers and formats have their limits, such as an image of one pixel.
            reason = f'predicted, but cannot be drawn: {format_error(error)}'
            self.skip(frame.name, reason)
            return False
        return True

    def _predict(self, batch: list[Frame]) -> list[tuple[Frame, BaseDataElement]]:
        """Predict a batch; if that fails, image by image, and skip those that fail."""
        try:
            return list(zip(batch, self._forward(batch), strict=True))
        except Exception as error:
            message = format_error(error)
            if len(batch) == 1 and isinstance(error, MemoryLimitError):
                self.skip(batch[0].name, f'cannot be predicted: {error}')
                return []
            if len(batch) == 1:
                # Only the first: a traceback keeps the tensors of its frames alive.
                self.first_error = self.first_error or error
                self.num_errors += 1
                self.skip(batch[0].name, f'cannot be predicted: {message}')
                return []
        # Outside the handler, which would keep the batch's tensors alive.
        if not self.reported_batch_failure:
            print(
                f'\na batch of {len(batch)} failed ({message}): its images are predicted '
                'one by one. If all batches fail, give a smaller --batch-size.',
                file=sys.stderr,
                flush=True,
            )
            self.reported_batch_failure = True
        return [pair for frame in batch for pair in self._predict([frame])]

    def _forward(self, batch: list[Frame]) -> list[BaseDataElement]:
        images = [frame.image for frame in batch]
        with self.limit.enforce(len(batch)):
            (data,) = self.inferencer.preprocess(images, batch_size=len(images))
        if not isinstance(data, dict):  # mmdet and mmseg return the images as well
            _, data = data
        with self.limit.enforce(len(batch), self.device):
            return list(self.inferencer.forward(data))

    def _raise_if_nothing_worked(self) -> None:
        """Where nothing at all can be predicted, the images are not the cause."""
        if self.first_error and not self.num_predicted:
            raise self.first_error

    def finish(self) -> None:
        """Report the counts and where everything is."""
        self._raise_if_nothing_worked()
        lines = ['', '', f'predicted    {self.num_predicted}']
        lines.append(f'predictions  {self.folder}')
        lines += self.writer.describe(self.sources)
        if self.overlays:
            lines.append(f'overlays     {self.overlays.folder}')
        if self.num_skipped:
            listing = self.folder / 'skipped.json'
            lines.append(f'skipped      {self.num_skipped}, listed in {listing}')
        print('\n'.join(lines), flush=True)


def format_error(error: Exception) -> str:
    """Type and message of an exception, in one line."""
    return f'{type(error).__name__}: {" ".join(str(error).split()) or "no message"}'
