"""The beginning of a training: its work directory, its checkpoint, its seed."""

import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from mmengine.config import Config

from ..checkpoints.atomic_files import remove_temporary_files
from ..checkpoints.reading import check_checkpoint
from ..engine.lock import WorkDirLock
from ..engine.resuming import find_newest, move_folders_aside, read_meta, remove_torn
from .config.work_dir import prepare_work_dir


def prepare_run(
    cfg: Config, resume: str | None, overwrite: bool, stack: ExitStack
) -> tuple[str | None, int]:
    """Take the work directory, and find what the run starts from; on the main rank.

    Args:
        cfg (Config): The config.
        resume (str, optional): 'auto', a checkpoint, or None for a new run.
        overwrite (bool): Whether to remove an earlier run's checkpoints.
        stack (ExitStack): Keeps the lock of the work directory until it is closed.

    Returns:
        tuple[str | None, int]: The checkpoint to resume from, None for a new run, and
        the seed.

    Raises:
        UserError: If another run uses the directory, it holds a run that no option is
            about, or nothing of what it holds can be resumed.
    """
    folder = Path(cfg.work_dir)
    stack.enter_context(WorkDirLock(folder))
    for path in [*remove_temporary_files(folder), *remove_torn(folder)]:
        print(f'removed {path}: an earlier run died while it wrote it', flush=True)
    if overwrite and cfg.get('load_from'):
        check_checkpoint(cfg.load_from)  # before anything is removed
    prepare_work_dir(folder, resume, overwrite)
    for path, target in move_folders_aside(folder):
        print(f'{path} is a folder, not a file of a run: renamed {target}', flush=True)
    checkpoint: str | None = None
    meta: Mapping = {}
    if resume == 'auto':
        checkpoint, meta = find_newest(folder, lambda line: print(line, flush=True))
        if not checkpoint:
            weights = cfg.get('load_from')
            start = f'the weights of {weights}' if weights else 'scratch'
            print(f'nothing to resume in {folder}: starting from {start}', flush=True)
    elif resume:
        checkpoint, meta = resume, read_meta(resume)
    if checkpoint:
        print(f'resuming from {checkpoint}', flush=True)
    return checkpoint, choose_seed(cfg, meta)


def choose_seed(cfg: Config, meta: Mapping) -> int:
    """The seed of the run: that of the resumed one, the config's, or a new one."""
    seed = (cfg.get('randomness') or {}).get('seed')
    resumed = meta.get('seed')
    if isinstance(resumed, int) and 0 <= resumed < 2**32:
        if seed not in (None, resumed):
            print(
                f'the config has seed {seed}, the resumed run {resumed}, which stays',
                flush=True,
            )
        seed = resumed
    if seed is None:
        seed = secrets.randbelow(2**31)
    print(f'seed {seed}', flush=True)
    return seed
