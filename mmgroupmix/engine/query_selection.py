"""A detector that selects more queries than its feature maps have positions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import UserError

#: How PyTorch's message begins.
MESSAGE = 'selected index k out of range'


@contextmanager
def report_missing_positions() -> Iterator[None]:
    """Say what to do where a detector of two stages, such as DINO, has too small images.

    Raises:
        UserError: In place of PyTorch's RuntimeError.
    """
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith(MESSAGE):
            raise
        found = _find_selection(error)
        if found is None:
            raise
        queries, positions = found
        raise UserError(
            f'model.num_queries is {queries}, and the feature maps of a batch have '
            f'{positions} positions to select them from. Enlarge the images (scale of '
            f'the resizing steps), or set num_queries to at most {positions}.'
        ) from error


def _find_selection(error: BaseException) -> tuple[int, int] | None:
    """The number of queries and of positions in the frame of the failed selection."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    names: dict[str, Any] = trace.tb_frame.f_locals if trace else {}
    queries = getattr(names.get('self'), 'num_queries', None)
    scores = names.get('enc_outputs_class')
    if queries is None or scores is None:
        return None
    return int(queries), int(scores.shape[1])
