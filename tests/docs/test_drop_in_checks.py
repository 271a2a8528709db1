"""The page on existing configs: its table of widths, its advice, the errors it lists."""

import re
import subprocess
import sys

import pytest
import torch
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS
from mmengine.runner.checkpoint import load_state_dict
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from mmgroupmix.compat.mmcv_ext import StandInModule
from mmgroupmix.errors import CheckpointError, UserError
from mmgroupmix.models import GroupMixFormer, PoolFormer

from .drop_in import CONFIGS, MESSAGES, OPTIMIZER, WIDTHS, backbone_of, read

NOT_DELETED, OTHER_WIDTHS, OTHER_WEIGHTS, NOT_IMPORTED, NO_STAND_IN, UNUSED = map(
    re.escape, MESSAGES
)


@pytest.mark.parametrize('kind, arch', WIDTHS)
def test_the_widths_of_the_page_are_those_of_the_maps(kind, arch):
    with torch.device('meta'):
        backbone = MODELS.build(dict(type=f'mmgroupmix.{kind}', arch=arch)).eval()
        maps = backbone(torch.zeros(1, 3, 64, 64))
    assert [x.shape[1] for x in maps] == WIDTHS[kind, arch]
    assert [64 // x.shape[-1] for x in maps] == [4, 8, 16, 32]


@pytest.mark.smoke
def test_the_page_has_the_widths_of_every_architecture():
    assert set(WIDTHS) == {
        *(('GroupMixFormer', arch) for arch in GroupMixFormer.arch_aliases),
        *(('PoolFormer', arch) for arch in PoolFormer.arch_settings),
    }


@pytest.mark.smoke
@pytest.mark.parametrize('name', CONFIGS)
def test_the_files_of_the_page_have_the_widths_of_the_table(name, project):
    model = read(project, name).model
    backbone = model.backbone
    widths = WIDTHS[backbone.type.partition('.')[2], backbone.arch]
    taker = next(
        model[key] for key in ('neck', 'panoptic_head', 'decode_head') if key in model
    )
    assert taker.in_channels == [widths[i] for i in backbone.get('out_indices', range(4))]


def settings_of_backbone(cfg):
    """The parameters by name, and the learning rate and weight decay of each."""
    model = nn.ModuleDict(dict(backbone=backbone_of(cfg)))
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    settings = {
        parameter: (group['lr'], group['weight_decay'])
        for group in optimizer.param_groups
        for parameter in group['params']
    }
    return {name: (p, settings[p]) for name, p in model.named_parameters()}


def test_the_optimizer_of_the_page_decays_no_norm_bias_or_position_term(project):
    text = CONFIGS['fcos_gmf_t']
    theirs = settings_of_backbone(read(project, 'fcos_gmf_t'))
    assert (0.02, 0.0) in [setting for _, setting in theirs.values()]  # biases
    ours = settings_of_backbone(read(project, 'fcos_adamw', text + OPTIMIZER))
    for name, (parameter, setting) in ours.items():
        decays = parameter.ndim > 1 and 'position' not in name
        assert setting == (1e-4, 0.05 if decays else 0.0), name


def test_mask2formers_own_optimizer_has_one_setting_for_the_backbone(project):
    settings = settings_of_backbone(read(project, 'mask2former_gmf_t'))
    assert {setting for _, setting in settings.values()} == {(1e-5, 0.05)}


def backbone_and_neck(cfg):
    neck = MODELS.build(dict(cfg.model.neck, type='mmdet.FPN'))
    return revert_sync_batchnorm(nn.Sequential(backbone_of(cfg), neck))


@pytest.fixture
def process_group(tmp_path):
    distributed.init_process_group(
        'gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1
    )
    yield
    distributed.destroy_process_group()


def step_twice(cfg, **settings):
    model = DistributedDataParallel(backbone_and_neck(cfg), **settings)
    for _ in range(2):
        sum(x.sum() for x in model(torch.randn(2, 3, 64, 64))).backward()


def test_a_map_that_the_neck_ignores_stops_distributed_training_with_poolformer_only(
    project, process_group
):
    step_twice(read(project, 'fcos_gmf_t'))
    step_twice(read(project, 'atss_poolformer_s12'))
    text = CONFIGS['atss_poolformer_s12']
    for lines in (' out_indices=(1, 2, 3),', ', start_level=0'):
        text = text.replace(lines, '')
    four_maps = read(project, 'four_maps', text.replace('[128,', '[64, 128,'))
    assert four_maps.model.neck.start_level == 1
    with pytest.raises(RuntimeError, match=UNUSED):
        step_twice(four_maps)
    step_twice(four_maps, find_unused_parameters=True)


@pytest.mark.smoke
def test_without_delete_the_former_backbones_arguments_are_named(project):
    text = CONFIGS['cascade_mask_rcnn_gmf_t'].replace('_delete_=True, ', '')
    with pytest.raises(UserError, match=NOT_DELETED):
        backbone_of(read(project, 'not_deleted', text))


def test_the_former_widths_are_named(project):
    text = re.sub('neck=.*', ')', CONFIGS['cascade_mask_rcnn_gmf_t'])
    model = backbone_and_neck(read(project, 'other_widths', text)).eval()
    with pytest.raises(RuntimeError, match=OTHER_WIDTHS):
        model(torch.zeros(1, 3, 64, 64))


def test_a_load_from_of_the_former_model_is_refused(project):
    from mmdet.models import ResNet

    former = nn.ModuleDict(dict(backbone=ResNet(50)))
    model = nn.ModuleDict(
        dict(backbone=backbone_of(read(project, 'cascade_mask_rcnn_gmf_t')))
    )
    with pytest.raises(CheckpointError, match=OTHER_WEIGHTS):
        load_state_dict(model, former.state_dict(), strict=False)  # as a runner does


def needs_the_stand_in():
    import mmcv._ext

    if not isinstance(mmcv._ext, StandInModule):
        pytest.skip('mmcv has compiled operators')


def test_an_operator_without_a_stand_in_says_so():
    needs_the_stand_in()
    from mmcv.ops import DeformConv2dPack

    with pytest.raises(NotImplementedError, match=NO_STAND_IN):
        DeformConv2dPack(1, 1, 3)(torch.rand(1, 1, 5, 5))


@pytest.mark.slow
@pytest.mark.parametrize(
    'start',
    [
        ['-c', 'import mmdet.models, mmgroupmix'],
        ['mmdetection/tools/test.py', 'cascade_mask_rcnn_gmf_t.py', 'epoch_12.pth'],
    ],
)
def test_operators_are_missing_before_this_package_is_imported(start, project):
    needs_the_stand_in()
    result = subprocess.run(
        [sys.executable, *start], cwd=project, capture_output=True, text=True
    )
    assert re.search(NOT_IMPORTED, result.stderr)
