"""Reading a checkpoint file: its tensors, whatever else is in it, and no code.

Training scripts pickle their configs and argument objects beside the weights, which
``torch.load(weights_only=True)`` refuses and ``weights_only=False`` would execute. Here
such objects become inert placeholders, so a published file loads without trusting it.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, get_rank
from mmengine.runner import CheckpointLoader
from torch import Tensor

from ..errors import CheckpointError, CheckpointNotFoundError

#: Levels under which training scripts keep the weights, by preference.
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
PREFIXES = ('module.', '_orig_mod.')


def read_checkpoint(checkpoint: str | Path) -> dict[str, Tensor]:
    """Read the weights of a checkpoint.

    Args:
        checkpoint (str | Path): A file, or an address that mmengine's loader knows
            (``https://...``).

    Returns:
        dict[str, Tensor]: Names to tensors on the CPU, without outer level and
        ``module.`` prefix.

    Raises:
        CheckpointNotFoundError: If there is no such file.
        CheckpointError: If it is not a checkpoint, or truncated, or cannot be fetched.
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
                f'Cannot fetch {checkpoint}: {error}. Fetch it by hand, and give the '
                'place of the file.'
            ) from error
        return unwrap(loaded, f'{checkpoint}')
    raise CheckpointNotFoundError(
        f'No checkpoint at {checkpoint}. Put the published file there, give its place '
        'as backbone.init_cfg.checkpoint, or train from random weights with '
        'init_cfg=None.'
    )


def unwrap(loaded: object, origin: str = 'the state dict') -> dict[str, Tensor]:
    """The tensors of a loaded checkpoint.

    Args:
        loaded (object): What was loaded: a mapping of names to tensors, perhaps below an
            outer level as 'model' or 'state_dict'.
        origin (str): Where it comes from, for the message.

    Returns:
        dict[str, Tensor]: Names, without ``module.`` prefix, to tensors.

    Raises:
        CheckpointError: If there are no tensors in it.
    """
    if isinstance(loaded, _Placeholder):
        raise CheckpointError(
            f'{origin} holds a pickled {type(loaded).__name__} object, which is code, '
            'not weights: save its state_dict() where that code is at hand.'
        )
    if not isinstance(loaded, Mapping):
        raise CheckpointError(
            f'{origin} holds a {type(loaded).__name__}, not the weights of a model: '
            'expected a dict of names and tensors.'
        )
    for level in OUTER_LEVELS:
        if isinstance(loaded.get(level), Mapping):
            return unwrap(loaded[level], origin)
    tensors = {k: v for k, v in loaded.items() if isinstance(v, Tensor)}
    if not tensors:
        keys = ', '.join(map(str, list(loaded)[:8])) or 'nothing'
        raise CheckpointError(
            f'{origin} holds no tensors: expected names and tensors, at the top or below '
            f'one of {", ".join(OUTER_LEVELS)}; found {keys}.'
        )
    return strip_wrapper_prefixes(tensors)


def strip_wrapper_prefixes(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names without the prefixes of data parallel and compiled modules."""
    for prefix in PREFIXES:
        if tensors and all(key.startswith(prefix) for key in tensors):
            return strip_wrapper_prefixes(
                {k[len(prefix) :]: v for k, v in tensors.items()}
            )
    return dict(tensors)


def _download(address: str) -> Path:
    """The file of a web address, in PyTorch's cache; fetched once for all processes."""
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    path = folder / Path(urlparse(address).path).name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if get_rank() == 0 and not path.exists():
            torch.hub.download_url_to_file(address, str(path))
    finally:
        barrier()
    if not path.exists():  # another machine's first process fetched it for that machine
        torch.hub.download_url_to_file(address, str(path))
    return path


def load_file(path: Path) -> object:
    """Load a file with everything but its tensors and plain containers inert."""
    if path.suffix == '.safetensors':
        return _load_safetensors(path)
    try:
        return torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError:
        pass  # holds other objects than tensors, or is no checkpoint: told below
    except Exception as error:
        raise CheckpointError(_unreadable(path, error)) from error
    try:
        return torch.load(
            path, map_location='cpu', weights_only=False, pickle_module=_INERT_PICKLE
        )
    except Exception as error:
        raise CheckpointError(_unreadable(path, error)) from error


def _load_safetensors(path: Path) -> object:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise CheckpointError(
            f'Reading {path} needs the package safetensors: pip install safetensors, or '
            'fetch the .bin file beside it.'
        ) from error
    try:
        return load_file(path)
    except Exception as error:
        raise CheckpointError(_unreadable(path, error)) from error


def _unreadable(path: Path, error: Exception) -> str:
    with path.open('rb') as file:
        head = file.read(64)
    if head.startswith(b'version https://git-lfs'):
        what = 'a Git LFS pointer: fetch the file itself with `git lfs pull`'
    elif head.lstrip()[:1] == b'<':
        what = 'a web page, probably an error of the download: fetch the file again'
    else:
        what = (
            'not a checkpoint, or truncated: compare its size with its source, or '
            'fetch it again'
        )
    reason = str(error).partition('\n')[0]
    return (
        f'Cannot read {path} ({path.stat().st_size} bytes): it is {what}. Expected '
        'a file that torch.save or safetensors wrote. '
        f'({type(error).__name__}: {reason})'
    )


class _Placeholder(dict):
    """Stands for an object of a class that is not loaded."""

    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __init__(self, *args, **kwargs):
        super().__init__()

    def __setstate__(self, state):
        pass

    # It may be a key of a dict that is read.
    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def append(self, item):
        pass

    def extend(self, items):
        pass


_SAFE = {
    ('collections', 'OrderedDict'),
    ('torch', 'Size'),
    ('torch._utils', '_rebuild_tensor_v2'),
    ('torch._utils', '_rebuild_parameter'),
}


class _InertUnpickler(pickle.Unpickler):
    """Builds tensors and plain containers; every other class is a placeholder."""

    def find_class(self, module: str, name: str):
        is_dtype = module == 'torch' and isinstance(
            getattr(torch, name, None), torch.dtype
        )
        if is_dtype or (module, name) in _SAFE:
            return super().find_class(module, name)
        return type(name, (_Placeholder,), dict(__module__=module))


_INERT_PICKLE = SimpleNamespace(
    __name__='inert_pickle',
    Unpickler=_InertUnpickler,
    load=lambda file, **options: _InertUnpickler(file, **options).load(),
)
