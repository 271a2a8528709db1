"""The check of channels against the preprocessors of the toolboxes and a convolution."""

import itertools

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import BaseDataElement
from torch import nn

from mmgroupmix.engine.input_channels import (
    ChannelCheck,
    ChannelMismatchError,
    find_in_channels,
)

pytestmark = pytest.mark.smoke

PREPROCESSORS = {
    'mmseg': ('SegDataPreProcessor', 'bgr_to_rgb'),
    'mmdet': ('DetDataPreprocessor', 'bgr_to_rgb'),
    'mmpretrain': ('ClsDataPreprocessor', 'to_rgb'),
}


class Backbone(nn.Module):
    def __init__(self, in_channels=3):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 2, 3)


def build_model(toolbox, in_channels, **settings):
    """A model with a toolbox's preprocessor, and its config."""
    pytest.importorskip(f'{toolbox}.models')
    name, rgb = PREPROCESSORS[toolbox]
    if 'rgb' in settings:
        settings[rgb] = settings.pop('rgb')
    preprocessor = dict(type=name, **settings)
    model = nn.Module()
    with DefaultScope.overwrite_default_scope(toolbox):
        model.data_preprocessor = MODELS.build(preprocessor)
    model.backbone = Backbone(in_channels)
    backbone = dict(type='Backbone', in_channels=in_channels)
    return model, dict(model=dict(backbone=backbone, data_preprocessor=preprocessor))


def works(model, num_channels):
    """Whether a model really takes images of so many channels."""
    data = dict(
        inputs=[torch.zeros(num_channels, 16, 16, dtype=torch.uint8)],
        data_samples=[BaseDataElement(metainfo=dict(img_shape=(16, 16)))],
    )
    try:
        model.backbone.conv(model.data_preprocessor(data, False)['inputs'])
    except Exception:
        return False
    return True


@pytest.mark.parametrize('toolbox', PREPROCESSORS)
def test_what_a_model_takes_passes_and_what_fails_is_reported(toolbox):
    means = (None, [114.0], [1.0, 2.0, 3.0])
    for mean, rgb, in_channels in itertools.product(means, (False, True), (1, 3, 4)):
        model, cfg = build_model(toolbox, in_channels, mean=mean, std=mean, rgb=rgb)
        check = ChannelCheck(model, cfg)
        for num_channels in range(1, 6):
            problem = check.find_problem(num_channels)
            expected = works(model, num_channels)
            assert (problem is None) == expected, (mean, rgb, in_channels, problem)


def test_the_message_names_image_numbers_setting_and_remedy():
    model, cfg = build_model('mmseg', 1, mean=[114.0], std=[57.0])
    with pytest.raises(ChannelMismatchError) as raised:
        ChannelCheck(model, cfg).check(dict(inputs=torch.zeros(3, 4, 4)), 'a.png')
    for part in (
        'a.png',
        '3 channels',
        'in_channels=1',
        "color_type='grayscale'",
        '--skip-check channels',
    ):
        assert part in str(raised.value)


def test_the_check_can_be_left_out():
    model, cfg = build_model('mmseg', 1)
    check = ChannelCheck(model, dict(cfg, skip_checks=['channels']))
    check.check(dict(inputs=torch.zeros(3, 4, 4)), 'a.png')


def test_a_backbone_that_does_not_name_its_channels_is_not_judged():
    model, cfg = build_model('mmseg', 1)
    model.backbone = nn.Conv2d(12, 2, 3)  # as behind YOLOX's focus
    del cfg['model']['backbone']['in_channels']
    model.backbone = nn.Sequential(model.backbone)
    assert ChannelCheck(model, cfg).find_problem(3) is None


def test_the_model_inside_test_time_augmentation_is_judged():
    model, cfg = build_model('mmseg', 1)
    outer = nn.Module()
    outer.module = model
    wrapped = dict(model=dict(type='SegTTAModel', module=cfg['model']))
    assert ChannelCheck(outer, wrapped).find_problem(3)
    views = dict(inputs=[torch.zeros(3, 4, 4)] * 2)
    with pytest.raises(ChannelMismatchError):
        ChannelCheck(outer, wrapped).check(views, 'a.png')


@pytest.mark.parametrize(
    'cfg, expected', [({}, 3), (dict(in_channels=5), 5), (dict(in_chans=2), 3)]
)
def test_the_argument_of_the_config_comes_before_the_default_of_the_class(cfg, expected):
    assert find_in_channels(Backbone, cfg) == expected
