"""A training of milliseconds with everything that must survive an interruption.

Its batches are augmented with random numbers of Python, numpy and PyTorch; its model has
dropout and batch norm; it has an average of the weights and a schedule.
"""

import os
import random
import time

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import nn
from torch.utils.data import Dataset

from mmgroupmix.apis.train import make_resumable
from mmgroupmix.compat import format_once


@DATASETS.register_module()
class TinyDataset(Dataset):
    def __init__(self, length=22, bad=()):
        self.length, self.bad = length, bad
        self.metainfo = {}

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        inputs = torch.randn(3) + index + random.random() + np.random.rand()
        if index in self.bad:
            inputs = inputs * float('nan')
        sample = BaseDataElement(
            metainfo=dict(img_path=f'images/{index}.jpg', number=index)
        )
        return dict(inputs=inputs, data_samples=sample)


@MODELS.register_module()
class TinyModel(BaseModel):
    def __init__(self, pause=0.0):
        super().__init__()
        self.pause = pause
        self.layers = nn.Sequential(
            nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1)
        )

    def forward(self, inputs, data_samples=None, mode='tensor'):
        time.sleep(self.pause)
        outputs = self.layers(torch.stack(inputs))[:, 0]
        if mode == 'loss':
            targets = torch.tensor([float(one.number % 3) for one in data_samples])
            return dict(loss=((outputs - targets) ** 2).mean())
        return list(outputs.detach())


@METRICS.register_module()
class TinyMetric(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.extend(float(one) for one in data_samples)

    def compute_metrics(self, results):
        return dict(acc=-abs(float(np.mean(results))))


def tiny_config(work_dir, by_epoch=False, length=8, interval=2, seed=3):
    """The config; ``length`` and ``interval`` count epochs or iterations."""
    sampler = 'DefaultSampler' if by_epoch else 'InfiniteSampler'
    loader = dict(
        batch_size=4,
        num_workers=0,
        dataset=dict(type='TinyDataset'),
        sampler=dict(type=sampler, shuffle=True),
    )
    # Without shuffling, and with the same random augmentation.
    validation = dict(
        loader,
        dataset=dict(type='TinyDataset', length=8),
        sampler=dict(type='DefaultSampler', shuffle=False),
    )
    unit = 'epochs' if by_epoch else 'iters'
    return Config(
        dict(
            custom_imports=dict(
                imports=['tests.engine.tiny_training'], allow_failed_imports=False
            ),
            default_scope='mmpretrain',
            model=dict(type='TinyModel'),
            train_dataloader=loader,
            train_cfg={
                'by_epoch': by_epoch,
                f'max_{unit}': length,
                'val_interval': interval,
            },
            val_dataloader=validation,
            val_evaluator=dict(type='TinyMetric'),
            val_cfg={},
            optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.01)),
            param_scheduler=[dict(type='PolyLR', begin=0, end=length, by_epoch=by_epoch)],
            default_hooks=dict(
                checkpoint=dict(
                    type='CheckpointHook',
                    by_epoch=by_epoch,
                    interval=interval,
                    max_keep_ckpts=2,
                    save_best='acc',
                ),
                logger=dict(type='LoggerHook', interval=1),
            ),
            custom_hooks=[dict(type='EMAHook', momentum=0.1)],
            log_processor=dict(by_epoch=by_epoch),
            log_level='WARNING',
            randomness=dict(seed=seed),
            work_dir=str(work_dir),
            experiment_name=os.path.basename(work_dir),
        )
    )


class TinyRunner(Runner):
    def _log_env(self, env_cfg):
        """Without asking compilers for their versions, which takes a second."""


def build_tiny_runner(cfg, resume_from=None):
    """A runner of the config, with the hooks and loops that training gets."""
    make_resumable(cfg)
    # Without curves: drawing takes longer than the training.
    cfg.custom_hooks = [hook for hook in cfg.custom_hooks if 'Curve' not in hook.type]
    format_once()
    cfg.resume, cfg.load_from = resume_from is not None, resume_from
    # Its instances live as long as the process: a name of its own for each.
    cfg.experiment_name = f'{cfg.experiment_name}_{time.monotonic_ns()}'
    return TinyRunner.from_cfg(cfg)


def load_last(work_dir):
    """The content of the last checkpoint of a work directory."""
    name = (work_dir / 'last_checkpoint').read_text()
    return torch.load(work_dir / name, weights_only=False)


def assert_equal_training(actual, expected):
    """Compare two checkpoints bit by bit: weights, averages, optimizer, schedule."""
    for part in ('state_dict', 'ema_state_dict'):
        assert actual[part].keys() == expected[part].keys()
        for name, tensor in expected[part].items():
            assert torch.equal(actual[part][name], tensor), f'{part}: {name}'
    for number, state in expected['optimizer']['state'].items():
        for name, value in state.items():
            assert torch.equal(actual['optimizer']['state'][number][name], value), name
    assert actual['param_schedulers'] == expected['param_schedulers']
    assert actual['meta']['iter'] == expected['meta']['iter']
