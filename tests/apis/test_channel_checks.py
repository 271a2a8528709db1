"""Channels that do not fit are found before the first step, with the image."""

import random
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.dataset import Compose
from torch import nn

from mmgroupmix.apis.channel_checks import check_channels
from mmgroupmix.apis.config.preprocessor import check_preprocessor
from mmgroupmix.engine.input_channels import ChannelMismatchError
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke


class GreyBackbone(nn.Module):
    def __init__(self, in_channels=1):
        super().__init__()


def pack(results):
    """The last step of a pipeline."""
    image = results['img']
    image = image[..., None] if image.ndim == 2 else image
    random.random()
    return dict(inputs=torch.from_numpy(image.copy()).permute(2, 0, 1))


def build_loader(folder, images, *steps, skip=(), **loading):
    """What a runner with a grey model builds for images, and its dataset."""
    for name, image in images.items():
        cv2.imwrite(str(folder / name), image)
    infos = [dict(img_path=str(folder / name)) for name in images]
    steps = [LoadImageFromFile(**loading), *steps, pack]
    dataset = SimpleNamespace(
        pipeline=Compose(steps), get_data_info=lambda index: dict(infos[index])
    )
    dataset.get = lambda index: dataset.pipeline(dict(infos[index]))
    model = nn.Module()
    model.backbone = GreyBackbone()
    runner = SimpleNamespace(
        cfg=Config(dict(model=dict(backbone={}), skip_checks=list(skip))),
        model=model,
        build_dataloader=lambda: SimpleNamespace(dataset=dataset),
    )
    check_channels(runner)
    runner.build_dataloader()
    return dataset


COLOUR = np.zeros((6, 5, 3), np.uint8)
GREY = np.zeros((6, 5), np.uint8)


def test_a_pipeline_that_reads_in_colour_for_a_grey_model_is_refused_when_built(tmp_path):
    with pytest.raises(ChannelMismatchError, match='a.png.*3 channels.*in_channels=1'):
        build_loader(tmp_path, {'a.png': COLOUR})


def test_a_pipeline_that_fits_passes_and_draws_no_random_numbers(tmp_path):
    random.seed(3)
    expected = random.random()
    random.seed(3)
    dataset = build_loader(tmp_path, {'a.png': COLOUR}, color_type='grayscale')
    assert random.random() == expected
    assert dataset.get(0)['inputs'].shape == (1, 6, 5)


def test_a_single_image_of_other_channels_is_named(tmp_path):
    images = {'a.png': GREY, 'b.png': GREY, 'c.png': np.dstack([COLOUR, GREY])}
    dataset = build_loader(tmp_path, images, color_type='unchanged')
    dataset.get(1)
    with pytest.raises(ChannelMismatchError, match='c.png.*4 channels'):
        dataset.get(2)


def test_a_step_for_colours_is_named_when_it_fails_on_a_grey_image(tmp_path):
    transforms = pytest.importorskip('mmseg.datasets.transforms')
    step = transforms.PhotoMetricDistortion()
    dataset = build_loader(tmp_path, {'a.png': GREY}, step, color_type='grayscale')
    with pytest.raises(UserError, match='PhotoMetricDistortion fails.*a.png.*1 channel'):
        for _ in range(50):  # each of its steps has a probability of a half
            dataset.get(0)


def test_an_error_on_a_colour_image_keeps_its_type(tmp_path):
    class Broken(LoadImageFromFile):
        def transform(self, results):
            raise ValueError('broken')

    dataset = build_loader(tmp_path, {'a.png': COLOUR}, Broken(), skip=['channels'])
    with pytest.raises(ValueError, match='broken') as raised:
        dataset.get(0)
    assert not isinstance(raised.value, UserError)


def test_the_check_can_be_left_out(tmp_path):
    dataset = build_loader(tmp_path, {'a.png': COLOUR}, skip=['channels'])
    assert dataset.get(0)['inputs'].shape == (3, 6, 5)


def test_a_preprocessor_that_refuses_its_means_is_reported_with_the_remedy():
    pytest.importorskip('mmdet.models')
    settings = dict(type='DetDataPreprocessor', mean=[1.0] * 4, std=[1.0] * 4)
    cfg = Config(dict(model=dict(data_preprocessor=settings)))
    with pytest.raises(UserError, match="1 or 3 values.*type='Normalize'"):
        check_preprocessor(cfg, 'mmdet')
    cfg.model.data_preprocessor.update(mean=[1.0], std=[1.0])
    check_preprocessor(cfg, 'mmdet')
