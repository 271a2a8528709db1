"""A batch norm that is given a single value per channel."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import UserError

#: How PyTorch's message begins.
MESSAGE = 'Expected more than 1 value per channel'


@contextmanager
def report_single_values() -> Iterator[None]:
    """Say what to do where a batch norm cannot take statistics.

    Raises:
        UserError: In place of PyTorch's ValueError.
    """
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(MESSAGE):
            raise
        raise UserError(
            f'a batch norm cannot take statistics of one value per channel: {error}. A '
            'batch with one image was pooled to 1 x 1. Set train_dataloader.batch_size '
            'to 2 or more and drop_last=True, or replace the norm: '
            "norm_cfg=dict(type='GN', num_groups=32)."
        ) from error
