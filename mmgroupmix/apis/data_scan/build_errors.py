"""Reasons why a toolbox cannot build a dataset or a data loader."""

import textwrap
from typing import Any

#: Functions of the toolboxes' datasets that read annotation files.
LOADING_FUNCTIONS = ('load_data_list', '_serialize_data')
#: Variables of theirs that hold the entry at hand.
ENTRY_VARIABLES = ('sample', 'line', 'raw_img_info', 'img_id', 'ann')
TOOLBOXES = ('mmdet', 'mmseg', 'mmpretrain', 'mmengine')
#: Functions of mmengine that take the ``indices`` of a dataset.
SUBSET_FUNCTIONS = ('_get_unserialized_subset', '_get_serialized_subset')
#: PyTorch's data loader refuses arguments as well.
CONFIGURED = (*TOOLBOXES, 'torch.utils.data')
#: Characters of a toolbox's own message that are shown.
MAX_REASON = 400


def describe_build_error(error: BaseException) -> str | None:
    """Explain why a dataset or data loader cannot be built.

    Args:
        error (BaseException): What building it raised.

    Returns:
        str | None: The reason; None if the error comes from elsewhere than a toolbox,
        such as from a dataset class of the user's own, and should keep its traceback.
    """
    reason = describe_loading_error(error)
    if reason is None and is_raised_by_toolbox(error):
        reason = f'{type(error).__name__}: {textwrap.shorten(str(error), MAX_REASON)}'
    return reason


def describe_loading_error(error: BaseException) -> str | None:
    """Explain why a toolbox could not read the files of a dataset.

    Args:
        error (BaseException): What building the dataset raised.

    Returns:
        str | None: File, entry and reason; None if the error comes from elsewhere, such
        as from a dataset class of the user's own.
    """
    cause: BaseException | None = error
    while cause is not None:
        frame = _find_loading_frame(cause)
        if frame is not None:
            return _describe_frame(frame, cause)
        cause = cause.__cause__ or cause.__context__
    return None


def is_raised_by_toolbox(error: BaseException) -> bool:
    """Whether an error was raised by a toolbox's own code, and not below or above it.

    PyTorch's data loader counts as a toolbox here.
    """
    while error.__cause__ is not None:
        error = error.__cause__
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = trace.tb_frame.f_globals.get('__name__', '') if trace else ''
    return any(name == one or name.startswith(f'{one}.') for one in CONFIGURED)


def _find_loading_frame(error: BaseException) -> Any:
    trace, found = error.__traceback__, None
    while trace is not None:
        frame = trace.tb_frame
        package = frame.f_globals.get('__name__', '').split('.')[0]
        is_loading = frame.f_code.co_name in (*LOADING_FUNCTIONS, *SUBSET_FUNCTIONS)
        if is_loading and package in TOOLBOXES:
            found = frame
        trace = trace.tb_next
    return found


def _describe_frame(frame: Any, error: BaseException) -> str:
    dataset = frame.f_locals.get('self')
    prefix = getattr(dataset, 'data_prefix', None) or {}
    folders = ', '.join(str(path) for path in prefix.values() if path)
    source = getattr(dataset, 'ann_file', None) or folders or type(dataset).__name__
    if frame.f_code.co_name == '_serialize_data':
        return (
            f'{source}: the dataset ({type(dataset).__name__}) has no samples. Check the '
            "file or folder, and the suffixes, indices and filter_cfg in the dataset's "
            'config.'
        )
    if frame.f_code.co_name in SUBSET_FUNCTIONS:
        indices = frame.f_locals.get('indices')
        number = len(getattr(dataset, 'data_list', None) or [])
        return (
            f'{source}: the dataset ({type(dataset).__name__}) has {number} samples, and '
            f'its indices are {textwrap.shorten(repr(indices), MAX_REASON)}. '
            'Expected a number of samples, or indices from 0.'
        )
    entries = [frame.f_locals[name] for name in ENTRY_VARIABLES if name in frame.f_locals]
    number = len(frame.f_locals.get('data_list') or [])  # entries that were read
    entry = f' entry {number} ({entries[0]!r})' if entries else ''
    reason = ' '.join(str(error).split()) or 'no reason is given'
    return (
        f'{source}:{entry} cannot be read by {type(dataset).__name__} '
        f'({type(error).__name__}: {reason}). Correct the file, or choose the dataset '
        'that reads its format.'
    )
