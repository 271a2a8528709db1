"""A tiny classifier with a config of its own, for plans that take a second."""

import textwrap

import numpy as np
import pytest
from PIL import Image

CONFIG = textwrap.dedent("""
    custom_imports = dict(imports=['mmgroupmix'], allow_failed_imports=False)
    default_scope = 'mmpretrain'
    model = dict(
        type='ImageClassifier',
        data_preprocessor=dict(num_classes=10, mean=[120.0] * 3, std=[60.0] * 3),
        backbone=dict(
            type='mmgroupmix.MetaFormer', out_indices=(3,),
            arch=dict(
                depths=(1, 1, 1, 1), embed_dims=(8, 8, 8, 16), mlp_ratios=(1, 1, 1, 1)),
            token_mixers='Pooling'),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=10, in_channels=16))
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='RandomResizedCrop', scale=64),
        dict(type='PackInputs')]
    train_dataloader = dict(
        batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=dict(
            type='CustomDataset', data_root='data', data_prefix='train',
            pipeline=pipeline))
    val_dataloader = dict(
        batch_size=5, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='CustomDataset', data_root='data', data_prefix='val', pipeline=pipeline))
    val_evaluator = dict(type='Accuracy', topk=1)
    train_cfg = dict(by_epoch=True, max_epochs=7, val_interval=2)
    val_cfg = dict()
    optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3))
    param_scheduler = dict(type='CosineAnnealingLR', T_max=7)
    default_hooks = dict(
        checkpoint=dict(
            type='CheckpointHook', interval=2, max_keep_ckpts=2, save_best='auto'))
    auto_scale_lr = dict(enable=False, base_batch_size=64)
""")


@pytest.fixture
def folder(tmp_path):
    """A folder with the config ``tiny.py`` and 22 training and 11 validation images."""
    (tmp_path / 'tiny.py').write_text(CONFIG)
    image = Image.fromarray(np.full((40, 50, 3), 90, np.uint8))
    for split, number in (('train', 22), ('val', 11)):
        for index in range(number):
            path = tmp_path / 'data' / split / f'class_{index % 10}' / f'{index}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
    return tmp_path
