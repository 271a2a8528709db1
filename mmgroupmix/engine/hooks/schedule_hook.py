"""Hook that lets a resumed run follow the schedule and the optimizer of its config."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop, Runner

from ...checkpoints.optimizer_states import (
    check_kind,
    list_optimizers,
    list_parameter_names,
    regroup,
)
from ...errors import UserError
from ...registry import HOOKS
from ..schedules import drop_functions, follow_config, read_settings


@HOOKS.register_module()
class ScheduleHook(Hook):
    """Let the config decide on learning rates and settings of a resumed run.

    mmengine restores them from the checkpoint, whatever the config says. What is in the
    config as it was when the checkpoint was saved is restored here too, bit by bit.

    Raises:
        UserError: If the checkpoint is beyond the end of this run.
    """

    # After the checkpoint hook, which finds out where the data were left.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._settings: list[list[dict]] = []
        self._names: list[str] | None = None
        self._num_idle = 0

    def before_run(self, runner: Runner) -> None:
        wrapper = runner.optim_wrapper
        if not isinstance(wrapper, OptimWrapper):  # a test
            return
        self._settings = read_settings(runner)
        if not isinstance(wrapper, OptimWrapperDict):
            model = (
                runner.model.module if is_model_wrapper(runner.model) else runner.model
            )
            self._names = list_parameter_names(model, wrapper.optimizer)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint['meta'].update(
            optimizer_settings=self._settings,
            parameter_names=self._names,
            counts_epochs=_counts_epochs(runner),
        )
        states = checkpoint.get('param_schedulers')
        for part in states.values() if isinstance(states, dict) else [states or []]:
            part[:] = [drop_functions(state) for state in part]

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if not runner._resume or not self._settings:
            return
        meta = checkpoint['meta']
        _convert_epochs(runner, meta)
        _check_end(runner, meta)
        changed = []
        optimizer = checkpoint.get('optimizer')
        if isinstance(optimizer, dict) and self._names is not None:
            names, wrapper = meta.get('parameter_names'), runner.optim_wrapper
            groups = optimizer.get('param_groups') or []
            check_kind(groups, wrapper.optimizer, str(runner._load_from))
            if regroup(optimizer, names, self._names, wrapper.optimizer):
                changed.append('the groups of parameters (paramwise_cfg, frozen stages)')
                optimizer['base_param_settings'] = wrapper.base_param_settings
                meta.pop('optimizer_settings', None)
                checkpoint.pop('param_schedulers', None)
        changed += follow_config(runner, checkpoint, self._settings)
        if changed:
            runner.logger.warning(
                f'The config has changed since {runner._load_from} was saved: '
                + '; '.join(changed)
            )

    def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        # The last step of a schedule may have the rate 0; from the second on, it is over.
        rates = [group.get('lr') for group in _list_groups(runner.optim_wrapper)]
        # A rate may be a tensor on a GPU, which is not waited for.
        is_idle = all(isinstance(rate, (int, float)) and rate == 0 for rate in rates)
        self._num_idle = self._num_idle + 1 if is_idle else 0
        if self._num_idle == 2:
            runner.logger.warning(
                f'The learning rate is 0 at iteration {runner.iter + 1} of '
                f'{runner.max_iters}, as at the one before: such steps change nothing. '
                'If the training was made longer, raise the ends in param_scheduler too.'
            )


def _list_groups(wrapper: Any) -> list[dict]:
    return [group for one in list_optimizers(wrapper) for group in one.param_groups]


def _counts_epochs(runner: Runner) -> bool:
    return isinstance(runner.train_loop, EpochBasedTrainLoop)


def _convert_epochs(runner: Runner, meta: dict) -> None:
    """Count the epochs of a checkpoint as this run does, if its run counted otherwise."""
    counts_epochs = _counts_epochs(runner)
    if meta.get('counts_epochs', counts_epochs) == counts_epochs:
        return
    loop: Any = runner.train_loop
    seen = meta['iter'] + getattr(loop, 'batch_offset', 0)
    meta['epoch'] = seen // len(loop.dataloader) if counts_epochs else 0


def _check_end(runner: Runner, meta: dict) -> None:
    """Refuse a checkpoint that is beyond the end of the run."""
    is_epochs = _counts_epochs(runner)
    unit, key = ('epoch', 'max_epochs') if is_epochs else ('iter', 'max_iters')
    done, end = meta[unit], runner.max_epochs if is_epochs else runner.max_iters
    units = 'epochs' if is_epochs else 'iterations'
    if done > end:
        raise UserError(
            f'cannot resume from {runner._load_from}: it has done {done} {units}, and '
            f'the config ends after {end}. Raise train_cfg.{key}, or give an earlier '
            'checkpoint as --resume CHECKPOINT.'
        )
    if done == end:
        runner.logger.warning(
            f'The training is complete: {done} of {end} {units}. To go on, raise '
            f'train_cfg.{key} and the ends in param_scheduler.'
        )
