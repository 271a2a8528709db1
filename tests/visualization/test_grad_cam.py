"""Grad-CAM against its formula, for each kind of backbone."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmgroupmix.errors import UserError
from mmgroupmix.models import GroupMixFormer, PoolFormer
from mmgroupmix.visualization.grad_cam import (
    build_cam_line,
    compute_grad_cam,
    find_target_layer,
    import_grad_cam,
)
from mmgroupmix.visualization.input_record import InputRecord, record_input
from mmgroupmix.visualization.panels import blend_heatmap

from ..models.nano_eamlp import build_eamlp, randomize
from ..models.small_backbones import NANO
from .toolbox_model import build_model

pytestmark = pytest.mark.smoke
needs_library = pytest.mark.skipif(
    find_spec('pytorch_grad_cam') is None, reason='grad-cam is not installed'
)


class Classifier(nn.Module):
    """A linear classifier on the average of the last map, or on the class token."""

    def __init__(self, backbone, width):
        super().__init__()
        self.backbone = backbone
        self.fc = nn.Linear(width, 3)

    def forward(self, images):
        features = self.backbone(images)[-1]
        return self.fc(features.flatten(2).mean(2) if features.dim() == 4 else features)


def build_classifier(name):
    torch.manual_seed(0)
    if name == 'EAMLP':
        return Classifier(randomize(build_eamlp()), 16).eval()
    backbone_class = dict(GroupMixFormer=GroupMixFormer, PoolFormer=PoolFormer)[name]
    return Classifier(randomize(backbone_class(NANO, final_norm=True)), 40).eval()


def naive_grad_cam(model, images, index, layer, as_map):
    """ReLU(sum over k of alpha_k A^k), scaled to 0 to 1 and resized (Section 3)."""
    activations = []
    hook = layer.register_forward_hook(lambda *call: activations.append(call[-1]))
    score = model(images)[0, index]
    hook.remove()
    (gradients,) = torch.autograd.grad(score, activations[0])
    activation, gradient = as_map(activations[0]), as_map(gradients)  # (C, h, w)
    cam = torch.zeros(activation.shape[1:])
    for channel, derivative in zip(activation, gradient):
        cam += derivative.mean() * channel
    cam = cam.clamp_min(0).detach()
    cam = (cam - cam.min()) / (cam.max() - cam.min()).clamp_min(1e-7)
    cam = F.interpolate(cam[None, None], images.shape[2:], mode='bilinear')[0, 0]
    return (cam - cam.min()) / (cam.max() - cam.min()).clamp_min(1e-7)


LAYERS = [
    ('GroupMixFormer', None, None, lambda b: b.stages[3].blocks[0]),
    ('GroupMixFormer', 1, 0, lambda b: b.stages[1].blocks[0]),
    ('PoolFormer', None, None, lambda b: b.stages[3].blocks[0]),
    ('PoolFormer', 1, None, lambda b: b.stages[1].blocks[1]),
    ('EAMLP', None, None, lambda b: b.blocks[2].norm1),
    ('EAMLP', None, 0, lambda b: b.blocks[0].norm1),
]


@needs_library
@pytest.mark.parametrize('name, stage, block, find_layer', LAYERS)
def test_equals_the_gradient_weighted_sum(name, stage, block, find_layer):
    model = build_classifier(name)
    images = torch.randn(1, 3, 64, 96)
    cams = compute_grad_cam(model, images, [2, 0], stage, block)
    assert cams.any()  # without any evidence for either class, little would be compared

    def as_map(tokens):
        # (1, H, W, C), or (1, 1, 1 + N, C) with the class token first.
        tokens = tokens[0, 0, 1:].reshape(4, 6, -1) if name == 'EAMLP' else tokens[0]
        return tokens.permute(2, 0, 1)

    for cam, index in zip(cams, (2, 0), strict=True):
        layer = find_layer(model.backbone)
        expected = naive_grad_cam(model, images, index, layer, as_map)
        torch.testing.assert_close(torch.from_numpy(cam), expected, rtol=1e-3, atol=1e-3)


@needs_library
def test_the_map_of_a_frozen_model_is_that_of_a_trained_one():
    model = build_classifier('PoolFormer')
    images = torch.randn(1, 3, 64, 64)
    expected = compute_grad_cam(model, images, [1])
    model.requires_grad_(False)
    with torch.no_grad():
        np.testing.assert_allclose(compute_grad_cam(model, images, [1]), expected)


@needs_library
@pytest.mark.parametrize('name', ['PoolFormer', 'EAMLP'])
def test_neither_hooks_nor_gradients_remain(name):
    model = build_classifier(name)
    model(torch.randn(1, 3, 64, 64))  # the blocks check their first output by a hook
    compute_grad_cam(model, torch.randn(1, 3, 64, 64), [0])
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_missing_library_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'pytorch_grad_cam', None)
    with pytest.raises(UserError, match='pip install --no-deps grad-cam ttach'):
        import_grad_cam()


@pytest.mark.parametrize(
    'build, stage, block, message',
    [
        (lambda: nn.Conv2d(3, 3, 1), None, None, 'Conv2d.*EAMLP.*vis_cam.py'),
        (lambda: PoolFormer(NANO), 4, None, 'stage 4: expected one from 0 to 3'),
        (lambda: PoolFormer(NANO), 1, 2, 'block 2: expected one from 0 to 1'),
        (lambda: build_eamlp(), 1, None, 'no stages'),
        (lambda: build_eamlp(), None, 3, 'block 3: expected one from 0 to 2'),
    ],
)
def test_a_layer_that_is_not_there_is_refused(build, stage, block, message):
    with pytest.raises(UserError, match=message):
        find_target_layer(build(), stage, block)


def test_the_input_of_the_backbone_is_recorded_until_the_end():
    model = build_model(PoolFormer(NANO))
    first, second = torch.randn(2, 1, 3, 32, 40)
    with record_input(model, InputRecord()) as record, torch.no_grad():
        model.backbone(first)
    with torch.no_grad():
        model.backbone(second)
    assert record.images is first
    assert record.image.shape == (32, 40, 3)
    assert record.num_passes == 1


def test_a_line_shows_the_image_and_the_map_of_each_class():
    image = np.random.default_rng(0).integers(0, 255, (8, 12, 3), dtype=np.uint8)
    cams = np.linspace(0, 0.5, 192, dtype=np.float32).reshape(2, 8, 12)
    line = build_cam_line(image, cams, ['cat', 'dog'])
    assert [title for title, _ in line] == ['image', 'cat', 'dog']
    np.testing.assert_array_equal(line[0][1], image)
    for cam, (_, shown) in zip(cams, line[1:]):
        expected = blend_heatmap(image, torch.from_numpy(cam), (0.0, 1.0))
        np.testing.assert_array_equal(shown, expected)
