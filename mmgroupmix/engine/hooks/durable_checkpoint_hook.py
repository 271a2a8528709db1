"""Hook that saves checkpoints from which a run goes on as if it had not stopped."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object, get_world_size, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from ...checkpoints.atomic_files import write_atomically
from ...checkpoints.export import convert_to_safetensors
from ...registry import HOOKS
from ..file_backend import ATOMIC_BACKEND
from ..loops import ResumableLoop
from ..misfits import report_misfits
from ..random_states import get_random_states
from ..resuming import LAST_CHECKPOINT, LAST_VALIDATION, find_newest
from .curves import is_undefined
from .finite_training import check_finite

#: The message hub's name of the checkpoint of an interruption.
INTERIM = 'interim_ckpt'


@HOOKS.register_module()
class DurableCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, whose files survive whatever ends the run.

    - A file is whole or absent, and an old one is removed after the new one is complete.
    - A checkpoint also holds the random states of every rank.
    - ``last_checkpoint`` is written last, and names the file relative to the work
      directory, so that this may be moved or copied.
    - Weights that are NaN or infinite are not saved: the run stops.
    - A model whose score is undefined, such as COCO's -1, is not the best one.

    Args:
        *args: As for ``CheckpointHook``.
        backend_args (dict, optional): Where to save. Defaults to None: local files.
        safetensors (bool): Whether to write the weights of the last and the best
            checkpoint as .safetensors files, too, at the end. Defaults to False.
        **kwargs: As for ``CheckpointHook``.
    """

    def __init__(
        self,
        *args: Any,
        backend_args: dict | None = None,
        safetensors: bool = False,
        **kwargs: Any,
    ):
        super().__init__(*args, backend_args=backend_args, **kwargs)
        self.file_backend: Any
        self.last_ckpt: str | None
        self.best_ckpt_path: str | None
        is_local = '://' not in str(self.out_dir or '')
        if backend_args is None and self.file_client_args is None and is_local:
            self.backend_args = dict(backend=ATOMIC_BACKEND)
        self.safetensors = safetensors
        self._collected: dict = {}
        self._saved_iteration = -1
        self._is_finished = False

    def before_run(self, runner: Runner) -> None:
        # A toolbox's own script follows `last_checkpoint`, from the current folder.
        if runner._resume and runner._load_from is None:
            newest, _ = find_newest(runner.work_dir, runner.logger.warning)
            runner._load_from, runner._resume = newest, newest is not None
        report_misfits(runner)

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        if runner._resume:
            self._find_validation_to_make_up(runner)
        elif is_main_process():
            (Path(runner.work_dir) / LAST_VALIDATION).unlink(missing_ok=True)
        if self.save_best is None:
            return
        # The paths that a checkpoint holds are those of the work directory at the time.
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = self._move_here(self.best_ckpt_path)
        else:
            for key, path in self.best_ckpt_path_dict.items():
                self.best_ckpt_path_dict[key] = self._move_here(path)
        if runner._resume and not self._is_finished and is_main_process():
            self._remove_forgotten_best(runner)

    def _best_paths(self) -> set[str | None]:
        # Which of the two there is depends on the number of metrics.
        several = getattr(self, 'best_ckpt_path_dict', {})
        return {getattr(self, 'best_ckpt_path', None), *several.values()}

    def _find_validation_to_make_up(self, runner: Runner) -> None:
        # A checkpoint is saved before the validation of its step, so it lacks what that
        # changed: the best score, learning rates on a plateau, an early stop.
        loop, note = runner.train_loop, Path(runner.work_dir) / LAST_VALIDATION
        if isinstance(loop, ResumableLoop) and loop.is_validation_due():
            text = note.read_bytes().strip() if note.is_file() else b''
            last = int(text) if text.isdigit() and len(text) < 20 else -1
            self._is_finished = loop.is_finished() and last >= runner.iter
            loop.must_validate = not (self._is_finished or loop.is_within_epoch())

    def _move_here(self, path: str | None) -> str | None:
        return path and self.file_backend.join_path(self.out_dir, os.path.basename(path))

    def _remove_forgotten_best(self, runner: Runner) -> None:
        """Remove a best checkpoint that the resumed run does not know of.

        The interrupted run had saved it, or was about to remove it.
        """
        names = {os.path.basename(path) for path in self._best_paths() if path}
        for key in self.key_indicators:
            for path in Path(self.out_dir).glob(f'best_{key.replace("/", "_")}_*.pth'):
                if key != 'auto' and path.name not in names:
                    path.unlink(missing_ok=True)
                    runner.logger.info(f'{path.name} is not of this run: removed')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint['meta'].update(
            world_size=get_world_size(),
            batch_size=getattr(runner.train_dataloader, 'batch_size', None),
            batch_offset=getattr(runner.train_loop, 'batch_offset', 0),
        )
        checkpoint.update(self._collected)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        meta = checkpoint.get('meta') or {}
        if not runner._resume or not meta.get('world_size'):
            return
        offset = meta.get('batch_offset')
        offset = offset if isinstance(offset, int) else 0
        runner.train_loop.batch_offset = offset
        size = getattr(runner.train_dataloader, 'batch_size', None)
        before = (meta['world_size'], meta.get('batch_size'))
        now = (get_world_size(), size)
        if before == now:
            return
        if all(isinstance(number, int) for number in (*before, *now)):
            seen = (meta['iter'] + offset) * before[0] * before[1]
            runner.train_loop.batch_offset = seen // (now[0] * now[1]) - meta['iter']
        runner.logger.warning(
            f'The checkpoint was saved by {before[0]} process(es) with {before[1]} '
            f'images each; this run has {now[0]} with {now[1]} each. It goes on where '
            'the data were left, but the order of the data, the random numbers and the '
            'total batch size differ from those of an uninterrupted run.'
        )

    def after_val_epoch(self, runner: Runner, metrics: dict) -> None:
        super().after_val_epoch(runner, metrics)
        if is_main_process():
            self._note(runner, LAST_VALIDATION, str(runner.iter))

    def after_train(self, runner: Runner) -> None:
        super().after_train(runner)
        if self.safetensors and is_main_process():
            for path in filter(None, {self.last_ckpt, *self._best_paths()}):
                runner.logger.info(f'weights written to {convert_to_safetensors(path)}')

    def save_now(self, runner: Runner, epoch: int, iteration: int) -> str | None:
        """Save a complete checkpoint between two regular ones; call it on all ranks.

        Args:
            runner (Runner): The runner.
            epoch (int): Epochs that are complete.
            iteration (int): Iterations that are complete.

        Returns:
            str | None: Its path.
        """
        if self._saved_iteration == iteration:
            return self.last_ckpt
        filename = self.filename_tmpl.format(epoch if self.by_epoch else iteration)
        if self.by_epoch:
            filename = f'{filename.removesuffix(".pth")}_iter_{iteration}.pth'
        before = self._replace_interim(runner, filename)
        self._save(runner, filename, dict(epoch=epoch, iter=iteration))
        self._remove([before] if before != filename else [])
        return self.last_ckpt

    @staticmethod
    def _replace_interim(runner: Runner, filename: str | None) -> str | None:
        """Note the checkpoint that only lasts until the next; return that before."""
        before = runner.message_hub.runtime_info.get(INTERIM)
        runner.message_hub.update_info(INTERIM, filename)
        return before

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        outdated: list[str | None] = []
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            while len(self.keep_ckpt_ids) >= self.max_keep_ckpts:
                outdated.append(self.filename_tmpl.format(self.keep_ckpt_ids.popleft()))
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        filename = self.filename_tmpl.format(step)
        outdated.append(self._replace_interim(runner, None))
        self._save(runner, filename, meta)
        self._remove(name for name in outdated if name != filename)

    def _remove(self, names: Iterable[str | None]) -> None:
        if not is_main_process():
            return
        for name in filter(None, names):
            path = self.file_backend.join_path(self.out_dir, name)
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)

    def _save(self, runner: Runner, filename: str, meta: dict) -> None:
        check_finite(runner, meta['iter'], self.last_ckpt)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, filename)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        self._collected = dict(random_states=all_gather_object(get_random_states()))
        try:
            runner.save_checkpoint(
                self.out_dir,
                filename,
                self.file_client_args,
                save_optimizer=self.save_optimizer,
                save_param_scheduler=self.save_param_scheduler,
                meta=meta,
                by_epoch=self.by_epoch,
                backend_args=self.backend_args,
                **self.args,
            )
        finally:
            self._collected = {}
        if is_main_process():
            self._note(runner, LAST_CHECKPOINT, self._relative_path(runner))
        self._saved_iteration = meta['iter']

    def _relative_path(self, runner: Runner) -> str:
        assert self.last_ckpt is not None
        if '://' in self.last_ckpt:
            return self.last_ckpt
        return os.path.relpath(self.last_ckpt, runner.work_dir)

    def _note(self, runner: Runner, name: str, text: str) -> None:
        write_atomically(os.path.join(runner.work_dir, name), text.encode())

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        # mmengine would take COCO's -1 for a score, and the first model for the best.
        undefined = [key for key, value in metrics.items() if is_undefined(key, value)]
        with self._removals_postponed():
            super()._save_best_checkpoint(runner, metrics | dict.fromkeys(undefined))
        for key in undefined:
            if self.save_best and key in self.key_indicators:
                runner.logger.warning(
                    f'{key} is undefined: no labelled objects to compare with. No '
                    'checkpoint is saved as the best one.'
                )

    @contextmanager
    def _removals_postponed(self) -> Iterator[None]:
        """Remove files at the end of the block only, and none if it fails."""
        backend = self.file_backend
        self.file_backend = postponed = _PostponedRemovals(backend)
        try:
            yield
        finally:
            self.file_backend = backend
        for path in postponed.paths:
            if path not in self._best_paths() and backend.isfile(path):
                backend.remove(path)


class _PostponedRemovals:
    """A file backend that remembers what to remove."""

    def __init__(self, backend: Any):
        self.backend = backend
        self.paths: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.backend, name)

    def remove(self, path: str) -> None:
        self.paths.append(path)
