"""Reading the tensors of a checkpoint file without running code that it contains.

Training scripts pickle configs and argument objects together with the weights.
``torch.load(weights_only=True)`` refuses such files and ``weights_only=False`` would
execute them. Here these objects become inert placeholders, so that a published file loads
without being trusted; a file that calls a function is refused. Every file is inspected
before PyTorch opens it.
"""

import os
import pickle
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.runner import CheckpointLoader
from torch import Tensor

from ..compat.checkpoint_loading import allow_mmengine_checkpoints
from ..errors import CheckpointError, CheckpointNotFoundError
from .downloads import describe_failed_download, described_as_copy, download
from .file_checks import check_file, describe_unreadable, printable
from .inert_pickle import InertUnpickler, is_inert
from .inspection import inspect
from .pickle_limits import UnsafePickleError
from .resuming import check_resumable
from .safetensors_files import (
    inspect_safetensors,
    is_safetensors,
    read_safetensors,
)
from .trust import FORCE_VARIABLE, is_trusting

#: Keys under which training scripts store the weights, in order of preference: weights
#: averaged over training (EMA) are taken only if the file has no others.
OUTER_LEVELS = (
    'state_dict',
    'model',
    'net',
    'model_state_dict',
    'module',
    'model_ema',
    'state_dict_ema',
    'ema_state_dict',
)
#: Prefixes of all names of a data-parallel or compiled model.
WRAPPER_PREFIXES = ('module.', '_orig_mod.')


def read_checkpoint(checkpoint: str | Path) -> dict[str, Tensor]:
    """Read the weights of a checkpoint.

    Args:
        checkpoint (str | Path): A file, or a URL that mmengine's loader supports
            (``https://...``).

    Returns:
        dict[str, Tensor]: Names to tensors on the CPU, without an outer level and
        without a ``module.`` prefix.

    Raises:
        CheckpointNotFoundError: If the file does not exist.
        CheckpointError: If the file is not a checkpoint, is truncated, cannot be read
            safely or cannot be downloaded.
    """
    try:
        return unwrap(read_content(checkpoint), f'{checkpoint}')
    except CheckpointNotFoundError as error:
        raise CheckpointNotFoundError(
            f'No checkpoint at {checkpoint}. Put the published file there, give its path '
            'as backbone.init_cfg.checkpoint, or train from random weights with '
            'init_cfg=None.'
        ) from error


def read_content(checkpoint: str | Path, map_location: Any = 'cpu') -> Any:
    """Read everything that a checkpoint holds.

    Args:
        checkpoint (str | Path): A file, or a URL that mmengine's loader supports.
        map_location (Any): As for ``torch.load``. Defaults to ``'cpu'``.

    Returns:
        Any: The content.

    Raises:
        CheckpointNotFoundError: If the file does not exist.
        CheckpointError: As for :func:`read_checkpoint`.
    """
    address = str(checkpoint)
    if '://' not in address or Path(checkpoint).expanduser().is_file():
        return load_file(Path(checkpoint), map_location)
    if address.startswith(('http://', 'https://')):
        path = download(address)
        with described_as_copy(address):
            return load_file(path, map_location)
    try:
        return CheckpointLoader.load_checkpoint(address, map_location=map_location)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(describe_failed_download(address, error)) from error


def unwrap(loaded: object, origin: str = 'the state dict') -> dict[str, Tensor]:
    """Extract the tensors of a loaded checkpoint.

    Args:
        loaded (object): The content of a file: a mapping of names to tensors, possibly
            below an outer level such as 'model' or 'state_dict'.
        origin (str): Where the content comes from, for messages. Defaults to
            ``'the state dict'``.

    Returns:
        dict[str, Tensor]: Names, without a ``module.`` prefix, to tensors.

    Raises:
        CheckpointError: If it contains no tensors.
    """
    if is_inert(loaded):
        raise CheckpointError(
            f'{origin} holds a pickled {printable(type(loaded).__name__)} object, which '
            'needs its code to be loaded: save its state_dict() instead, where that code '
            'is available.'
        )
    if not isinstance(loaded, Mapping):
        raise CheckpointError(
            f'{origin} holds a {type(loaded).__name__}, not the weights of a model: '
            'expected a dict of names to tensors.'
        )
    for level in OUTER_LEVELS:
        if isinstance(loaded.get(level), Mapping):
            return unwrap(loaded[level], origin)
    tensors = {k: v for k, v in loaded.items() if isinstance(v, Tensor)}
    if not tensors:
        keys = printable(', '.join(map(str, list(loaded)[:8])), 200) or 'nothing'
        raise CheckpointError(
            f'{origin} holds no tensors: expected names and tensors, at the top level or '
            f'below one of {", ".join(OUTER_LEVELS)}; found {keys}.'
        )
    while True:
        prefix = next(iter(tensors)).partition('.')[0] + '.'
        if prefix not in WRAPPER_PREFIXES or not all(
            k.startswith(prefix) for k in tensors
        ):
            return tensors
        tensors = {key[len(prefix) :]: value for key, value in tensors.items()}


