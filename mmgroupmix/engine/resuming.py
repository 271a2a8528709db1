"""Finding the checkpoint from which a run can be resumed."""

import os
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from ..checkpoints.reading import check_checkpoint, load_file
from ..errors import CheckpointError, UserError

#: What a training writes: iter_4000.pth, epoch_3.pth, epoch_3_iter_900.pth, best_*.pth.
WRITTEN = re.compile(r'(best_.+|(iter|epoch)_\d+(_iter_\d+)?)\.pth')
#: The last checkpoint, and the iteration after which the last validation ended.
LAST_CHECKPOINT, LAST_VALIDATION = NOTES = ('last_checkpoint', 'last_validation')


def find_damage(path: str | Path) -> str | None:
    """Check that a checkpoint is whole.

    ``torch.save`` stores a CRC-32 checksum of every record, which is compared here.

    Args:
        path (str | Path): The file.

    Returns:
        str | None: What is wrong, or None.
    """
    path = Path(path)
    if is_torn(path):
        return f'it is not complete ({path.stat().st_size} bytes)'
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                record = archive.testzip()
        except Exception as error:  # zipfile raises many kinds for a damaged directory
            return f'it is damaged ({error})'
        if record:
            return f'the checksum of its record {record} differs'
    # PyTorch's reader compares no checksums, but more of the archive's own records.
    try:
        load_file(path)
    except CheckpointError as error:
        return str(error)
    return None


def is_torn(path: Path) -> bool:
    """Whether a checkpoint lacks its end, as one that was being written in place."""
    with path.open('rb') as file:
        head = file.read(4)
    return not head or (head.startswith(b'PK') and not zipfile.is_zipfile(path))


def remove_torn(work_dir: str | Path) -> list[Path]:
    """Remove the checkpoints of a work directory that lack their end.

    Args:
        work_dir (str | Path): A directory in which no run writes.

    Returns:
        list[Path]: The removed files.
    """
    torn = [
        path
        for path in sorted(Path(work_dir).glob('*.pth'))
        if WRITTEN.fullmatch(path.name) and path.is_file() and is_torn(path)
    ]
    for path in torn:
        path.unlink()
    return torn


def move_folders_aside(work_dir: str | Path) -> list[tuple[Path, Path]]:
    """Rename folders that stand where a training writes a file.

    Args:
        work_dir (str | Path): The work directory.

    Returns:
        list[tuple[Path, Path]]: The old and the new path of each.
    """
    moved = []
    for path in sorted(Path(work_dir).iterdir()):
        is_written = path.name in NOTES or WRITTEN.fullmatch(path.name)
        if is_written and path.is_dir() and not path.is_symlink():
            target, number = path.with_name(f'{path.name}.folder'), 1
            while os.path.lexists(target):
                number += 1
                target = path.with_name(f'{path.name}.folder{number}')
            moved.append((path, path.rename(target)))
    return moved


def find_resumable(work_dir: str | Path) -> list[Path]:
    """The checkpoints of a work directory that may be resumed from, the newest first.

    Args:
        work_dir (str | Path): The directory.

    Returns:
        list[Path]: Files, whole or not; those of the best metric are not among them,
        since they hold no optimizer.
    """
    note = Path(work_dir) / LAST_CHECKPOINT
    text = note.read_text(errors='replace').strip() if note.is_file() else ''
    last = Path(text).name
    found = set(Path(work_dir).glob('*.pth'))
    # A relative path of the note leads to the hook's `out_dir`; an absolute one may be
    # that of the directory from which this one was copied.
    noted = Path(os.path.normpath(Path(work_dir) / text))
    if text and not os.path.isabs(text) and os.path.isfile(noted):
        found |= {noted, *noted.parent.glob('*.pth')}
    paths = [
        path for path in found if not path.name.startswith('best_') and path.is_file()
    ]

    def progress(path: Path) -> tuple:
        # A run counts iterations or epochs; a directory with both holds two runs.
        is_kind_of_last = _prefix(path.name) == _prefix(last)
        numbers = tuple(int(number) for number in re.findall(r'\d+', path.name))
        return is_kind_of_last, numbers, path.stat().st_mtime

    return sorted(paths, key=progress, reverse=True)


def find_newest(
    work_dir: str | Path, report: Callable[[str], None]
) -> tuple[str | None, Mapping]:
    """Find the newest checkpoint of a work directory that is whole.

    Args:
        work_dir (str | Path): The directory.
        report (Callable): Gets a line about each checkpoint that is skipped.

    Returns:
        tuple[str | None, Mapping]: It and its ``meta``; None if there is none at all.

    Raises:
        UserError: If there are checkpoints, but none that can be resumed.
    """
    skipped = []
    for path in find_resumable(work_dir):
        try:
            return str(path), read_meta(str(path))
        except CheckpointError as error:
            skipped.append(str(error))
            report(f'skipped a checkpoint: {error}')
    if skipped:
        raise UserError(
            f'none of the {len(skipped)} checkpoints in {work_dir} can be resumed:\n  '
            + '\n  '.join(skipped)
            + '\nGive another one as --resume CHECKPOINT, or --overwrite to start from '
            'scratch.'
        )
    return None, {}


def read_meta(path: str) -> Mapping:
    """Read what a checkpoint says of its run.

    Args:
        path (str): The file, or a URL, which is not checked.

    Returns:
        Mapping: Its ``meta``, with ``iter`` and ``epoch``.

    Raises:
        CheckpointError: If it is damaged, or no training can go on from it.
    """
    if '://' in path:
        return {}
    if is_torn(Path(path)):
        raise CheckpointError(f'{path}: {find_damage(path)}')
    content = check_checkpoint(path, is_resumed=True)
    damage = find_damage(path)
    if damage:
        raise CheckpointError(f'{path}: {damage}')
    return content['meta']


def _prefix(name: str) -> str:
    return re.split(r'\d', name, maxsplit=1)[0]
