"""A data set on disk appears whole or not at all, and is never written over.

A folder that was written here says so in its manifest, ``mini_dataset.json``. The files
are written into a hidden sibling folder, the manifest last; renaming that folder is the
single step by which the data set appears.
"""

import json
import os
import shutil
import uuid
from pathlib import Path

MANIFEST_NAME = 'mini_dataset.json'


def write_once(root, recipe, write):
    """Let ``write`` fill the folder ``root``, unless it already holds that data set.

    Args:
        root (str | os.PathLike): The data set's folder; absent, empty, or holding the
            same data set. Missing parents are made.
        recipe (Recipe): What the data set is.
        write (Callable[[Path], None]): Fills the empty folder that it is given.

    Returns:
        Path: ``root``.

    Raises:
        FileExistsError: If ``root`` holds anything else. It is left as it is.
    """
    # Renaming onto a symbolic link would fail: the folder it points at is meant.
    folder = Path(os.path.realpath(root))
    manifest = recipe.manifest()
    if _already_written(folder, manifest):
        return Path(root)

    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f'.{folder.name}.{uuid.uuid4().hex[:12]}.unfinished')
    unfinished.mkdir()
    try:
        write(unfinished)
        text = json.dumps(manifest, indent=2) + '\n'
        (unfinished / MANIFEST_NAME).write_text(text, encoding='utf-8')
        _move_into_place(unfinished, folder, manifest)
    finally:
        # Also after Ctrl-C; after success there is nothing left to remove.
        shutil.rmtree(unfinished, ignore_errors=True)
    return Path(root)


def _move_into_place(unfinished, folder, manifest):
    """Rename, which fails if another process got there first: its result is as good."""
    try:
        os.rename(unfinished, folder)
    except OSError:
        if not _already_written(folder, manifest):
            raise


def _already_written(folder, manifest):
    """Whether ``folder`` holds this very data set; an error if it holds another thing.

    Returns:
        bool: False if the folder is absent or empty.

    Raises:
        FileExistsError: If it holds another data set or other files.
    """
    if not os.path.lexists(folder):
        return False
    if not folder.is_dir():
        raise FileExistsError(
            f'{folder} is a file, not a folder. Choose another place for the mini '
            'data set, or move that file away.'
        )
    found = read_manifest(folder)
    if found == manifest:
        return True
    if found is not None:
        raise FileExistsError(
            f'{folder} holds another mini data set: {_differences(found, manifest)}. '
            'Choose another folder, or remove that one yourself.'
        )
    names = sorted(os.listdir(folder))
    if not names:
        return False
    shown = ', '.join(names[:5]) + (', ...' if len(names) > 5 else '')
    raise FileExistsError(
        f'{folder} holds files that are not a mini data set ({len(names)}: {shown}). '
        'Choose another folder; nothing was changed in this one.'
    )


def read_manifest(folder):
    """What the data set in a folder says about itself.

    Args:
        folder (str | os.PathLike): Any folder.

    Returns:
        dict | None: Its kind, version and arguments; None if there is no manifest that
        can be read.
    """
    try:
        text = Path(folder, MANIFEST_NAME).read_text(encoding='utf-8')
        found = json.loads(text)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _differences(found, wanted):
    """str: 'seed 0 instead of 1', for each entry that differs."""
    names = [*wanted, *(name for name in found if name not in wanted)]
    return ', '.join(
        f'{name} {found.get(name)!r} instead of {wanted.get(name)!r}'
        for name in names
        if found.get(name) != wanted.get(name)
    )
