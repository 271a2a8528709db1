"""A model of three weights, and a run that trains it for a moment."""

import itertools
from collections import OrderedDict

import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner, load_checkpoint


class Linear(BaseModel):
    def __init__(self, init_cfg=None):
        super().__init__(init_cfg=init_cfg)
        self.linear = torch.nn.Linear(2, 1)

    def forward(self, x, mode='tensor'):
        y = self.linear(x)
        return dict(loss=y.square().mean()) if mode == 'loss' else y


GOOD = OrderedDict(
    {'linear.weight': torch.tensor([[3.0, 4.0]]), 'linear.bias': torch.tensor([5.0])}
)


# mmengine shares a visualizer and its folder among runs of one name.
RUN_NUMBERS = itertools.count()


def build_runner(folder, **options):
    data = [dict(x=torch.rand(2)) for _ in range(2)]
    return Runner(
        Linear(),
        str(folder / 'run'),
        log_level='ERROR',
        experiment_name=f'small_run_{next(RUN_NUMBERS)}',
        train_dataloader=dict(
            dataset=data,
            batch_size=1,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='default_collate'),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        param_scheduler=dict(type='ConstantLR', factor=1),
        **options,
    )


def resume(file, folder, content):
    """Save the content of a checkpoint, and train on from it."""
    torch.save(content, file)
    runner = build_runner(folder, resume=True, load_from=str(file))
    runner.train()
    return runner


def load(file):
    """A model with the weights of a file."""
    model = Linear()
    load_checkpoint(model, str(file), map_location='cpu')
    return model
