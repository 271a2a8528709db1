"""The beginning of a training: its work directory, its checkpoint, its seed."""

import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from mmengine.config import Config

from ..checkpoints.reading import load_file
from ..engine.file_backend import remove_temporary_files
from ..engine.lock import WorkDirLock
from ..engine.resuming import find_damage, find_resumable, remove_torn
from ..errors import CheckpointError, UserError
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
    prepare_work_dir(folder, resume, overwrite)
    checkpoint: str | None = None
    meta: Mapping = {}
    if resume == 'auto':
        checkpoint, meta = find_newest(folder)
        if not checkpoint:
            weights = cfg.get('load_from')
            start = f'the weights of {weights}' if weights else 'scratch'
            print(f'nothing to resume in {folder}: starting from {start}', flush=True)
    elif resume:
        checkpoint, meta = resume, read_meta(resume)
    if checkpoint:
        print(f'resuming from {checkpoint}', flush=True)
    return checkpoint, choose_seed(cfg, meta)


def find_newest(folder: Path) -> tuple[str | None, Mapping]:
    """Find the newest checkpoint that is whole, and say what was skipped.

    Returns:
        tuple[str | None, Mapping]: It and its ``meta``; None if there is none at all.

    Raises:
        UserError: If there are checkpoints, but none that can be resumed.
    """
    skipped = []
    for path in find_resumable(folder):
        try:
            meta = read_meta(str(path))
        except CheckpointError as error:
            skipped.append(str(error))
            print(f'skipped {error}', flush=True)
            continue
        return str(path), meta
    if skipped:
        raise UserError(
            f'none of the {len(skipped)} checkpoints in {folder} can be resumed:\n  '
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
    damage = find_damage(path)
    if damage:
        raise CheckpointError(f'{path}: {damage}')
    content = load_file(Path(path))
    parts = content if isinstance(content, Mapping) else {}
    missing = [
        name for name in ('state_dict', 'message_hub', 'meta') if name not in parts
    ]
    meta = parts.get('meta')
    if missing or not isinstance(meta, Mapping) or not {'iter', 'epoch'} <= set(meta):
        raise CheckpointError(
            f'{path}: it is not the checkpoint of a training of mmengine (it lacks '
            f'{", ".join(missing) or "the iteration"}). To start from its weights, use '
            f'--cfg-options load_from={path}.'
        )
    return meta


def choose_seed(cfg: Config, meta: Mapping) -> int:
    """The seed of the run: that of the resumed one, the config's, or a new one."""
    seed = (cfg.get('randomness') or {}).get('seed')
    resumed = meta.get('seed')
    if isinstance(resumed, int):
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
