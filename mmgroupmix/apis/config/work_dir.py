"""Protection of what an earlier run left: nothing is overwritten unless asked."""

import errno
import os
from pathlib import Path

from ...errors import UserError


def find_checkpoints(work_dir: str | Path) -> list[Path]:
    """The checkpoints and weights that a run left, and its note of the last one."""
    folder, note = Path(work_dir), Path(work_dir) / 'last_checkpoint'
    files = [*folder.glob('*.pth'), *folder.glob('*.safetensors')]
    files = [path for path in files if path.is_symlink() or not path.is_dir()]
    return sorted(files) + ([note] if note.is_file() else [])


def make_work_dir(folder: str | Path) -> None:
    """Make a work directory, unless it is there.

    Raises:
        UserError: If it cannot be made or written to.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UserError(
            f'the work directory {folder} cannot be used: {error.strerror}. It must be a '
            'folder that this process may write to. Give another --work-dir.'
        ) from error


def prepare_work_dir(work_dir: str | Path, resume: str | None, overwrite: bool) -> None:
    """Refuse a work directory that holds another run than the one to resume.

    Args:
        work_dir (str | Path): Where the run will write.
        resume (str, optional): 'auto', a checkpoint, or None for a new run.
        overwrite (bool): Whether to remove the earlier run's checkpoints (and nothing
            else: logs and curves are in folders with a time stamp).

    Raises:
        UserError: If checkpoints are there and no option says what to do with them.
    """
    present = find_checkpoints(work_dir)
    if not present or resume == 'auto':
        return
    if resume and Path(resume).resolve().parent == Path(work_dir).resolve():
        return
    if overwrite:
        if Path(work_dir).is_symlink():
            raise UserError(
                f'{work_dir} is a link to {Path(work_dir).resolve()}, and --overwrite '
                'removes nothing through a link. Give --work-dir the folder itself.'
            )
        for path in present:
            path.unlink()  # of a link, this removes the link
        return
    names = ', '.join(path.name for path in present[:4])
    more = f' and {len(present) - 4} more' if len(present) > 4 else ''
    raise UserError(
        f'{work_dir} already holds a run: {names}{more}. Choose one of:\n'
        '  --resume           continue from its latest checkpoint\n'
        '  --work-dir OTHER   keep it and write elsewhere\n'
        '  --overwrite        remove its checkpoints and start from scratch'
    )
