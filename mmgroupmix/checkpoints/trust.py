"""Reading of checkpoints that their user trusts to run code."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import CheckpointError

FORCE_VARIABLE = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'

_is_trusting = False


@contextmanager
def trust_checkpoints() -> Iterator[None]:
    """Open checkpoints that cannot be read safely, and let them run their code.

    Within this context, a file that is refused otherwise is unpickled without limits, and
    a line on stderr names it. Use it only for files whose origin you know. The commands
    have the option ``--trust-checkpoint``.

    Raises:
        CheckpointError: If the environment forbids it.
    """
    global _is_trusting
    if is_weights_only_forced():
        raise CheckpointError(
            f'{FORCE_VARIABLE} is set in the environment: checkpoints that run code are '
            'not opened. Unset it, or do without --trust-checkpoint (trust_checkpoints).'
        )
    before, _is_trusting = _is_trusting, True
    try:
        yield
    finally:
        _is_trusting = before


def is_trusting() -> bool:
    """Whether the user trusts the checkpoints that are read now."""
    return _is_trusting


def is_weights_only_forced() -> bool:
    """Whether the environment tells PyTorch to load weights only."""
    return os.environ.get(FORCE_VARIABLE, '').lower() in ('1', 'y', 'yes', 'true')
