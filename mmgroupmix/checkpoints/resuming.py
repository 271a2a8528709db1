"""Whether and how a training can go on from the content of a checkpoint."""

import os
import re
from collections.abc import Mapping
from typing import Any

from torch.nn import Module

from ..errors import CheckpointError
from .file_checks import printable
from .inert_objects import find_inert

#: What to do with weights from which no training can go on.
ADVICE = (
    'Start a new training from its weights: load_from in the config instead of --resume.'
)
#: What to do with weights of another model.
CONFIG_ADVICE = (
    'Give the config that it was trained with; there is one in its work directory.'
)

_BEST = re.compile(r'best_[^/\\]+\.pth')
_REGULAR = re.compile(r'(iter|epoch)_\d+(_iter_\d+)?\.pth')


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
            f'which is not loaded from files. {ADVICE} If you know where the file comes '
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
            f'(meta with epoch and iter, message_hub). {ADVICE}'
        )


def check_shapes(content: Any, model: Module, subject: str, advice: str = '') -> None:
    """Check that the weights of a checkpoint have the shapes of those of a model.

    mmengine leaves out those that differ, and loads the state of the optimizer for them,
    which makes its fused kernels write beyond the end of a tensor.

    Args:
        content (Any): The content of a checkpoint.
        model (Module): The model, possibly wrapped.
        subject (str): What cannot be done with which file, for the message.
        advice (str): The end of the message. Defaults to ''.

    Raises:
        CheckpointError: If a shape differs.
    """
    weights = _get_mapping(content, 'state_dict')
    saved = {name.removeprefix('module.'): value for name, value in weights.items()}
    for name, parameter in model.named_parameters():
        name = name.removeprefix('module.')
        shape = getattr(saved.get(name), 'shape', parameter.shape)
        if shape != parameter.shape:
            raise CheckpointError(
                f'{subject}: {name} has the shape {tuple(shape)} there and '
                f'{tuple(parameter.shape)} in the model. {CONFIG_ADVICE} '
                f'{advice}'.rstrip()
            )


def restrict_paths(content: Any, folder: str) -> None:
    """Restrict, in place, the files that the message hub of a checkpoint names.

    A training that goes on removes the best checkpoint of before, and those that it keeps
    no longer. A file from a stranger could have it remove any file or folder by that.

    Args:
        content (Any): The content of a checkpoint that can be resumed.
        folder (str): The folder of the checkpoint, the only one whose files may be named.
    """
    info = content['message_hub']['runtime_info']
    for key in [k for k in info if str(k).startswith('best_ckpt')]:
        name = os.path.basename(info[key]) if isinstance(info[key], str) else ''
        info[key] = os.path.join(folder, name) if _BEST.fullmatch(name) else None
    if not _REGULAR.fullmatch(str(info.get('interim_ckpt'))):
        info.pop('interim_ckpt', None)
    ids = info.get('keep_ckpt_ids')
    if ids is not None:
        is_list = isinstance(ids, (list, tuple))
        info['keep_ckpt_ids'] = [i for i in ids if type(i) is int] if is_list else []


def _get_mapping(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}
