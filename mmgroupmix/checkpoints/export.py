"""Weights of a checkpoint in a format that is data and nothing else."""

from pathlib import Path

from .reading import load_file
from .safetensors_files import write_safetensors


def convert_to_safetensors(path: str | Path) -> Path:
    """Write the weights of a checkpoint of mmengine beside it, as a safetensors file.

    Args:
        path (str | Path): The checkpoint.

    Returns:
        Path: The safetensors file.

    Raises:
        CheckpointError: If the checkpoint holds something else than tensors.
        OSError: If the file cannot be written.
    """
    content = load_file(Path(path))
    target = Path(path).with_suffix('.safetensors')
    meta = content['meta']
    described = {key: meta[key] for key in ('epoch', 'iter', 'seed') if key in meta}
    dataset_meta = meta.get('dataset_meta') or {}
    write_safetensors(
        target, content['state_dict'], dict(described, dataset_meta=dataset_meta)
    )
    return target
