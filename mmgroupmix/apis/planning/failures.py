"""Descriptions of what went wrong, in one line."""

import traceback

import torch

#: PyTorch's own words where the host has no memory left; it has no class for them.
HOST_MEMORY_MESSAGES = ("can't allocate memory", 'not enough memory', 'Cannot allocate')
MAX_LENGTH = 400


def describe_error(error: BaseException) -> str:
    """An exception in one line: what it says, and where a defect was raised.

    Args:
        error (BaseException): The exception.

    Returns:
        str: At most about 500 characters.
    """
    text = ' '.join(str(error).split()) or 'no message'
    if len(text) > MAX_LENGTH:
        text = f'{text[:MAX_LENGTH]}...'
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or isinstance(error, (OSError, ValueError)):
        return text
    last = frames[-1]
    place = '/'.join(last.filename.split('/')[-3:])
    return f'{type(error).__name__}: {text} ({place}:{last.lineno})'


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that a device or the host has no memory left."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(
        words in str(error) for words in HOST_MEMORY_MESSAGES
    )
