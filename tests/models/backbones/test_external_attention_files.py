"""Backbones with external attention: files with and without its block, folding."""

from copy import deepcopy

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import load_checkpoint
from torch import nn

from mmgroupmix.errors import CheckpointError
from mmgroupmix.models import GroupMixFormer, PoolFormer, WithExternalAttention

from ..small_backbones import NANO
from ..two_maps import build_in_toolbox, make_image

BLOCK = dict(channels=40, num_memories=4)
every_backbone = pytest.mark.parametrize('cls', [PoolFormer, GroupMixFormer])


@pytest.mark.smoke
def test_weights_of_the_plain_backbone_load_and_the_block_keeps_its_own(tmp_path):
    pytest.importorskip('mmdet')
    with DefaultScope.overwrite_default_scope('mmdet'):
        plain = MODELS.build(dict(type='ResNet', depth=18))
    file = str(tmp_path / 'resnet18.pth')
    torch.save(plain.state_dict(), file)
    backbone = build_in_toolbox(
        'mmdet',
        base='ResNet',
        external_attention=dict(channels=512),
        depth=18,
        init_cfg=dict(type='Pretrained', checkpoint=file),
    )
    block = deepcopy(backbone.external_attention.state_dict())
    backbone.init_weights()
    for key, value in plain.state_dict().items():
        assert torch.equal(backbone.state_dict()[key], value), key
    nn.init.zeros_(backbone.conv1.weight)
    load_checkpoint(backbone, file)
    assert torch.equal(backbone.conv1.weight, plain.conv1.weight)
    for key, value in block.items():
        assert torch.equal(backbone.external_attention.state_dict()[key], value), key


@pytest.mark.smoke
@every_backbone
def test_a_backbone_of_this_package_loads_files_without_the_block(cls, tmp_path):
    plain = cls(NANO)
    file = tmp_path / 'plain.pth'
    torch.save(plain.state_dict(), file)
    backbone = WithExternalAttention(
        f'mmgroupmix.{cls.__name__}',
        BLOCK,
        arch=NANO,
        init_cfg=dict(type='Pretrained', checkpoint=str(file)),
    )
    memory = backbone.external_attention.attention.memory_key.clone()
    backbone.init_weights()
    for key, value in plain.state_dict().items():
        assert torch.equal(backbone.state_dict()[key], value), key
    assert torch.equal(backbone.external_attention.attention.memory_key, memory)


@pytest.mark.smoke
@every_backbone
def test_a_file_with_the_block_loads_and_one_with_half_of_it_is_refused(cls):
    trained = WithExternalAttention(cls, BLOCK, arch=NANO)
    state = trained.state_dict()
    backbone = WithExternalAttention(cls, BLOCK, arch=NANO)
    backbone.load_state_dict(state)
    assert torch.equal(
        backbone.external_attention.conv1.weight, trained.external_attention.conv1.weight
    )
    state.pop('external_attention.conv1.weight')
    with pytest.raises(CheckpointError, match='Missing: external_attention.conv1.weight'):
        backbone.load_state_dict(state)


@pytest.mark.smoke
@every_backbone
def test_a_plain_backbone_refuses_a_file_with_the_block(cls):
    state = WithExternalAttention(cls, BLOCK, arch=NANO).state_dict()
    with pytest.raises(CheckpointError, match='Unexpected: .* in external_attention'):
        cls(NANO).load_state_dict(state)


@pytest.mark.smoke
@every_backbone
def test_the_block_is_folded_for_inference_with_its_backbone(cls):
    backbone = WithExternalAttention(cls, BLOCK, arch=NANO).eval()
    nn.init.uniform_(backbone.external_attention.norm.running_var, 0.5, 2)
    expected = backbone(make_image(64))
    backbone.fuse()
    assert isinstance(backbone.external_attention.norm, nn.Identity)
    for one, other in zip(backbone(make_image(64)), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
