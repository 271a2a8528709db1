"""The page on existing configs: its files train as printed, by the toolboxes' scripts."""

import functools
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, DefaultScope

from mmgroupmix.mini_data import write_mini_ade20k, write_mini_coco

from .drop_in import CONFIGS, DROP_IN, OTHER_IMPORTS, REPOSITORY, backbone_of, read

IMPORTS = re.search('custom_imports = .*\n', DROP_IN)[0]

# What a file changes of its base, beside custom_imports and model.backbone.
CHANGES = dict(
    cascade_mask_rcnn_gmf_t={'neck.in_channels'},
    atss_poolformer_s12={'neck.in_channels', 'neck.start_level'},
    fcos_gmf_t={
        'neck.in_channels',
        'data_preprocessor.mean',
        'data_preprocessor.std',
        'data_preprocessor.bgr_to_rgb',
    },
    mask2former_gmf_t={'panoptic_head.in_channels'},
    segformer_gmf_t={'decode_head.in_channels'},
)

# One step, then the validation; the data sets have one image each.
ONE_EPOCH = ['train_cfg.max_epochs=1']
ONE_ITERATION = ['train_cfg.max_iters=1', 'train_cfg.val_interval=1']
OPTIONS = dict(
    cascade_mask_rcnn_gmf_t=ONE_EPOCH,
    atss_poolformer_s12=ONE_EPOCH,
    fcos_gmf_t=ONE_EPOCH,
    # Its base's two images at 1024x1024 take more than a minute on one core.
    mask2former_gmf_t=[
        *ONE_ITERATION,
        'train_cfg.dynamic_intervals=None',
        'train_dataloader.batch_size=1',
    ],
    segformer_gmf_t=ONE_ITERATION,
)


@pytest.fixture(scope='module')
def complete_project(project, groupmixformer_golden, poolformer_golden):
    """The same with data where the toolboxes' configs expect them, and weights."""
    from mmdet.datasets import CocoDataset

    coco = write_mini_coco(project / 'data/coco', num_train=1, num_val=1, num_classes=80)
    for file in (coco / 'annotations').iterdir():
        content = json.loads(file.read_text())
        names = CocoDataset.METAINFO['classes']
        for category, name in zip(content['categories'], names, strict=True):
            category['name'] = name
        file.write_text(json.dumps(content))
    write_mini_ade20k(project / 'data/ade/ADEChallengeData2016', num_train=1, num_val=1)
    (project / 'pretrained').mkdir()
    for golden, name in (
        (groupmixformer_golden, 'groupmixformer_tiny.pth'),
        (poolformer_golden, 'poolformer_s12.pth.tar'),
    ):
        torch.save(golden.state_dict(), project / 'pretrained' / name)
    return project


def run(folder, *arguments):
    result = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=580,
        env={'OMP_NUM_THREADS': '2', **os.environ, 'PYTHONPATH': str(REPOSITORY)},
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout + result.stderr


@pytest.fixture(scope='module')
def train(complete_project):
    """Train a file of the page, once: its log and its checkpoint."""

    @functools.cache
    def train(name):
        toolbox = re.search(r"_base_ = '(\w+)/", CONFIGS[name])[1]
        log = run(
            complete_project,
            f'{toolbox}/tools/train.py',
            f'{name}.py',
            '--cfg-options',
            'default_hooks.logger.interval=1',
            *OPTIONS[name],
        )
        (checkpoint,) = (complete_project / 'work_dirs' / name).glob('*_1.pth')
        return log, checkpoint

    return train