def load_file(path: Path, map_location: Any = 'cpu') -> Any:
    """Load a checkpoint file; objects other than tensors and plain containers are inert.

    Args:
        path (Path): A file that ``torch.save`` or safetensors wrote.
        map_location (Any): As for ``torch.load``. Defaults to ``'cpu'``.

    Returns:
        Any: The content of the file.

    Raises:
        CheckpointNotFoundError: If there is no file.
        CheckpointError: If the file is not a checkpoint, is truncated, calls functions or
            states sizes that it does not have.
    """
    path = check_file(path)
    try:
        with _described(path):
            return _load_safely(path, map_location)
    except CheckpointError:
        if not is_trusting() or is_safetensors(path):
            raise
    return _load_trusted(path, map_location)


def check_checkpoint(
    checkpoint: str | Path, subject: str = '', is_resumed: bool = False
) -> Any:
    """Check a checkpoint before a run begins, without loading its tensors.

    Args:
        checkpoint (str | Path): A file; of a URL, nothing is checked.
        subject (str): The option that names it, as ``'--resume: '``. Defaults to ''.
        is_resumed (bool): Whether a training goes on from it. Defaults to False.

    Returns:
        Any: Its content, with tensors on the device 'meta'; None of a URL. A file that is
        trusted is loaded.

    Raises:
        CheckpointNotFoundError: If there is no file.
        CheckpointError: If the file cannot be read safely, and is not trusted.
    """
    if '://' in str(checkpoint):
        return None
    path = check_file(checkpoint, subject)
    if is_trusting():
        content = load_file(path)
    else:
        with _described(path):
            content = (inspect_safetensors if is_safetensors(path) else inspect)(path)
    if is_resumed:
        check_resumable(content, str(path))
    return content


@contextmanager
def _described(path: Path) -> Iterator[None]:
    """Turn every error of reading into a CheckpointError."""
    try:
        yield
    except UnsafePickleError as error:
        raise CheckpointError(_describe_refusal(path, error)) from None
    except Exception as error:
        raise CheckpointError(describe_unreadable(path, error)) from error


def _load_safely(path: Path, map_location: Any) -> Any:
    if is_safetensors(path):
        plain = isinstance(map_location, (str, torch.device))
        return read_safetensors(path, map_location if plain else 'cpu')
    inspect(path)
    allow_mmengine_checkpoints()
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError:
        pass  # it holds other objects, or has another protocol
    # PyTorch's variable forbids the pickle module of Python; this one runs nothing.
    with _weights_only_not_forced():
        return torch.load(
            path,
            map_location=map_location,
            weights_only=False,
            pickle_module=_make_pickle_module(path.stat().st_size),
        )


def _load_trusted(path: Path, map_location: Any) -> Any:
    print(
        f'warning: {path} is opened with --trust-checkpoint: what it calls is run',
        file=sys.stderr,
        flush=True,
    )
    with _described(path):
        return torch.load(path, map_location=map_location, weights_only=False)


def _describe_refusal(path: Path, error: UnsafePickleError) -> str:
    reason = f'it calls {printable(error.call)}' if error.call else str(error)
    return (
        f'Refused to read {path}: {reason}. Nothing in it was run. Get the weights as a '
        '.safetensors file or a plain state dict or, only if you know where the file '
        'comes from, open it with --trust-checkpoint (in Python: with '
        'mmgroupmix.trust_checkpoints()).'
    )


def _make_pickle_module(max_bytes: int) -> SimpleNamespace:
    """What ``torch.load`` takes for a module like ``pickle``."""

    class Unpickler(InertUnpickler):
        def __init__(self, file: Any, **options: Any):
            super().__init__(file, **options)
            self.max_bytes = max_bytes

    return SimpleNamespace(
        __name__='inert_pickle',
        Unpickler=Unpickler,
        load=lambda file, **options: Unpickler(file, **options).load(),
    )


@contextmanager
def _weights_only_not_forced() -> Iterator[None]:
    value = os.environ.pop(FORCE_VARIABLE, None)
    try:
        yield
    finally:
        if value is not None:
            os.environ[FORCE_VARIABLE] = value
