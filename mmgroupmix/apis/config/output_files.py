"""Room for outputs: nothing is replaced unless asked, and no link is followed."""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from ...errors import UserError


def prepare_output(
    target: str | Path,
    option: str,
    overwrite: bool,
    files: Sequence[str] = (),
    folders: Sequence[str] = (),
) -> None:
    """Refuse an output that exists and is not empty, unless asked to replace it.

    A link to a file is removed, never the file that it leads to. A link to a folder is
    not followed: below one of ``folders`` it is removed, in place of one it is refused.

    Args:
        target (str | Path): A file, or a folder to fill.
        option (str): The option that named it, for the message.
        overwrite (bool): Whether to remove the earlier outputs.
        files (Sequence[str]): Patterns for the names of files in the folder that are
            outputs of an earlier run. Defaults to none.
        folders (Sequence[str]): Names of its folders whose files are all outputs.
            Defaults to none. Of a folder, only outputs are removed.

    Raises:
        UserError: If something is there and ``overwrite`` is not given, or if a link to
            a folder is in the way.
    """
    path = Path(target)
    present = sorted(path.iterdir()) if path.is_dir() else []
    if not present and (path.is_dir() or not os.path.lexists(path)):
        return
    if not overwrite:
        found = (
            f'holds {len(present)} entries ({present[0].name}, ...)' if present else ''
        )
        raise UserError(
            f'{option} {target} {found or "exists"}. Give another place, or --overwrite '
            'to replace the earlier outputs.'
        )
    if not present:
        if files or folders or not (path.is_symlink() or path.is_file()):
            expected = 'folder' if files or folders else 'file'
            raise UserError(f'{option} {target} is not a {expected}. Give another place.')
        path.unlink()
        return
    outputs = list(_list_outputs(path, files, folders))
    if outputs and path.is_symlink():
        raise UserError(
            f'{option} {target} is a link to {path.resolve()}, and --overwrite removes '
            f'nothing through a link. Give {path.resolve()} itself, or another place.'
        )
    for file in outputs:
        file.unlink()


def refuse_link(path: Path) -> None:
    """Refuse a link where a file or folder would be written.

    Args:
        path (Path): The file or folder; its parents may be links.

    Raises:
        UserError: If it is a link.
    """
    if path.is_symlink():
        raise UserError(
            f'{path} is a link to {os.readlink(path)}, and nothing is written through '
            'a link. Remove the link, or give another folder.'
        )


def _list_outputs(
    path: Path, files: Sequence[str], folders: Sequence[str]
) -> Iterator[Path]:
    for entry in sorted(path.iterdir()):
        if not any(fnmatchcase(entry.name, pattern) for pattern in files):
            continue
        if entry.is_symlink() or entry.is_file():
            yield entry
        elif entry.name in files:
            raise UserError(
                f'{entry} is not a file, and would be replaced by one. Move it away, or '
                'give another folder.'
            )
    for name in folders:
        refuse_link(path / name)
        if (path / name).is_file():
            raise UserError(
                f'{path / name} is a file, expected a folder. Move it away, or give '
                'another folder.'
            )
        for parent, children, names in os.walk(path / name):
            for entry in (Path(parent, child) for child in (*children, *names)):
                if entry.is_symlink() or entry.is_file():
                    yield entry
