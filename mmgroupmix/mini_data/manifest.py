"""Writing a dataset completely or not at all, and never over other files.

The files are written to a hidden folder next to the final one, and the manifest
``mini_dataset.json``, which states what the dataset is, comes last. The dataset appears
in a single step, when the hidden folder is renamed.
"""

import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

MANIFEST_NAME = 'mini_dataset.json'


class Recipe(Protocol):
    """The arguments of a dataset."""

    def to_manifest(self) -> dict[str, Any]:
        """What the folder of the dataset states about itself."""


AnyRecipe = TypeVar('AnyRecipe', bound=Recipe)


def write_once(
    root: str | os.PathLike[str],
    recipe: AnyRecipe,
    write: Callable[[Path, AnyRecipe], None],
) -> Path:
    """Write a dataset to the folder ``root``, unless it is already there.

    Args:
        root (str | os.PathLike): Folder of the dataset. It may be absent, empty or
            contain the same dataset, which is then left unchanged. Missing parent
            folders are created.
        recipe (Recipe): The arguments of the dataset.
        write (Callable[[Path, Recipe], None]): Writes the files to the empty
            folder that it is given.

    Returns:
        Path: ``root``.

    Raises:
        FileExistsError: If ``root`` contains anything else, which is left unchanged.
    """
    # A folder cannot be renamed to an existing symbolic link, only to its target.
    folder = Path(os.path.realpath(root))
    manifest = recipe.to_manifest()
    if _is_already_written(folder, manifest):
        return Path(root)

    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f'.{folder.name}.{uuid.uuid4().hex[:12]}.unfinished')
    unfinished.mkdir()
    try:
        write(unfinished, recipe)
        text = json.dumps(manifest, indent=2) + '\n'
        (unfinished / MANIFEST_NAME).write_text(text, encoding='utf-8')
        _move_into_place(unfinished, folder, manifest)
    finally:
        # This includes an interruption by Ctrl-C. After success, there is nothing left.
        shutil.rmtree(unfinished, ignore_errors=True)
    return Path(root)


def _move_into_place(unfinished: Path, folder: Path, manifest: dict[str, Any]) -> None:
    """Rename the folder, or accept the same dataset from a process that was faster."""
    try:
        os.rename(unfinished, folder)
    except OSError:
        if not _is_already_written(folder, manifest):
            raise


def _is_already_written(folder: Path, manifest: dict[str, Any]) -> bool:
    """Return whether ``folder`` contains the dataset, or False if it is absent or empty.

    Raises:
        FileExistsError: If it contains another dataset or other files.
    """
    if not os.path.lexists(folder):
        return False
    if not folder.is_dir():
        raise FileExistsError(
            f'{folder} is a file, expected a folder for the mini dataset. Choose another '
            'folder, or move the file away.'
        )
    found = read_manifest(folder)
    if found == manifest:
        return True
    if found is not None:
        raise FileExistsError(
            f'{folder} contains another mini dataset: '
            f'{_describe_differences(found, manifest)}. Choose another folder, or remove '
            'this one.'
        )
    names = sorted(os.listdir(folder))
    if not names:
        return False
    shown = ', '.join(names[:5]) + (', ...' if len(names) > 5 else '')
    raise FileExistsError(
        f'{folder} contains files that are not a mini dataset ({len(names)}: {shown}). '
        'Choose another folder. Nothing was changed in this one.'
    )


def read_manifest(folder: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Read what the dataset in a folder states about itself.

    Args:
        folder (str | os.PathLike): Any folder.

    Returns:
        dict | None: Kind, version and arguments of the dataset, or None if there is no
        readable manifest.
    """
    try:
        text = Path(folder, MANIFEST_NAME).read_text(encoding='utf-8')
        found = json.loads(text)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _describe_differences(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Return 'seed 0 instead of 1', and so on for each entry that differs."""
    return ', '.join(
        f'{name} {found.get(name)!r} instead of {wanted.get(name)!r}'
        for name in wanted | found
        if found.get(name) != wanted.get(name)
    )
