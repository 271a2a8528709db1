"""Trainings of a tiny classifier with the command, by one process or several."""

import numpy as np
import torch
from PIL import Image

from ..tool_processes import run_command

CONFIG = """
custom_imports = dict(imports=['mmgroupmix'], allow_failed_imports=False)
default_scope = 'mmpretrain'
pipeline = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]


def loader(split):
    return dict(
        batch_size=4,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='CustomDataset', data_root=f'data/{split}', pipeline=pipeline))


train_dataloader = loader('train')
val_dataloader = loader('val')
test_dataloader = loader('val')
del loader
val_evaluator = dict(type='Accuracy', topk=(1,))
test_evaluator = val_evaluator
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, num_classes=2),
    backbone=dict(
        type='mmgroupmix.MetaFormer',
        arch=dict(embed_dims=(4, 4, 8, 8), depths=(1, 1, 1, 1), mlp_ratios=(1, 1, 1, 1)),
        token_mixers='Pooling',
        norm_cfg=dict(type='GN', num_groups=1),
        out_indices=(3,),
        final_norm=True),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=2, in_channels=8))
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=0.01, weight_decay=0.05, eps=0.001),
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(norm_decay_mult=0.0))
param_scheduler = dict(type='LinearLR', start_factor=0.5, end=4, by_epoch=False)
train_cfg = dict(by_epoch=True, max_epochs=2)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=1),
    checkpoint=dict(type='CheckpointHook', interval=1, save_best='accuracy/top1'))
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=16)
"""

#: Two processes with half the batch each take the same steps as one.
HALF_BATCH = 'train_dataloader.batch_size=2'
#: The experiment with another norm.
SYNC_BN = """
_base_ = 'config.py'
model = dict(backbone=dict(norm_cfg=dict(_delete_=True, type='SyncBN')))
"""


def write_experiment(folder, num_train=8, num_val=5):
    """Write ``config.py``, ``sync_bn.py`` and images of two classes into a folder."""
    rng = np.random.default_rng(0)
    for split, number in dict(train=num_train, val=num_val).items():
        for index in range(number):
            path = folder / 'data' / split / 'ab'[index % 2] / f'{index}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
    (folder / 'config.py').write_text(CONFIG)
    (folder / 'sync_bn.py').write_text(SYNC_BN)


def train(folder, work_dir, *arguments, ranks=1, options=(), config='config.py'):
    """Train in a folder of :func:`write_experiment`; return what the command printed."""
    settings = ['--cfg-options', *options] if options else []
    launcher = ['--launcher', 'pytorch'] if ranks > 1 else []
    result = run_command(
        'train',
        [config, '--work-dir', work_dir, *arguments, *launcher, *settings],
        folder,
        timeout=120,
        ranks=ranks,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
    return result.stdout


def load(folder, work_dir, name='epoch_2.pth'):
    """Read a checkpoint, with the classes that a checkpoint of mmengine holds."""
    return torch.load(folder / work_dir / name, weights_only=False)
