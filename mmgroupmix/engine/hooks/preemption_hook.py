"""Hook that ends a training with a complete checkpoint when a scheduler asks for it."""

from datetime import timedelta
from typing import Any

import torch
import torch.distributed as torch_distributed
from mmengine.dist import is_distributed
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner

from ...registry import HOOKS
from ..interruption import SignalWatch, TrainingInterrupted
from .durable_checkpoint_hook import DurableCheckpointHook
from .random_state_hook import RandomStateHook

#: Seconds, as PyTorch's own default for NCCL.
DEFAULT_TIMEOUT = 600


@HOOKS.register_module()
class PreemptionHook(Hook):
    """Save and stop after SIGTERM, SIGUSR1 or SIGHUP.

    The step in progress is finished. In a distributed run the ranks agree on the step
    after which they stop, so one rank needs to receive the signal only. A validation is
    broken off, and made up for when the run is resumed.

    Args:
        watch (SignalWatch, optional): What notices the signals. Defaults to None: the
            hook watches for them itself while training.

    Raises:
        TrainingInterrupted: A ``SystemExit`` with status 75, once the checkpoint is
            saved.
    """

    # After every hook that changes what the checkpoint contains.
    priority = 'LOWEST'

    def __init__(self, watch: SignalWatch | None = None):
        self.watch = watch or SignalWatch()
        self._owns_watch = watch is None
        self._group: Any = None
        self._can_interrupt_validation = True

    def before_train(self, runner: Runner) -> None:
        if self._owns_watch:
            self.watch.__enter__()
        if is_distributed():
            # On the CPU: it costs no synchronisation with the GPUs.
            self._group = torch_distributed.new_group(
                backend='gloo', timeout=_get_timeout(runner)
            )
        self.watch.is_training = True

    def before_val(self, runner: Runner) -> None:
        # The ranks ask each other after every batch, so they need equally many.
        lengths = [len(runner.val_dataloader)]
        if self._group is not None:
            lengths *= torch_distributed.get_world_size()
            torch_distributed.all_gather_object(lengths, lengths[0], group=self._group)
        self._can_interrupt_validation = len(set(lengths)) == 1

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        received = self._agree()
        # Between two updates, the gradients added up so far would be lost.
        accumulated = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        if received and (runner.iter + 1) % accumulated == 0:
            self._stop(runner, received, runner.epoch, runner.iter + 1)

    def after_val_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        if not self.watch.is_training or not self._can_interrupt_validation:
            return
        received = self._agree()
        if received:
            for hook in runner.hooks:
                if isinstance(hook, (EMAHook, RandomStateHook)):
                    hook.after_val_epoch(runner)  # back to the state of the training
            self._stop(runner, received, runner.epoch, runner.iter)

    def after_train(self, runner: Runner) -> None:
        self.watch.is_training = False
        if self._owns_watch:
            self.watch.__exit__(None, None, None)

    def _agree(self) -> int:
        """The signal that any rank received, 0 for none; the same for every rank."""
        received = self.watch.received or 0
        if self._group is None:
            return received
        agreed = torch.tensor(received)
        torch_distributed.all_reduce(
            agreed, op=torch_distributed.ReduceOp.MAX, group=self._group
        )
        return int(agreed)

    def _stop(self, runner: Runner, received: int, epoch: int, iteration: int) -> None:
        self.watch.received = received
        hook = next(
            (hook for hook in runner.hooks if isinstance(hook, DurableCheckpointHook)),
            None,
        )
        checkpoint = hook.save_now(runner, epoch, iteration) if hook else None
        if self._group is not None:
            # Whoever leaves earlier would take the rank along that still writes.
            torch_distributed.barrier(group=self._group)
        raise TrainingInterrupted(received, checkpoint)


def _get_timeout(runner: Runner) -> timedelta:
    """The time after which a rank that waits for another one gives up."""
    settings = (runner.cfg.get('env_cfg') or {}).get('dist_cfg') or {}
    return timedelta(seconds=settings.get('timeout') or DEFAULT_TIMEOUT)
