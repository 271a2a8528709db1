"""Checks of the files that a dataset lists, once it is built."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

from ...errors import UserError

#: mmengine's part of a dataset, for ``num_batch_per_epoch`` of a data loader.
SLICE = '_SlicedDataset'


def iter_datasets(dataset: Any) -> Iterator[Any]:
    """Yield the datasets on disk inside wrappers of any kind."""
    if type(dataset).__name__ == SLICE:
        # It lends the attributes of the dataset inside, but not what is set on it.
        dataset = dataset._dataset
    inner = list_wrapped(dataset)
    if dataset is not None and not inner:
        yield dataset
    for child in inner:
        yield from iter_datasets(child)


def list_wrapped(dataset: Any) -> list:
    """The datasets that a wrapper holds, none for a dataset on disk."""
    inner = list(getattr(dataset, 'datasets', None) or [])
    inner += [getattr(dataset, 'dataset', None)]
    return [child for child in inner if child is not None]


def iter_transforms(pipeline: Any) -> Iterator[Any]:
    """Yield the steps of a pipeline, with those of test-time augmentation."""
    for step in getattr(pipeline, 'transforms', None) or []:
        yield step
        for inner in getattr(step, 'subroutines', None) or []:
            yield from iter_transforms(inner)


def check_listed_files(dataset: Any) -> None:
    """Check that the images and label maps of a dataset exist.

    Folders are listed, which is faster than to ask for every file. Of a dataset that
    ``num_batch_per_epoch`` cuts, only the samples in use are checked, and none if it is a
    wrapper.

    Args:
        dataset (Any): A dataset of a toolbox, or a wrapper of some.

    Raises:
        UserError: Naming the first file that is missing, and how many others are.
    """
    length = None
    if type(dataset).__name__ == SLICE:
        length, dataset = len(dataset), dataset._dataset
        if next(iter_datasets(dataset)) is not dataset and length < len(dataset):
            return
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
        paths = _iter_paths(leaf, keys, range(len(leaf))[:length])
        text = describe_missing_files(paths, ann_file)
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


def _iter_paths(
    dataset: Any, keys: Iterable[str], indices: Iterable[int]
) -> Iterator[tuple[int, str]]:
    for i in indices:
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
