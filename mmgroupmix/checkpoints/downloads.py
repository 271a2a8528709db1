"""Downloads of checkpoints into PyTorch's cache."""

from pathlib import Path
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, get_rank

from ..errors import CheckpointError


def download(url: str, folder: str | Path | None = None) -> Path:
    """Download a file once for all processes of a machine.

    Args:
        url (str): Its address, ``http://`` or ``https://``.
        folder (str | Path, optional): Where to. Defaults to None: PyTorch's cache.

    Returns:
        Path: The file, which may have been there before.

    Raises:
        CheckpointError: If the download fails.
    """
    folder = Path(folder or Path(torch.hub.get_dir()) / 'checkpoints')
    path = folder / Path(urlparse(url).path).name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            if get_rank() == 0 and not path.exists():
                torch.hub.download_url_to_file(url, str(path))
        finally:
            barrier()
        if not path.exists():  # rank 0 is on another machine
            torch.hub.download_url_to_file(url, str(path))
    except Exception as error:
        raise CheckpointError(describe_failed_download(url, error)) from error
    return path


def describe_failed_download(url: str, error: Exception) -> str:
    """Describe what failed, and what to do instead."""
    return (
        f'Cannot download {url}: {error}. Download it by hand and give the path of the '
        'file.'
    )
