"""The published names of sizes build the backbone that they mean."""

import pytest
import torch
from mmengine.registry import MODELS

from mmgroupmix.errors import UserError
from mmgroupmix.models import EAMLP, GroupMixFormer, PoolFormer
from mmgroupmix.registry import MODELS as OUR_MODELS

pytestmark = pytest.mark.smoke

# A config of sail-sg is merged into one with mmdetection's ResNet.
INHERITED = dict(
    depth=50,
    num_stages=4,
    out_indices=(0, 1, 2, 3),
    frozen_stages=1,
    norm_cfg=dict(type='BN', requires_grad=True),
    norm_eval=True,
    style='pytorch',
)
# arXiv 2311.15157, Table 1, as configs/groupmixformer_tiny.yaml of the published code.
TINY = dict(
    embedding_dims=[80, 160, 200, 240],
    serial_depths=[4, 4, 12, 4],
    mlp_ratios=[4, 4, 4, 4],
    drop_path_rate=0.1,
)
T2T_7 = dict(embed_dim=256, depth=7, num_heads=4, mlp_ratio=2.0)


def build(name, **arguments):
    with torch.device('meta'):
        return MODELS.build(dict(type=f'mmgroupmix.{name}', **arguments))


def test_the_name_of_every_size_is_registered():
    for family, archs in (
        ('poolformer_{}_feat', PoolFormer.arch_settings),
        ('groupmixformer_{}', GroupMixFormer.arch_settings),
        ('T2t_vit_{}', EAMLP.arch_settings),
    ):
        for arch in archs:
            assert OUR_MODELS.get(family.format(arch)) is not None


def test_sail_sgs_backbones_keep_nothing_of_the_resnet_of_their_base():
    for arguments in (dict(style='pytorch'), INHERITED):
        model = build('poolformer_s12_feat', **arguments)
        assert (model.arch, model.out_indices) == ('s12', (0, 1, 2, 3))
        assert model.layer_scale == 1e-5
        assert all(parameter.requires_grad for parameter in model.parameters())
        assert not model.norm_eval
        assert isinstance(model.out_norms[0], torch.nn.GroupNorm)
        # The published default, unlike ours.
        assert model.stages[3].blocks[-1].drop_path.drop_prob == 0


def test_what_sail_sgs_class_does_not_know_is_still_named():
    with pytest.raises(UserError, match="'drop_path'.*mean 'drop_path_rate'"):
        build('poolformer_s12_feat', style='pytorch', drop_path=0.1)


def test_the_arguments_of_the_published_groupmixformer_name_its_architecture():
    dense = build('GroupMixFormer', **TINY, num_heads=8, return_interm_layers=True)
    assert (dense.arch, dense.out_indices) == ('tiny', (0, 1, 2, 3))
    assert dense.stages[3].blocks[-1].drop_path.drop_prob == pytest.approx(0.1)


def test_the_defaults_of_the_published_groupmixformer_are_kept():
    # A classifier, whose head is a module of its own here.
    sizes = dict(serial_depths=[1, 1, 1, 1], in_dim=4)
    custom = build('GroupMixFormer', **sizes, num_classes=1000, pretrained=False)
    assert custom.out_indices == (3,)
    assert isinstance(custom.final_norm, torch.nn.BatchNorm2d)
    assert custom.embed_dims == (80, 160, 320, 320)
    assert custom.stages[3].blocks[-1].drop_path.drop_prob == pytest.approx(0.2)
    assert [len(stage.blocks) for stage in custom.stages] == [1, 1, 1, 1]
    assert custom.stem[0].conv.in_channels == 4


def test_a_flag_pretrained_that_the_published_class_ignores_is_refused():
    with pytest.raises(UserError, match=r'pretrained=True.*init_cfg'):
        build('GroupMixFormer', **TINY, pretrained=True)


def test_the_published_names_of_groupmixformer_and_eamlp_build_them():
    assert build('groupmixformer_mobile').arch == 'mobile'
    backbone = build('T2t_vit_7', num_classes=1000, qkv_bias=False)
    assert (backbone.arch, backbone.t2t) == ('7', 'external_attention')


def test_the_arguments_of_the_published_eamlp_name_its_architecture():
    backbone = build('EAMLP', **T2T_7, tokens_type='performer', in_chans=1)
    assert (backbone.arch, backbone.t2t) == ('7', 'external_attention')
    assert len(backbone.blocks) == 7
    # Its two modules differ in dropout alone.
    for kind, rate in (('performer', 0.1), ('transformer', 0.0)):
        encoder = build('EAMLP', **T2T_7, tokens_type=kind).tokens_to_token.encoders[0]
        drops = [m.p for m in encoder.modules() if isinstance(m, torch.nn.Dropout)]
        assert max(drops, default=0.0) == rate
    with pytest.raises(UserError, match="'performer' or 'transformer'"):
        build('EAMLP', **T2T_7, tokens_type='convolution')
    with pytest.raises(UserError, match='arch.*two ways'):
        build('EAMLP', arch=7, depth=7)
