"""Protection of what an earlier run left: nothing is overwritten unless asked."""

from collections.abc import Sequence
from pathlib import Path

from ...errors import UserError


def find_checkpoints(work_dir: str | Path) -> list[Path]:
    """The checkpoints that a run left, and its note of the last one."""
    note = Path(work_dir) / 'last_checkpoint'
    return sorted(Path(work_dir).glob('*.pth')) + ([note] if note.exists() else [])


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
        for path in present:
            path.unlink()
        return
    names = ', '.join(path.name for path in present[:4])
    more = f' and {len(present) - 4} more' if len(present) > 4 else ''
    raise UserError(
        f'{work_dir} already holds a run: {names}{more}. Choose one of:\n'
        '  --resume           continue from its latest checkpoint\n'
        '  --work-dir OTHER   keep it and write elsewhere\n'
        '  --overwrite        remove its checkpoints and start from scratch'
    )


def prepare_output(
    target: str | Path, option: str, patterns: Sequence[str], overwrite: bool
) -> None:
    """Refuse an output that exists and is not empty, unless asked to replace it.

    Args:
        target (str | Path): A file, or a folder to fill.
        option (str): The option that named it, for the message.
        patterns (Sequence[str]): The files in a folder that are outputs of an earlier
            run; only they are removed.
        overwrite (bool): Whether to remove the earlier outputs.

    Raises:
        UserError: If something is there and ``overwrite`` is not given.
    """
    path = Path(target)
    present = sorted(path.iterdir()) if path.is_dir() else [path] if path.exists() else []
    if not present:
        return
    if not overwrite:
        found = f'holds {len(present)} entries ({present[0].name}, ...)'
        raise UserError(
            f'{option} {target} {found if path.is_dir() else "exists"}. Give another '
            'place, or --overwrite to replace the earlier outputs.'
        )
    outputs = (
        [path]
        if path.is_file()
        else (
            file for pattern in patterns for file in path.glob(pattern) if file.is_file()
        )
    )
    for file in list(outputs):
        file.unlink()
