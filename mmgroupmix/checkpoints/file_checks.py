"""Checks of a file before it is opened, and descriptions of one that is not readable."""

import errno
import os
import stat
from pathlib import Path

from ..errors import CheckpointError, CheckpointNotFoundError

_KINDS = {
    stat.S_IFDIR: 'a folder',
    stat.S_IFIFO: 'a pipe',
    stat.S_IFCHR: 'a device',
    stat.S_IFBLK: 'a device',
    stat.S_IFSOCK: 'a socket',
}


def check_file(checkpoint: str | Path, subject: str = '') -> Path:
    """Check that a checkpoint is a regular file that can be read and is not empty.

    Args:
        checkpoint (str | Path): Its path; ``~`` is expanded.
        subject (str): The option that names it, as ``'--resume: '``. Defaults to ''.

    Returns:
        Path: The path.

    Raises:
        CheckpointNotFoundError: If there is nothing.
        CheckpointError: If it is a folder, a pipe, a device, a loop of links, empty or
            may not be read.
    """
    path = Path(checkpoint).expanduser()
    try:
        status = path.stat()
    except FileNotFoundError:
        raise CheckpointNotFoundError(
            f'{subject}checkpoint not found: {checkpoint}'
        ) from None
    except (OSError, ValueError, RuntimeError) as error:
        loop = getattr(error, 'errno', None) == errno.ELOOP
        reason = 'a loop of links' if loop else getattr(error, 'strerror', None) or error
        raise CheckpointError(
            f'{subject}checkpoint {checkpoint}: {reason}. Give the path of a file.'
        ) from None
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), 'not a file')
        raise CheckpointError(
            f'{subject}checkpoint {checkpoint} is {kind}. Give the path of a file.'
        )
    if not os.access(path, os.R_OK):
        raise CheckpointError(
            f'{subject}checkpoint {checkpoint}: this user may not read the file.'
        )
    return path


def describe_unreadable(path: Path, error: Exception) -> str:
    """Describe a file that could not be read, with what it seems to be."""
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
    reason = printable(str(error).partition('\n')[0], 200)
    return (
        f'Cannot read {path} ({path.stat().st_size} bytes): it is {kind}. Expected '
        'a file that torch.save or safetensors wrote. '
        f'({type(error).__name__}: {reason})'
    )


def printable(text: str, length: int = 80) -> str:
    """Text from a file as one line that a terminal only shows."""
    shown = ''.join(
        c if c.isprintable() else c.encode('unicode_escape').decode()
        for c in text[:length]
    )
    return shown + ('…' if len(text) > length else '')
