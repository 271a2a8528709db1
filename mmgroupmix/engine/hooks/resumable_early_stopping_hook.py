"""Early stopping that a resumed run goes on with."""

from collections.abc import Mapping
from typing import Any

from mmengine.hooks import EarlyStoppingHook
from mmengine.runner import Runner

from ...registry import HOOKS

#: What a checkpoint holds of the hook.
STATE = ('best_score', 'wait_count')


@HOOKS.register_module()
class ResumableEarlyStoppingHook(EarlyStoppingHook):
    """mmengine's ``EarlyStoppingHook``, whose patience survives an interruption.

    The best score and the number of validations without a better one are part of every
    checkpoint.

    Args:
        *args, **kwargs: As for ``EarlyStoppingHook``.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        states = checkpoint.setdefault('early_stopping', {})
        states[self.monitor] = {key: float(getattr(self, key)) for key in STATE}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        states: Any = checkpoint.get('early_stopping')
        state = states.get(self.monitor) if isinstance(states, Mapping) else None
        if not runner._resume or not isinstance(state, Mapping):
            return
        self.best_score = float(state['best_score'])
        self.wait_count = int(state['wait_count'])
