"""RGB weights in stems for other channels: adapted as by timm, and exact on grey."""

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from torch import nn

from mmgroupmix.checkpoints import CheckpointError
from mmgroupmix.checkpoints.input_channels import adapt_convolution
from mmgroupmix.models import GroupMixFormer, PoolFormer
from mmgroupmix.models.backbones import pretrained

from ..models.nano_eamlp import build_eamlp, randomize
from ..models.small_backbones import NANO

pytestmark = pytest.mark.smoke

#: A small backbone of each family and of each attention of EAMLP's stem.
BUILDERS = dict(
    groupmixformer=lambda **options: GroupMixFormer(NANO, **options),
    poolformer=lambda **options: PoolFormer(NANO, **options),
    eamlp=lambda **options: build_eamlp(**options),
    performer=lambda **options: build_eamlp('performer', **options),
)
every_family = pytest.mark.parametrize('family', BUILDERS)


@pytest.mark.parametrize('in_channels', [1, 2, 4, 5, 6, 13])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_a_convolution_is_adapted_as_by_timm(in_channels, dtype):
    timm = pytest.importorskip('timm.models')
    weight = torch.randn(5, 3, 7, 7).to(dtype)
    expected = timm.adapt_input_conv(in_channels, weight)
    torch.testing.assert_close(
        adapt_convolution(weight, in_channels), expected, rtol=0, atol=0
    )


def test_a_published_file_starts_a_grey_backbone_as_timm_starts_its_own(
    poolformer_golden, tmp_path
):
    timm = pytest.importorskip('timm.models')
    published = poolformer_golden.state_dict()
    path = tmp_path / 'poolformer_s12.pth'
    torch.save(published, path)
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    backbone = PoolFormer('s12', in_channels=1, init_cfg=init_cfg)
    backbone.init_weights()
    weight = published['patch_embed.proj.weight']
    assert torch.equal(backbone.stem.weight, timm.adapt_input_conv(1, weight))
    assert torch.equal(backbone.stem.bias, published['patch_embed.proj.bias'])


@every_family
@pytest.mark.parametrize('in_channels', [1, 6])
def test_an_image_without_further_information_gives_the_features_of_rgb(
    family, in_channels
):
    rgb = randomize(BUILDERS[family]())
    adapted = BUILDERS[family](in_channels=in_channels).eval()
    adapted.load_state_dict(rgb.state_dict())
    if in_channels == 1:
        image = torch.randn(1, 1, 64, 48)
        expected = rgb(image.expand(-1, 3, -1, -1))
    else:  # each of R, G and B twice
        image = torch.randn(1, 3, 64, 48).repeat(1, 2, 1, 1)
        expected = rgb(image[:, :3])
    torch.testing.assert_close(adapted(image), expected, rtol=1e-4, atol=1e-4)


@every_family
def test_one_line_says_how_the_stem_was_adapted(family, monkeypatch):
    lines = []
    monkeypatch.setattr(pretrained, 'print_log', lambda text, **_: lines.append(text))
    weights = BUILDERS[family]().state_dict()
    BUILDERS[family]().load_state_dict(weights)
    assert lines == []
    BUILDERS[family](in_channels=4).load_state_dict(weights)
    (line,) = lines
    assert 'takes 4 channels' in line and '3/4' in line


@every_family
def test_weights_for_four_channels_do_not_start_a_grey_backbone(family):
    weights = BUILDERS[family](in_channels=4).state_dict()
    grey = BUILDERS[family](in_channels=1)
    with pytest.raises(CheckpointError, match='different in_channels'):
        grey.load_state_dict(weights)


def test_load_from_adapts_the_backbone_inside_a_larger_model(tmp_path):
    def build(**options):
        model = nn.Module()
        model.backbone = PoolFormer(NANO, **options)
        model.head = nn.Linear(2, 2)
        return model

    path = tmp_path / 'model.pth'
    weights = build().state_dict()
    torch.save(dict(state_dict=weights), path)
    model = build(in_channels=1)
    load_checkpoint(model, str(path))
    stem = weights['backbone.stem.weight']
    torch.testing.assert_close(
        model.backbone.stem.weight.data, stem.sum(dim=1, keepdim=True)
    )
    assert torch.equal(model.head.weight, weights['head.weight'])


def test_the_resnet_of_an_eanet_is_adapted_too(tmp_path):
    models = pytest.importorskip('mmseg.registry').MODELS
    pytest.importorskip('mmseg.models')

    def build(**options):
        cfg = dict(type='ResNetV1c', depth=18, num_stages=1, out_indices=(0,))
        cfg |= dict(strides=(1,), dilations=(1,), base_channels=8, stem_channels=8)
        with DefaultScope.overwrite_default_scope('mmseg'):
            return models.build(cfg | options)

    path = tmp_path / 'resnet.pth'
    weights = build().state_dict()
    torch.save(weights, path)
    init_cfg = dict(type='Pretrained', checkpoint=str(path))
    resnet = build(in_channels=4, init_cfg=init_cfg)
    resnet.init_weights()
    expected = adapt_convolution(weights['stem.0.weight'], 4)
    assert torch.equal(resnet.stem[0].weight, expected)
    assert torch.equal(resnet.stem[3].weight, weights['stem.3.weight'])
