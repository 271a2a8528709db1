"""Hook that stops a training whose loss is not a number any more."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import Tensor

from ...errors import UserError
from ...registry import HOOKS

#: More names of files than this would hide the message.
MAX_NAMES = 8


@HOOKS.register_module()
class InvalidLossHook(Hook):
    """Stop after several losses in a row that are NaN or infinite.

    The losses stay on their device and are looked at every ``max_invalid`` iterations
    only, so the hook hardly costs a synchronisation.

    Args:
        max_invalid (int): How many such losses in a row end the training. Defaults
            to 10.

    Raises:
        UserError: Naming the first of these iterations and the files of its batch.
    """

    # Before a checkpoint is saved.
    priority = 'ABOVE_NORMAL'

    def __init__(self, max_invalid: int = 10):
        if max_invalid < 1:
            raise UserError(f'max_invalid={max_invalid}: expected 1 or more')
        self.max_invalid = max_invalid
        #: (iteration, whether the loss is finite, the batch's files), twice the number:
        #: a row of losses may begin within one look and end within the next.
        self._recent: deque = deque(maxlen=2 * max_invalid)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        is_finite = _is_finite(outputs)
        if is_finite is None:
            return
        iteration = runner.iter + 1
        self._recent.append((iteration, is_finite, list(find_files(data_batch))))
        if iteration % self.max_invalid == 0 or iteration == runner.max_iters:
            self._look(runner)

    def _look(self, runner: Runner) -> None:
        length = self._length_of_row()
        if length >= self.max_invalid:
            last = runner.message_hub.runtime_info.get('last_ckpt')
            raise UserError(
                f'{self.describe_row()}. The last checkpoint before is {last or "none"}. '
                'Check these files and their labels, lower the learning rate or clip '
                'gradients, and resume from it.'
            )

    def _length_of_row(self) -> int:
        """How many of the latest losses, in a row, are not finite."""
        if not self._recent:
            return 0
        finite = torch.stack([entry[1] for entry in self._recent]).tolist()
        return next(
            (length for length, one in enumerate(reversed(finite)) if one), len(finite)
        )

    def describe_row(self) -> str:
        """Since when the loss is not finite, and with which files; '' if it is."""
        length = self._length_of_row()
        if not length:
            return ''
        iteration, _, files = self._recent[-length]
        more = f' and {len(files) - MAX_NAMES} more' if len(files) > MAX_NAMES else ''
        names = ', '.join(files[:MAX_NAMES]) or 'unknown (the batch names no files)'
        return (
            f'the loss is NaN or infinite since iteration {iteration}, {length} times in '
            f'a row. Files of its batch: {names}{more}'
        )


def _is_finite(outputs: Mapping[str, Any] | None) -> Tensor | None:
    """Whether all losses are finite, as a tensor on their device; None without a loss."""
    losses = [
        value.detach()
        for key, value in (outputs or {}).items()
        if 'loss' in key and isinstance(value, Tensor)
    ]
    if not losses:
        return None
    return torch.stack([loss.isfinite().all() for loss in losses]).all()


def find_files(data_batch: Any) -> Iterator[str]:
    """The image files of a batch of any of the toolboxes.

    Args:
        data_batch (Any): What a data loader yields.

    Yields:
        str: Paths.
    """
    if isinstance(data_batch, BaseDataElement):
        path = data_batch.get('img_path')
        if isinstance(path, str):
            yield path
    elif isinstance(data_batch, Mapping):
        for value in data_batch.values():
            yield from find_files(value)
    elif isinstance(data_batch, (list, tuple)):
        for value in data_batch:
            yield from find_files(value)
