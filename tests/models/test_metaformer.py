"""The skeleton: any token mixer, found by its name."""

import pytest
import torch
from mmengine.registry import MODELS as ROOT
from torch import nn

from mmgroupmix.models import MetaFormer
from mmgroupmix.registry import TOKEN_MIXERS

SIZES = dict(embed_dims=(8, 16, 24, 32), depths=(1, 1, 2, 1), mlp_ratios=(2, 2, 2, 2))


@TOKEN_MIXERS.register_module(force=True)
class MeanOfAllTokens(nn.Module):
    """The simplest mixer: every token gets the mean of all."""

    def __init__(self, dim, factor=1.):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x.mean((1, 2), keepdim=True).expand_as(x) * self.factor


@pytest.mark.smoke
def test_a_persons_own_mixer_makes_a_backbone():
    backbone = MetaFormer(SIZES, dict(type='MeanOfAllTokens', factor=2.))
    outputs = backbone(torch.randn(2, 3, 50, 33))
    assert [tuple(out.shape) for out in outputs] == [
        (2, 8, 13, 9), (2, 16, 7, 5), (2, 24, 4, 3), (2, 32, 2, 2)]
    assert backbone.stages[2].blocks[1].token_mixer.factor == 2


@pytest.mark.smoke
def test_every_stage_can_have_a_mixer_of_its_own():
    mixers = ['MeanOfAllTokens'] * 3 + [dict(type='MeanOfAllTokens', factor=3.)]
    backbone = MetaFormer(SIZES, mixers)
    factors = [stage.blocks[0].token_mixer.factor for stage in backbone.stages]
    assert factors == [1, 1, 1, 3]


@pytest.mark.smoke
def test_two_mixers_for_four_stages_are_refused():
    with pytest.raises(ValueError, match='2 token_mixers'):
        MetaFormer(SIZES, ['MeanOfAllTokens'] * 2)


@pytest.mark.smoke
@pytest.mark.parametrize('scope', ['mmseg', 'mmdet', 'mmpretrain'])
def test_every_toolbox_finds_the_backbones_by_scope(scope):
    import importlib
    registry = importlib.import_module(f'{scope}.registry').MODELS
    backbone = registry.build(dict(
        type='mmgroupmix.GroupMixFormer',
        arch=dict(embed_dims=(10, 10, 10, 10), depths=(1, 1, 1, 1),
                  mlp_ratios=(1, 1, 1, 1))))
    assert type(backbone).__module__.startswith('mmgroupmix')
    assert ROOT.get('mmgroupmix.MetaFormer') is MetaFormer
