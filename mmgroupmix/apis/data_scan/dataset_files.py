"""Checks of the files that a dataset lists, once it is built."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

from ...errors import UserError

#: Functions of the toolboxes' datasets that read annotation files.
LOADING_FUNCTIONS = ('load_data_list', '_serialize_data')
#: Variables of theirs that hold the entry at hand.
ENTRY_VARIABLES = ('sample', 'line', 'raw_img_info', 'img_id', 'ann')
TOOLBOXES = ('mmdet', 'mmseg', 'mmpretrain', 'mmengine')


def iter_datasets(dataset: Any) -> Iterator[Any]:
    """Yield the datasets on disk inside wrappers of any kind."""
    inner = list(getattr(dataset, 'datasets', None) or [])
    inner += [getattr(dataset, 'dataset', None)]
    inner = [child for child in inner if child is not None]
    if dataset is not None and not inner:
        yield dataset
    for child in inner:
        yield from iter_datasets(child)


def iter_transforms(pipeline: Any) -> Iterator[Any]:
    """Yield the steps of a pipeline, with those of test-time augmentation."""
    for step in getattr(pipeline, 'transforms', None) or []:
        yield step
        for inner in getattr(step, 'subroutines', None) or []:
            yield from iter_transforms(inner)


def check_listed_files(dataset: Any) -> None:
    """Check that the images and label maps of a dataset exist.

    Folders are listed, which is faster than to ask for every file.

    Args:
        dataset (Any): A dataset of a toolbox, or a wrapper of some.

    Raises:
        UserError: Naming the first file that is missing, and how many others are.
    """
    for leaf in iter_datasets(dataset):
        steps = list(iter_transforms(getattr(leaf, 'pipeline', None)))
        keys = [
            key
            for key, is_read in (
                ('img_path', any('LoadImage' in type(step).__name__ for step in steps)),
                ('seg_map_path', any(getattr(step, 'with_seg', 0) for step in steps)),
            )
            if is_read
        ]
        ann_file = getattr(leaf, 'ann_file', None)
        if not keys or getattr(leaf, 'backend_args', None):
            continue
        if not ann_file and 'seg_map_path' not in keys:
            continue  # its images were found by listing their folder
        text = describe_missing_files(_iter_paths(leaf, keys), ann_file)
        if text:
            raise UserError(text)


def describe_missing_files(
    paths: Iterable[tuple[int, str]], ann_file: str | None
) -> str | None:
    """Say which of some files are missing.

    Args:
        paths (Iterable[tuple[int, str]]): Index of a sample, and a file of it.
        ann_file (str, optional): What lists the files.

    Returns:
        str | None: The first that is missing, and how many others are; or None.
    """
    missing = list(_iter_missing(paths))
    return _describe_missing(missing, ann_file) if missing else None


def _iter_paths(dataset: Any, keys: Iterable[str]) -> Iterator[tuple[int, str]]:
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        for key in keys:
            path = info.get(key)
            if isinstance(path, str) and '://' not in path:
                yield i, path


def _iter_missing(paths: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    folders: dict[str, set[str]] = {}
    for i, path in paths:
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = _list_files(folder)
        # Links, and names that differ in case on some systems, are looked up one by one.
        if name not in folders[folder] and not os.path.isfile(path):
            yield i, path


def _list_files(folder: str) -> set[str]:
    try:
        with os.scandir(folder or '.') as entries:
            return {
                entry.name for entry in entries if entry.is_file(follow_symlinks=False)
            }
    except (OSError, ValueError):  # a name with a zero byte or half a character
        return set()


def _describe_missing(missing: list[tuple[int, str]], ann_file: str | None) -> str:
    index, path = missing[0]
    shown = repr(path)[1:-1]  # control characters as escapes
    state = 'is a folder' if os.path.isdir(path) else 'does not exist'
    source = f', which {ann_file} lists (sample {index})' if ann_file else ''
    num_more, more = len(missing) - 1, ''
    if num_more:
        more = f' {num_more} more {"is" if num_more == 1 else "are"} missing.'
    return (
        f'{shown}{source}: {state}.{more} Add the files, remove their '
        'entries (a blank line is an entry too), or correct data_prefix and suffixes in '
        "the dataset's config."
    )


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
    """Whether an error was raised by a toolbox's own code, and not below or above it."""
    while error.__cause__ is not None:
        error = error.__cause__
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = trace.tb_frame.f_globals.get('__name__', '') if trace else ''
    return name.split('.')[0] in TOOLBOXES


def _find_loading_frame(error: BaseException) -> Any:
    trace, found = error.__traceback__, None
    while trace is not None:
        frame = trace.tb_frame
        package = frame.f_globals.get('__name__', '').split('.')[0]
        if frame.f_code.co_name in LOADING_FUNCTIONS and package in TOOLBOXES:
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
    entries = [frame.f_locals[name] for name in ENTRY_VARIABLES if name in frame.f_locals]
    number = len(frame.f_locals.get('data_list') or [])  # entries that were read
    entry = f' entry {number} ({entries[0]!r})' if entries else ''
    reason = ' '.join(str(error).split()) or 'no reason is given'
    return (
        f'{source}:{entry} cannot be read by {type(dataset).__name__} '
        f'({type(error).__name__}: {reason}). Correct the file, or choose the dataset '
        'that reads its format.'
    )
