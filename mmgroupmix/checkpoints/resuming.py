"""Whether a training can go on from the content of a checkpoint."""

from collections.abc import Mapping
from typing import Any

from ..errors import CheckpointError
from .file_checks import printable
from .inert_objects import find_inert

_ADVICE = (
    'Start a new training from its weights: load_from in the config instead of --resume.'
)


def check_resumable(content: Any, origin: str) -> None:
    """Check that a checkpoint holds what mmengine resumes from, and was loaded entirely.

    Args:
        content (Any): The content of the checkpoint.
        origin (str): The file, for the message.

    Raises:
        CheckpointError: If the state of the training is missing, or an object in it was
            not loaded.
    """
    for place, value in find_inert(content):
        kind = value if isinstance(value, type) else type(value)
        name = printable(f'{kind.__module__}.{kind.__name__}')
        raise CheckpointError(
            f'Cannot resume from {origin}: {printable(place)} is an object of {name}, '
            f'which is not loaded from files. {_ADVICE} If you know where the file comes '
            'from, add --trust-checkpoint.'
        )
    content = content if isinstance(content, Mapping) else {}
    meta = _get_mapping(content, 'meta')
    hub = _get_mapping(content, 'message_hub')
    counters = [meta.get(key) for key in ('epoch', 'iter')]
    parts = [hub.get(key) for key in ('log_scalars', 'runtime_info', 'resumed_keys')]
    if not (
        all(isinstance(counter, int) and counter >= 0 for counter in counters)
        and all(isinstance(part, Mapping) for part in parts)
    ):
        raise CheckpointError(
            f'Cannot resume from {origin}: it does not hold the state of a training '
            f'(meta with epoch and iter, message_hub). {_ADVICE}'
        )


def _get_mapping(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}
