"""The page on using a backbone in an existing config: its tables and its advice."""

import re
import subprocess
import sys

import pytest
import torch
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner.checkpoint import load_state_dict
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from mmgroupmix.compat.mmcv_ext import StandInModule
from mmgroupmix.errors import CheckpointError, UserError
from mmgroupmix.models import GroupMixFormer, PoolFormer

from .drop_in import (
    CONFIGS,
    EXTERNAL_ATTENTION,
    MESSAGES,
    OPTIMIZER,
    WIDTHS,
    build_backbone,
    read_config,
)

NOT_DELETED, OTHER_WIDTHS, OTHER_WEIGHTS, NOT_IMPORTED, NO_STAND_IN, UNUSED = map(
    re.escape, MESSAGES
)


@pytest.mark.parametrize('kind, arch', WIDTHS)
def test_the_channels_on_the_page_are_those_of_the_maps(kind, arch):
    with torch.device('meta'):
        backbone = MODELS.build(dict(type=f'mmgroupmix.{kind}', arch=arch)).eval()
        maps = backbone(torch.zeros(1, 3, 64, 64))
    assert [x.shape[1] for x in maps] == WIDTHS[kind, arch]
    assert [64 // x.shape[-1] for x in maps] == [4, 8, 16, 32]


@pytest.mark.smoke
def test_the_page_has_the_channels_of_every_architecture():
    assert set(WIDTHS) == {
        *(('GroupMixFormer', arch) for arch in GroupMixFormer.arch_aliases),
        *(('PoolFormer', arch) for arch in PoolFormer.arch_settings),
    }


@pytest.mark.smoke
@pytest.mark.parametrize('name', CONFIGS)
def test_the_files_of_the_page_have_the_channels_of_the_table(name, project):
    model = read_config(project, name).model
    backbone = model.backbone
    widths = WIDTHS[backbone.type.partition('.')[2], backbone.arch]
    next_module = next(
        model[key] for key in ('neck', 'panoptic_head', 'decode_head') if key in model
    )
    assert next_module.in_channels == [
        widths[i] for i in backbone.get('out_indices', range(4))
    ]


def optimizer_settings(cfg):
    """Each parameter of the backbone with its learning rate and weight decay."""
    model = nn.ModuleDict(dict(backbone=build_backbone(cfg)))
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    settings = {
        parameter: (group['lr'], group['weight_decay'])
        for group in optimizer.param_groups
        for parameter in group['params']
    }
    return {name: (p, settings[p]) for name, p in model.named_parameters()}


def test_the_optimizer_of_the_page_does_not_decay_norms_and_biases(project):
    text = CONFIGS['fcos_gmf_t']
    before = optimizer_settings(read_config(project, 'fcos_gmf_t'))
    assert (0.02, 0.0) in [setting for _, setting in before.values()]  # biases
    after = optimizer_settings(read_config(project, 'fcos_adamw', text + OPTIMIZER))
    for name, (parameter, setting) in after.items():
        assert setting == (1e-4, 0.05 if parameter.ndim > 1 else 0.0), name


def test_the_optimizer_of_mask2former_has_one_setting_for_the_backbone(project):
    settings = optimizer_settings(read_config(project, 'mask2former_gmf_t'))
    assert {setting for _, setting in settings.values()} == {(1e-5, 0.05)}


def build_backbone_and_neck(cfg):
    neck = MODELS.build(dict(cfg.model.neck, type='mmdet.FPN'))
    return revert_sync_batchnorm(nn.Sequential(build_backbone(cfg), neck))


@pytest.fixture
def process_group(tmp_path):
    distributed.init_process_group(
        'gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1
    )
    yield
    distributed.destroy_process_group()


def step_twice(cfg, **settings):
    model = DistributedDataParallel(build_backbone_and_neck(cfg), **settings)
    for _ in range(2):
        sum(x.sum() for x in model(torch.randn(2, 3, 64, 64))).backward()


def test_a_map_that_the_neck_ignores_stops_distributed_training_only_with_poolformer(
    project, process_group
):
    step_twice(read_config(project, 'fcos_gmf_t'))
    step_twice(read_config(project, 'atss_poolformer_s12'))
    text = CONFIGS['atss_poolformer_s12']
    for lines in (' out_indices=(1, 2, 3),', ', start_level=0'):
        text = text.replace(lines, '')
    four_maps = read_config(project, 'four_maps', text.replace('[128,', '[64, 128,'))
    assert four_maps.model.neck.start_level == 1
    with pytest.raises(RuntimeError, match=UNUSED):
        step_twice(four_maps)
    step_twice(four_maps, find_unused_parameters=True)


@pytest.mark.smoke
def test_without_delete_an_argument_of_the_former_backbone_is_named(project):
    text = CONFIGS['cascade_mask_rcnn_gmf_t'].replace('_delete_=True, ', '')
    with pytest.raises(UserError, match=NOT_DELETED):
        build_backbone(read_config(project, 'not_deleted', text))


def test_the_channels_of_the_former_backbone_are_named(project):
    text = re.sub('neck=.*', ')', CONFIGS['cascade_mask_rcnn_gmf_t'])
    model = build_backbone_and_neck(read_config(project, 'other_widths', text)).eval()
    with pytest.raises(RuntimeError, match=OTHER_WIDTHS):
        model(torch.zeros(1, 3, 64, 64))


def test_external_attention_joins_the_backbone_that_the_config_had(project):
    cfg = read_config(project, EXTERNAL_ATTENTION)
    with DefaultScope.overwrite_default_scope('mmdet'):
        backbone = build_backbone(cfg)
    assert type(backbone).__name__ == 'ResNet'
    assert backbone.external_attention.attention.memory_key.requires_grad
    assert cfg.model.backbone.init_cfg.checkpoint == 'torchvision://resnet50'
    backbone.eval()
    maps = backbone(torch.zeros(1, 3, 64, 64))
    assert [x.shape[1] for x in maps] == cfg.model.neck.in_channels


def test_a_load_from_of_the_former_model_is_refused(project):
    from mmdet.models import ResNet

    former = nn.ModuleDict(dict(backbone=ResNet(50)))
    model = nn.ModuleDict(
        dict(backbone=build_backbone(read_config(project, 'cascade_mask_rcnn_gmf_t')))
    )
    with pytest.raises(CheckpointError, match=OTHER_WEIGHTS):
        load_state_dict(model, former.state_dict(), strict=False)  # as a runner does


def skip_if_compiled():
    import mmcv._ext

    if not isinstance(mmcv._ext, StandInModule):
        pytest.skip('mmcv has compiled operators')


def test_an_operator_that_cannot_be_replaced_raises_an_error():
    skip_if_compiled()
    from mmcv.ops import CARAFEPack

    with pytest.raises(NotImplementedError, match=NO_STAND_IN):
        CARAFEPack(4, 2)(torch.rand(1, 4, 5, 5))


@pytest.mark.slow
@pytest.mark.parametrize(
    'start',
    [
        ['-c', 'import mmdet.models, mmgroupmix'],
        ['mmdetection/tools/test.py', 'cascade_mask_rcnn_gmf_t.py', 'epoch_12.pth'],
    ],
)
def test_operators_are_missing_before_this_package_is_imported(start, project):
    skip_if_compiled()
    result = subprocess.run(
        [sys.executable, *start], cwd=project, capture_output=True, text=True
    )
    assert re.search(NOT_IMPORTED, result.stderr)
