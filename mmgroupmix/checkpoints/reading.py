"""Reading the tensors of a checkpoint file without running code that it contains.

Training scripts pickle configs and argument objects together with the weights.
``torch.load(weights_only=True)`` refuses such files and ``weights_only=False`` would
execute them. Here these objects become inert placeholders, so that a published file loads
without being trusted.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, get_rank
from mmengine.runner import CheckpointLoader
from torch import Tensor

from ..errors import CheckpointError, CheckpointNotFoundError

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
        CheckpointError: If the file is not a checkpoint, is truncated or cannot be
            downloaded.
    """
    path = Path(checkpoint).expanduser()
    if path.is_file():
        return unwrap(load_file(path), f'{path}')
    if '://' in str(checkpoint):
        try:
            if str(checkpoint).startswith(('http://', 'https://')):
                return read_checkpoint(_download(str(checkpoint)))
            loaded = CheckpointLoader.load_checkpoint(str(checkpoint), map_location='cpu')
        except CheckpointError:
            raise
        except Exception as error:
            raise CheckpointError(
                f'Cannot download {checkpoint}: {error}. Download it by hand and give '
                'the path of the file.'
            ) from error
        return unwrap(loaded, f'{checkpoint}')
    raise CheckpointNotFoundError(
        f'No checkpoint at {checkpoint}. Put the published file there, give its path '
        'as backbone.init_cfg.checkpoint, or train from random weights with '
        'init_cfg=None.'
    )


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
    if isinstance(loaded, _Placeholder):
        raise CheckpointError(
            f'{origin} holds a pickled {type(loaded).__name__} object, which needs its '
            'code to be loaded: save its state_dict() instead, where that code is '
            'available.'
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
        keys = ', '.join(map(str, list(loaded)[:8])) or 'nothing'
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


def _download(url: str) -> Path:
    """Download a file into PyTorch's cache, once for all processes of a machine."""
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    path = folder / Path(urlparse(url).path).name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if get_rank() == 0 and not path.exists():
            torch.hub.download_url_to_file(url, str(path))
    finally:
        barrier()
    if not path.exists():  # rank 0 is on another machine
        torch.hub.download_url_to_file(url, str(path))
    return path


def load_file(path: Path) -> object:
    """Load a checkpoint file; objects other than tensors and plain containers are inert.

    Args:
        path (Path): A file that ``torch.save`` or safetensors wrote.

    Returns:
        object: The content of the file, with its tensors on the CPU.

    Raises:
        CheckpointError: If the file is not a checkpoint or is truncated.
    """
    if path.suffix == '.safetensors':
        return _load_safetensors(path)
    try:
        return torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError:
        pass  # it holds other objects, or it is not a checkpoint: see below
    except Exception as error:
        raise CheckpointError(_describe_unreadable(path, error)) from error
    try:
        return torch.load(
            path, map_location='cpu', weights_only=False, pickle_module=_INERT_PICKLE
        )
    except Exception as error:
        raise CheckpointError(_describe_unreadable(path, error)) from error


def _load_safetensors(path: Path) -> object:
    try:
        from safetensors.torch import load_file as load_tensors
    except ImportError as error:
        raise CheckpointError(
            f'Reading {path} requires the package safetensors: pip install safetensors, '
            'or download the .bin file next to it.'
        ) from error
    try:
        return load_tensors(path)
    except Exception as error:
        raise CheckpointError(_describe_unreadable(path, error)) from error


def _describe_unreadable(path: Path, error: Exception) -> str:
    with path.open('rb') as file:
        head = file.read(64)
    if head.startswith(b'version https://git-lfs'):
        kind = 'a Git LFS pointer: fetch the file itself with `git lfs pull`'
    elif head.lstrip()[:1] == b'<':
        kind = 'a web page, probably a failed download: download the file again'
    else:
        kind = (
            'not a checkpoint, or truncated: compare its size with the source, or '
            'download it again'
        )
    reason = str(error).partition('\n')[0]
    return (
        f'Cannot read {path} ({path.stat().st_size} bytes): it is {kind}. Expected '
        'a file that torch.save or safetensors wrote. '
        f'({type(error).__name__}: {reason})'
    )


class _Placeholder(dict):
    """Stands for an object of a class that is not loaded."""

    def __new__(cls, *args: object, **kwargs: object) -> '_Placeholder':
        return super().__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        pass

    # A file may use the object as a key of a dict.
    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def append(self, item: object) -> None:
        pass

    def extend(self, items: object) -> None:
        pass


_SAFE = {
    ('collections', 'OrderedDict'),
    ('torch', 'Size'),
    ('torch._utils', '_rebuild_tensor_v2'),
    ('torch._utils', '_rebuild_parameter'),
}


class _InertUnpickler(pickle.Unpickler):
    """Builds tensors and plain containers; every other class becomes a placeholder."""

    def find_class(self, module: str, name: str) -> Any:
        is_dtype = module == 'torch' and isinstance(
            getattr(torch, name, None), torch.dtype
        )
        if is_dtype or (module, name) in _SAFE:
            return super().find_class(module, name)
        return type(name, (_Placeholder,), {'__module__': module})


_INERT_PICKLE = SimpleNamespace(
    __name__='inert_pickle',
    Unpickler=_InertUnpickler,
    load=lambda file, **options: _InertUnpickler(file, **options).load(),
)
