"""What a run has of optimizers and schedules, without a model that learns."""

import copy
from types import SimpleNamespace

import torch
from mmengine.hooks import ParamSchedulerHook
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS

from mmgroupmix.engine.schedules import drop_functions, follow_config, read_settings

#: Iterations of an epoch.
LENGTH = 3


class ScheduleRun(SimpleNamespace):
    """Steps its schedulers by mmengine's own hook, as a training does.

    Args:
        schedule (list[dict]): Configs of schedulers.
        groups (Sequence[dict]): Settings of the groups of the optimizer.
        kind (type): The class of the optimizer.
        **options: Its arguments.
    """

    def __init__(
        self, schedule, groups=({}, dict(lr=0.01)), kind=torch.optim.AdamW, **options
    ):
        groups = [dict(params=[torch.zeros(2, requires_grad=True)], **g) for g in groups]
        wrapper = OptimWrapper(kind(groups, **{'lr': 0.1, **options}))
        self.iter = self.epoch = 0
        super().__init__(
            optim_wrapper=wrapper,
            train_dataloader=range(LENGTH),
            train_loop=None,
            param_schedulers=[
                PARAM_SCHEDULERS.build(
                    copy.deepcopy(one),
                    default_args=dict(optimizer=wrapper, epoch_length=LENGTH),
                )
                for one in schedule
            ],
        )
        self.settings = read_settings(self)

    def train(self, until, metric=1.0):
        """Train up to an iteration; return the settings that each had used."""
        hook, used = ParamSchedulerHook(), {}
        while self.iter < until:
            used[self.iter] = [
                {k: v for k, v in group.items() if k in ('lr', 'weight_decay', 'betas')}
                for group in self.optim_wrapper.optimizer.param_groups
            ]
            self.iter += 1
            hook.after_train_iter(self, self.iter)
            if self.iter % LENGTH == 0:
                self.epoch += 1
                hook.after_train_epoch(self)
                hook.after_val_epoch(self, dict(loss=metric))
        return used

    def save(self):
        """What a checkpoint has of it."""
        return copy.deepcopy(
            dict(
                meta=dict(
                    iter=self.iter, epoch=self.epoch, optimizer_settings=self.settings
                ),
                optimizer=self.optim_wrapper.state_dict(),
                param_schedulers=[
                    drop_functions(one.state_dict()) for one in self.param_schedulers
                ],
            )
        )

    def resume(self, checkpoint):
        """Load a checkpoint as mmengine does; return what has changed."""
        changed = follow_config(self, checkpoint, self.settings)
        self.optim_wrapper.load_state_dict(checkpoint['optimizer'])
        for scheduler, state in zip(
            self.param_schedulers, checkpoint['param_schedulers']
        ):
            scheduler.load_state_dict(state)
        self.iter, self.epoch = checkpoint['meta']['iter'], checkpoint['meta']['epoch']
        return changed
