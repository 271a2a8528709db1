"""Downloads of checkpoints into PyTorch's cache."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlparse
from urllib.request import Request, urlopen

import torch
from mmengine.dist import barrier, get_rank
from torch.hub import tqdm

from ..errors import CheckpointError
from .atomic_files import replace_atomically, write_atomically

_CHUNK = 2**20
#: Seconds without an answer after which a server counts as unreachable.
_TIMEOUT = 60


def download(url: str, folder: str | Path | None = None) -> Path:
    """Download a file once for all processes of a machine.

    Args:
        url (str): Its address, ``http://`` or ``https://``.
        folder (str | Path, optional): Where to. Defaults to None: PyTorch's cache.

    Returns:
        Path: The file, which may have been there before.

    Raises:
        CheckpointError: If the download fails or ends early; nothing is kept then.
    """
    folder = Path(folder or Path(torch.hub.get_dir()) / 'checkpoints')
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _find_place(url, folder)
        try:
            if get_rank() == 0 and not path.exists():
                _fetch(url, path)
        finally:
            barrier()
        if not path.exists():  # rank 0 is on another machine
            _fetch(url, path)
    except Exception as error:
        raise CheckpointError(describe_failed_download(url, error)) from error
    return path


@contextmanager
def described_as_copy(url: str) -> Iterator[None]:
    """Add to the error of a downloaded file where it is from, and how to renew it."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(
            f'{error} It is a copy of {url}; remove it to download it again.'
        ) from error


def describe_failed_download(url: str, error: Exception) -> str:
    """Describe what failed, and what to do instead."""
    return (
        f'Cannot download {url}: {error}. Download it by hand and give the path of the '
        'file.'
    )


def _find_place(url: str, folder: Path) -> Path:
    """The file of an address: by its name, unless that is one of another address."""
    name = Path(unquote(urlparse(url).path)).name or 'checkpoint'
    path = folder / name
    note = _note_of(path)
    if not path.exists() or not note.is_file() or note.read_text() == url:
        return path
    return folder / f'{hashlib.sha256(url.encode()).hexdigest()[:8]}-{name}'


def _note_of(path: Path) -> Path:
    """The file that holds the address of a download."""
    return path.with_name(f'{path.name}.url')


def _fetch(url: str, path: Path) -> None:
    request = Request(url, headers={'User-Agent': 'mmgroupmix'})
    with (
        urlopen(request, timeout=_TIMEOUT) as response,
        replace_atomically(path) as temporary,
        temporary.open('wb') as file,
    ):
        length = response.headers.get('Content-Length')
        size = int(length) if length else None
        with tqdm(total=size, unit='B', unit_scale=True, unit_divisor=1024) as bar:
            while chunk := response.read(_CHUNK):
                if not file.tell() and chunk.lstrip()[:1] == b'<':
                    raise OSError('the server sent a web page')
                file.write(chunk)
                bar.update(len(chunk))
        if size is not None and file.tell() != size:
            raise OSError(f'the connection ended after {file.tell()} of {size} bytes')
    write_atomically(_note_of(path), url.encode())
