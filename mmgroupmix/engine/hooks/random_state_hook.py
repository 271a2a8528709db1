"""Hook that lets a resumed run go on with the random numbers of the interrupted one."""

from collections.abc import Sequence
from typing import Any

from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ...errors import UserError
from ...registry import HOOKS
from ..misfits import MISFIT_ERRORS, check_complete
from ..random_states import get_random_states, seed_process, set_random_states


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Restore the random states that ``DurableCheckpointHook`` saved.

    The size to which mmdet's ``BatchSyncRandomResize`` brings batches for some iterations
    (YOLOX, RTMDet) is part of every checkpoint too.

    It also keeps validation from changing the random numbers of the training, which
    therefore do not depend on when, and how often, the run is validated.
    """

    # Before anything that draws random numbers.
    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._resumed: dict | None = None
        self._before_validation: dict | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if not runner._resume:
            return
        # Here, since hooks of a lower priority work with the weights.
        check_complete(runner, checkpoint)
        states = checkpoint.get('random_states')
        if states is None:
            runner.logger.warning(
                'The checkpoint holds no random states: it was not saved by '
                'DurableCheckpointHook. The resumed run will not equal an uninterrupted '
                'one bit by bit.'
            )
        elif isinstance(states, list) and len(states) == get_world_size():
            self._resumed = states[get_rank()]

        sizes = checkpoint.get('input_sizes')
        for name, module in _find_resizes(runner).items():
            size = sizes.get(name) if isinstance(sizes, dict) else None
            if isinstance(size, (list, tuple)) and _is_size(size):
                module._input_size = tuple(size)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        found = _find_resizes(runner).items()
        checkpoint['input_sizes'] = {
            name: tuple(map(int, module._input_size))
            for name, module in found
            if module._input_size is not None
        }

    def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        # Not earlier: building and loading a model draws random numbers.
        if self._resumed is not None:
            try:
                set_random_states(self._resumed)
            except MISFIT_ERRORS as error:
                raise UserError(
                    f'cannot resume from {runner._load_from}: its random states are not '
                    f'those of a run ({error!r}). Give another --resume CHECKPOINT.'
                ) from error
            self._resumed = None

    def before_val_epoch(self, runner: Runner) -> None:
        self._before_validation = get_random_states()
        # A validation that is made up for gives the same result.
        seed_process((runner.seed or 0) + runner.iter)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        if self._before_validation is not None:
            set_random_states(self._before_validation)
            self._before_validation = None


def _find_resizes(runner: Runner) -> dict[str, Any]:
    """The modules that keep the size of batches, by name."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return {
        name: module
        for name, module in model.named_modules()
        if hasattr(module, '_input_size') and hasattr(module, '_random_size_range')
    }


def _is_size(value: Sequence) -> bool:
    return len(value) == 2 and all(type(side) is int and side > 0 for side in value)
