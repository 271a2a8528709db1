"""Reading and writing of ``.safetensors`` files, which hold tensors and text only."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import CheckpointError
from .atomic_files import replace_atomically

SUFFIX = '.safetensors'
#: The entries of the metadata that are JSON: the rest is text.
_JSON_KEYS = ('dataset_meta',)
_MAX_HEADER_SIZE = 100_000_000


def is_safetensors(path: Path) -> bool:
    """Whether a file has the name, or the beginning, of a safetensors file."""
    if path.suffix == SUFFIX:
        return True
    with path.open('rb') as file:
        head = file.read(9)
    size = int.from_bytes(head[:8], 'little')
    return head[8:] == b'{' and size <= min(path.stat().st_size, _MAX_HEADER_SIZE)


def read_safetensors(path: Path, device: str | torch.device = 'cpu') -> dict[str, Any]:
    """Read a safetensors file.

    Args:
        path (Path): The file.
        device (str | torch.device): Where the tensors go. Defaults to ``'cpu'``.

    Returns:
        dict[str, Any]: Names to tensors; from a file of :func:`write_safetensors`, a dict
        with ``state_dict`` and ``meta``, as in a checkpoint of mmengine.

    Raises:
        Exception: Of several types, if it is not such a file or is truncated.
    """
    meta = inspect_safetensors(path)
    tensors = {key: value.to(device) for key, value in load_file(path).items()}
    return dict(state_dict=tensors, meta=meta) if meta else tensors


def inspect_safetensors(path: Path) -> dict[str, Any]:
    """Check the header of a safetensors file, and read its metadata.

    Args:
        path (Path): The file.

    Returns:
        dict[str, Any]: What :func:`write_safetensors` wrote as ``meta``; empty if it did
        not write the file.

    Raises:
        Exception: Of several types, if it is not such a file or is truncated.
    """
    with safe_open(path, framework='pt') as file:
        metadata = dict(file.metadata() or {})
    if not any(key in metadata for key in _JSON_KEYS):
        return {}
    meta: dict[str, Any] = dict(metadata)
    for key in _JSON_KEYS:
        if key in meta:
            meta[key] = _as_dataset_meta(json.loads(meta[key]))
    return meta


def write_safetensors(
    path: str | Path, state_dict: Mapping[str, Tensor], meta: Mapping[str, Any]
) -> None:
    """Write the weights of a model as a safetensors file, whole or not at all.

    Args:
        path (str | Path): The file, which is replaced if it exists.
        state_dict (Mapping[str, Tensor]): Names to tensors.
        meta (Mapping[str, Any]): What stands beside them: ``dataset_meta`` with the names
            and colours of the classes, and strings; other values are converted to text.

    Raises:
        CheckpointError: If the state dict holds something else than tensors.
        OSError: If the file cannot be written.
    """
    path = Path(path)
    others = [key for key, value in state_dict.items() if not isinstance(value, Tensor)]
    if others:
        raise CheckpointError(
            f'{path}: {", ".join(map(str, others[:4]))} of the model are not tensors, '
            'which a .safetensors file cannot hold. Save a .pth file.'
        )
    # Copies of their own: tensors that share memory are not accepted.
    tensors = {
        key: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for key, value in state_dict.items()
    }
    metadata = {'format': 'pt', 'dataset_meta': '{}'}
    for key, value in meta.items():
        metadata[key] = (
            json.dumps(value, default=_as_json) if key in _JSON_KEYS else str(value)
        )
    with replace_atomically(path) as temporary:
        save_file(tensors, temporary, metadata)


def _as_json(value: Any) -> Any:
    """Convert arrays and numbers of numpy; anything else becomes text."""
    return value.tolist() if hasattr(value, 'tolist') else str(value)


def _as_dataset_meta(meta: Any) -> dict[str, Any]:
    """Give classes and colours the types that the toolboxes' datasets give them."""
    if not isinstance(meta, dict):
        raise ValueError('its dataset_meta is not a JSON object')
    return {key: _as_tuples(value) for key, value in meta.items()}


def _as_tuples(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if value and all(isinstance(item, list) for item in value):
        return [tuple(item) for item in value]
    return tuple(value)
