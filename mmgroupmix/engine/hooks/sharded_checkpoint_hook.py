"""Hook that lets mmengine's runner save and resume a model sharded by FSDP."""

from functools import wraps
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from ...registry import HOOKS
from ..model_wrappers.sharded_states import (
    accept_plain_optimizer_states,
    gather_model_state,
    gather_optimizer_state,
    is_sharded,
)


@HOOKS.register_module()
class ShardedCheckpointHook(Hook):
    """Checkpoints of a sharded model are plain ones: full tensors, one file.

    They load in a run with FSDP, with ``DistributedDataParallel`` or on one device. The
    runner saves on the first process alone, which has a part of each tensor; so every
    call of its ``save_checkpoint``, which all processes make, first gathers the tensors.
    Without a sharded model the hook does nothing.
    """

    # Before hooks that save, and before those that change what is saved.
    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if not is_sharded(model):
            return
        # The wrapper has done so: a part of a tensor can be neither initialised nor
        # broadcast.
        runner._init_model_weights = lambda: None
        optim_wrapper = runner.optim_wrapper
        if not isinstance(optim_wrapper, OptimWrapper):  # a test, which saves nothing
            return
        accept_plain_optimizer_states(optim_wrapper.optimizer)
        save = runner.save_checkpoint

        @wraps(save)
        def gather_and_save(*args: Any, **kwargs: Any) -> None:
            self.states = dict(state_dict=gather_model_state(model))
            if kwargs.get('save_optimizer', True):
                self.states['optimizer'] = gather_optimizer_state(optim_wrapper)
            save(*args, **kwargs)
            self.states.clear()

        runner.save_checkpoint = gather_and_save

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint.update(getattr(self, 'states', {}))
