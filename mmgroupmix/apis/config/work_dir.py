"""Nothing that a former run left is overwritten unless asked."""

import os
from pathlib import Path

from ...errors import UserError


def default_work_dir(config_file, demo):
    """str: ``work_dirs/NAME``, in a demo ``work_dirs/demo/NAME``."""
    parts = ['work_dirs', 'demo'] if demo else ['work_dirs']
    return os.path.join(*parts, Path(config_file).stem)


def find_checkpoints(work_dir):
    """list[Path]: The checkpoints that a run left, and its note of the last one."""
    folder = Path(work_dir)
    found = sorted(folder.glob('*.pth'))
    note = folder / 'last_checkpoint'
    return found + ([note] if note.exists() else [])


def prepare_work_dir(work_dir, resume, overwrite):
    """Refuse a work directory that holds a run, unless that run is meant.

    Args:
        work_dir (str): Where the run will write.
        resume (str or None): 'auto', a checkpoint, or None for a new run.
        overwrite (bool): Whether to remove the former run's checkpoints (and nothing
            else: logs and curves are in folders with a time stamp).

    Raises:
        UserError: If checkpoints are there and no option says what to do with them.
    """
    held = find_checkpoints(work_dir)
    if not held or resume == 'auto':
        return
    if resume and Path(resume).resolve().parent == Path(work_dir).resolve():
        return
    if overwrite:
        for path in held:
            path.unlink()
        return
    names = ', '.join(path.name for path in held[:4])
    more = f' and {len(held) - 4} more' if len(held) > 4 else ''
    raise UserError(
        f'{work_dir} already holds a run: {names}{more}. Choose one of:\n'
        '  --resume           go on from its latest checkpoint\n'
        '  --work-dir OTHER   keep it and write elsewhere\n'
        '  --overwrite        remove its checkpoints and start anew'
    )


def prepare_output(target, option, patterns, overwrite):
    """Refuse an output that exists and holds something, unless asked to replace it.

    Args:
        target (str): A file, or a folder to fill.
        option (str): The option that named it, for the message.
        patterns (Sequence[str]): Which files in a folder are outputs of a former run;
            only they are removed.
        overwrite (bool): Whether to remove the former outputs.

    Raises:
        UserError: If something is there and ``overwrite`` is not given.
    """
    path = Path(target)
    held = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    if not held:
        return
    if not overwrite:
        what = (
            f'holds {len(held)} entries ({held[0].name}, ...)'
            if path.is_dir()
            else 'exists'
        )
        raise UserError(
            f'{option} {target} {what}. Give another place, or --overwrite to replace '
            'the former outputs.'
        )
    former = (
        held
        if path.is_file()
        else [
            file for pattern in patterns for file in path.glob(pattern) if file.is_file()
        ]
    )
    for file in former:
        file.unlink()
