"""Properties of every backbone."""

import pytest
import torch

from mmgroupmix.models import EAMLP, GroupMixFormer, MetaFormer, PoolFormer

from ..small_backbones import NANO, NANO_EAMLP

every_backbone = pytest.mark.parametrize(
    'cls, arguments',
    [
        (GroupMixFormer, dict(arch=NANO)),
        (PoolFormer, dict(arch=NANO)),
        (MetaFormer, dict(arch=NANO, token_mixers='Identity')),
        (EAMLP, dict(arch=NANO_EAMLP)),
    ],
    ids=lambda value: getattr(value, '__name__', ''),
)


@pytest.mark.smoke
@every_backbone
def test_images_may_have_other_numbers_of_channels(cls, arguments):
    backbone = cls(in_channels=5, **arguments)
    assert all(out.isfinite().all() for out in backbone(torch.randn(2, 5, 32, 32)))


@pytest.mark.smoke
@every_backbone
def test_a_fused_backbone_is_in_eval_mode_and_takes_no_gradients(cls, arguments):
    backbone = cls(**arguments)
    assert backbone.fuse() is backbone
    assert not any(module.training for module in backbone.modules())
    assert not any(p.requires_grad for p in backbone.parameters())
    assert backbone.fuse() is backbone  # a second time changes nothing
