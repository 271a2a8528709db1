"""Label maps in bounded memory: equal to those of mmsegmentation, to the bit."""

import copy
from itertools import product

import pytest
import torch
from mmengine.config import ConfigDict
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmgroupmix.apis.inference.bounded_segmentation import bound_segmentation

pytest.importorskip('mmseg', reason='mmseg is not installed')
pytestmark = pytest.mark.smoke

LARGE = 2**40


class Backbone(nn.Module):
    def __init__(self, layout):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 4, stride=4)
        self.layout = layout

    def forward(self, x):
        return [self.conv(x).contiguous(memory_format=self.layout)]


def build_model(num_classes, mode='whole', align=False, layout=torch.contiguous_format):
    from mmseg.models.segmentors import EncoderDecoder
    from mmseg.registry import MODELS

    torch.manual_seed(num_classes)
    MODELS.register_module(name='TinyBackbone', module=Backbone, force=True)
    model = EncoderDecoder(
        backbone=dict(type='TinyBackbone', layout=layout),
        decode_head=dict(
            type='FCNHead',
            in_channels=8,
            channels=8,
            num_convs=0,
            concat_input=False,
            num_classes=max(num_classes, 2),
            out_channels=num_classes,
            threshold=0.4 if num_classes == 1 else None,
            align_corners=align,
            loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=num_classes == 1),
        ),
        test_cfg=ConfigDict(mode=mode, crop_size=(48, 64), stride=(32, 40)),
    )
    nn.init.normal_(model.decode_head.conv_seg.weight)
    return model.eval()


def make_samples(num, ori_shape, img_shape, padding=(0, 0, 0, 0), flip=None):
    from mmseg.structures import SegDataSample

    meta = dict(
        ori_shape=ori_shape,
        img_shape=img_shape,
        pad_shape=img_shape,
        img_padding_size=list(padding),
        flip=flip is not None,
        flip_direction=flip,
    )
    return [SegDataSample(metainfo=dict(meta)) for _ in range(num)]


def predict(model, images, *meta):
    with torch.no_grad():
        samples = model(images, make_samples(len(images), *meta), mode='predict')
    return [sample.pred_sem_seg.data for sample in samples], samples


def bound(model, num_bytes, check=lambda num_bytes, purpose: None):
    model = copy.deepcopy(model)
    bound_segmentation(model, num_bytes, check)
    return model


CASES = list(
    product(
        [1, 2, 37],
        ['whole', 'slide'],
        [torch.contiguous_format, torch.channels_last],
    )
)


@pytest.mark.parametrize('num_classes, mode, layout', CASES)
def test_label_maps_are_those_of_mmsegmentation(num_classes, mode, layout):
    metas = [
        ((64, 96), (64, 96)),
        ((131, 203), (64, 96), (1, 3, 2, 5)),
        ((33, 47), (61, 97), (0, 0, 0, 0), 'horizontal'),
        ((201, 77), (61, 97), (0, 2, 7, 0), 'vertical'),
    ]
    for number, meta in enumerate(metas):
        align = number in (1, 2)
        model = build_model(num_classes, mode, align, layout)
        images = torch.randn(2, 3, *meta[1])
        expected, _ = predict(model, images, *meta)
        # Space for the logits of 17 classes, of which a multiple of 16 is taken.
        size = 17 * 4 * (meta[0][0] * meta[0][1] + meta[1][0] * meta[1][1])
        for num_bytes in (1 if layout is torch.contiguous_format else size, size):
            bounded = bound(model, num_bytes)
            found, samples = predict(bounded, images, *meta)
            for one, other in zip(found, expected):
                assert one.dtype == other.dtype
                assert torch.equal(one, other), (number, num_bytes)
            if num_classes > 17 and (mode == 'whole' or meta[0] == meta[1]):
                assert 'seg_logits' not in samples[0]


def test_the_first_of_equal_classes_and_nan_win_as_in_argmax():
    model = build_model(5)
    logits = torch.zeros(1, 5, 4, 6)
    logits[0, 2, 0], logits[0, 4, 0] = 1, 1
    logits[0, 3, 1] = logits[0, 1, 2] = float('nan')
    logits[0, 4, 1] = logits[0, 0, 2] = 9
    # In one size, so that rows do not mix.
    samples = make_samples(2, (4, 6), (4, 6))
    expected = model.postprocess_result(logits, samples[:1])[0].pred_sem_seg.data
    found = bound(model, 1).postprocess_result(logits, samples[1:])[0]
    assert torch.equal(found.pred_sem_seg.data, expected)
    assert expected[0, :, 0].tolist() == [2, 3, 1, 0]
    assert found.nan_logits is True


def test_the_other_predictions_hold_logits_as_usual():
    model = build_model(7)
    (expected,), (sample,) = predict(
        model, images := torch.randn(1, 3, 32, 32), (9, 9), (32, 32)
    )
    (found,), (bounded,) = predict(bound(model, LARGE), images, (9, 9), (32, 32))
    assert torch.equal(found, expected) and bounded.nan_logits is False
    assert torch.equal(bounded.seg_logits.data, sample.seg_logits.data)


class LargestTensor(TorchDispatchMode):
    """Records the bytes of the largest tensor that an operation returns."""

    num_bytes = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        result = function(*arguments, **(options or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.num_bytes = max(self.num_bytes, leaf.untyped_storage().nbytes())
        return result


@pytest.mark.parametrize('img_shape', [(32, 48), (320, 480)])
def test_no_tensor_exceeds_the_bound_on_a_large_image_with_150_classes(img_shape):
    ori_shape = (320, 480)
    num_bytes = 3 * 2**20
    images = torch.randn(1, 3, *img_shape)
    sizes = {}
    for name, model in dict(
        ours=bound(build_model(150), num_bytes), theirs=build_model(150)
    ).items():
        with LargestTensor() as largest:
            predict(model, images, ori_shape, img_shape)
        sizes[name] = largest.num_bytes
    # The logits at full size, in float32.
    assert sizes['theirs'] == 150 * 320 * 480 * 4
    # The logits of the head itself, at a quarter of the input's size.
    heads = 150 * img_shape[0] * img_shape[1] // 16 * 4
    assert sizes['ours'] <= max(num_bytes, heads)


def test_what_is_needed_in_any_case_is_announced_before_it_is_taken():
    announced = []

    def refuse(num_bytes, purpose):
        announced.append((num_bytes, purpose))
        raise MemoryError

    images = torch.randn(1, 3, 64, 96)
    with LargestTensor() as largest, pytest.raises(MemoryError):
        predict(bound(build_model(150), 1, refuse), images, (6400, 9600), (64, 96))
    assert largest.num_bytes < 2**20
    ((num_bytes, purpose),) = announced
    # At least a label of eight bytes and a logit of four for every pixel.
    assert num_bytes > 6400 * 9600 * 12
    assert purpose == 'the label map of 9600 x 6400 pixels'

    with LargestTensor() as largest, pytest.raises(MemoryError):
        predict(bound(build_model(150, 'slide'), 1, refuse), images, (64, 96), (64, 96))
    assert announced[1][0] >= 150 * 64 * 96 * 4 > largest.num_bytes


def test_a_model_with_a_postprocessing_of_its_own_is_left_alone():
    from mmseg.models.segmentors import EncoderDecoder

    class Own(EncoderDecoder):
        def postprocess_result(self, logits, samples=None):
            return samples

    model = build_model(3)
    model.__class__ = Own
    assert 'postprocess_result' not in vars(bound(model, 1))
