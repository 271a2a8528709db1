"""Bytes of the checkpoints that a run keeps, against the free space of its disk."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from ..config.tree import as_list, type_name
from .schedule import Schedule


@dataclass(frozen=True)
class KeptCheckpoints:
    """The files that a run has on disk at the same time.

    Attributes:
        regular (int): Checkpoints to resume from.
        best (int): Best ones, one per metric.
        written (int): 1 for the one that is written before an old one is removed.
    """

    regular: int
    best: int
    written: int

    def bytes(self, full: int, best: int) -> int:
        """Bytes of all of them.

        Args:
            full (int): Bytes of a checkpoint to resume from.
            best (int): Bytes of a best one, which has no optimizer state.

        Returns:
            int: The sum.
        """
        return (self.regular + self.written) * full + self.best * best


@dataclass(frozen=True)
class FreeSpace:
    """The disk of a work directory.

    Attributes:
        folder (str): The work directory, or its nearest parent that exists.
        bytes (int): Bytes that are free.
        writable (bool): Whether this user may write there.
        obstacle (str, optional): A file in the place of the work directory or a parent.
    """

    folder: str
    bytes: int
    writable: bool
    obstacle: str | None = None


def checkpoint_hooks(cfg: Config) -> Iterator[Mapping]:
    """The configs of the hooks that save checkpoints."""
    hooks = dict(cfg.get('default_hooks') or {})
    default = hooks.pop('checkpoint', dict(type='CheckpointHook', interval=1))
    if default:
        yield default
    for hook in [*hooks.values(), *(cfg.get('custom_hooks') or [])]:
        if type_name(hook).endswith('CheckpointHook'):
            yield hook


def count_checkpoints(cfg: Config, schedule: Schedule) -> KeptCheckpoints:
    """Count the checkpoints that a run keeps at once.

    Args:
        cfg (Config): The config.
        schedule (Schedule): The length of the training.

    Returns:
        KeptCheckpoints: Their number.
    """
    regular = best = written = 0
    for hook in checkpoint_hooks(cfg):
        limit = hook.get('max_keep_ckpts', -1)
        saved = _count_saved(hook, schedule)
        if saved is None:  # the length is unknown: as many as are kept, or one
            saved = limit + 1 if limit > 0 else 1
        regular += min(saved, limit) if limit > 0 else saved
        written += 0 < limit < saved
        if schedule.validations:
            best += len(as_list(hook.get('save_best')))
    return KeptCheckpoints(regular, best, int(written > 0))


def find_free_space(work_dir: str | Path) -> FreeSpace:
    """Free space where a work directory is or will be.

    Args:
        work_dir (str | Path): The work directory, which need not exist.

    Returns:
        FreeSpace: Folder and bytes.
    """
    folder, obstacle = os.path.abspath(work_dir), None
    while not os.path.isdir(folder):
        if os.path.lexists(folder):
            obstacle = folder
        folder = os.path.dirname(folder)
    free = shutil.disk_usage(folder).free
    writable = os.access(folder, os.W_OK | os.X_OK)
    return FreeSpace(folder, free, writable, obstacle)


def _count_saved(hook: Mapping, schedule: Schedule) -> int | None:
    """How many checkpoints a hook saves in a run, best ones aside; None if unknown."""
    interval = hook.get('interval', -1)
    by_epoch = hook.get('by_epoch', True)
    length = schedule.length if by_epoch else schedule.steps
    if interval <= 0:
        return 0
    if length is None:
        return None
    if by_epoch and schedule.unit == 'iterations':
        return 1  # mmengine counts the whole run as one epoch
    begin = hook.get('save_begin', 0)
    if begin > length:
        return int(hook.get('save_last', True))
    saved = (length - begin) // interval + (begin > 0)
    return saved + (hook.get('save_last', True) and (length - begin) % interval != 0)