@pytest.mark.slow
@pytest.mark.parametrize('name', CONFIGS)
def test_a_file_of_the_page_trains_by_the_toolboxs_script(name, train, project):
    log, checkpoint = train(name)
    published = re.search(r"checkpoint='(.*?)'", CONFIGS[name])[1]
    assert f'loaded {published}, every tensor of the backbone' in log
    (scalars,) = checkpoint.parent.glob('*/vis_data/scalars.json')
    first = json.loads(scalars.read_text().splitlines()[0])
    assert math.isfinite(first['loss'])

    state = torch.load(checkpoint, weights_only=False)['state_dict']
    with torch.device('meta'):
        backbone = backbone_of(read(project, name))
    assert {key.partition('.')[2] for key in state if key.startswith('backbone.')} == set(
        backbone.state_dict()
    )


@pytest.mark.slow
def test_the_command_of_the_page_evaluates_the_checkpoint(train, complete_project):
    command = re.search(r'python (-m mmgroupmix.compat .*?)\n```', DROP_IN, re.DOTALL)[1]
    *command, checkpoint = command.replace('\\\n', ' ').split()
    train(Path(checkpoint).parent.name)
    log = run(complete_project, *command, checkpoint.replace('epoch_12', 'epoch_1'))
    assert 'Epoch(test) [1/1]' in log


def differences(ours, theirs, path=''):
    """The keys in which two configs differ, the backbone as a whole."""
    are_dicts = isinstance(ours, dict) and isinstance(theirs, dict)
    if not are_dicts or path == 'model.backbone':
        return {path} if ours != theirs else set()
    return {
        found
        for key in {*ours, *theirs}
        for found in differences(
            ours.get(key), theirs.get(key), f'{path}.{key}' if path else key
        )
    }


@pytest.mark.smoke
@pytest.mark.parametrize('name', CONFIGS)
def test_nothing_but_the_lines_of_the_page_differs_from_the_shipped_config(name, project):
    cfg = read(project, name)
    base = Config.fromfile(project / re.search("_base_ = '(.*)'", CONFIGS[name])[1])
    assert differences(cfg.to_dict(), base.to_dict()) == {
        'custom_imports',
        'model.backbone',
        *(f'model.{key}' for key in CHANGES[name]),
    }


def like_segformer(base, imports=IMPORTS, more=''):
    """The page's file for SegFormer on another base, as its prose has it."""
    text = re.sub("/segformer/.*'", f"/{base}'", CONFIGS['segformer_gmf_t'])
    return text.replace(IMPORTS, imports) + more


def test_upernet_takes_the_maps_and_ignores_the_weights_of_its_former_backbone(project):
    line = re.search(r'`(auxiliary_head=.*?)`', DROP_IN)[1]
    cfg = read(
        project,
        'upernet',
        like_segformer(
            'upernet/upernet_r50_4xb4-160k_ade20k-512x512.py',
            more=f'model.update({line})',
        ),
    )
    assert cfg.model.pretrained == 'open-mmlab://resnet50_v1c'
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = revert_sync_batchnorm(MODELS.build(cfg.model)).eval()
    assert model.backbone.init_cfg == dict(
        type='Pretrained', checkpoint='pretrained/groupmixformer_tiny.pth'
    )
    maps = model.extract_feat(torch.zeros(1, 3, 64, 64))
    assert model.decode_head(maps).shape == (1, 150, 16, 16)
    assert model.auxiliary_head(maps).shape == (1, 150, 4, 4)


@pytest.mark.slow
def test_modules_that_a_config_imports_are_listed_after_this_package(project):
    (project / 'mask2former.py').write_text(
        like_segformer(
            'mask2former/mask2former_r50_8xb2-160k_ade20k-512x512.py', OTHER_IMPORTS
        )
    )
    out = run(
        project,
        '-c',
        '\n'.join(
            (
                'from mmengine.config import Config',
                'from mmengine.registry import MODELS, init_default_scope',
                'cfg = Config.fromfile("mask2former.py")',
                'init_default_scope(cfg.default_scope)',
                'model = MODELS.build(cfg.model)',
                'print(type(model.backbone).__name__, type(model.decode_head).__name__)',
            )
        ),
    )
    assert 'GroupMixFormer Mask2FormerHead' in out
