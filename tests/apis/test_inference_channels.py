"""Inferencers of models for other channels, against the test pipeline and the model."""

from importlib import import_module

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import MODELS, DefaultScope

from mmgroupmix.apis.inference.drawn_images import (
    DRAWN_IMAGES,
    draw_inputs,
    find_drawn_images,
)
from mmgroupmix.apis.inferencer import build_inferencer
from mmgroupmix.apis.tasks import SEGMENTATION
from mmgroupmix.errors import UserError

from ..commands import REPOSITORY
from ..models.small_backbones import NANO

BASES = dict(
    mmseg='sem_fpn_poolformer_s12_ade20k',
    mmdet='retinanet_poolformer_s12_coco',
    mmpretrain='poolformer_s12_in1k',
)
INFERENCERS = dict(
    mmseg='MMSegInferencer',
    mmdet='DetInferencer',
    mmpretrain='ImageClassificationInferencer',
)
CONFIG = """
_base_ = '{base}'
backbone = dict(arch=dict({arch}, _delete_=True), in_channels={channels}, init_cfg=None)
model = dict(backbone=backbone, data_preprocessor=dict(mean=[99.], std=[9.]), {parts})
"""
PARTS = dict(
    mmseg='neck=dict(in_channels=[10, 20, 30, 40])',
    mmdet='neck=dict(in_channels=[20, 30, 40]), test_cfg=dict(score_thr=0.0)',
    mmpretrain='head=dict(in_channels=40)',
)
SETTINGS = {1: dict(color_type='grayscale'), 4: dict(color_type='unchanged')}


@pytest.fixture(scope='module')
def image(tmp_path_factory):
    """A PNG of four channels."""
    path = tmp_path_factory.mktemp('images') / 'image.png'
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 4)).astype(np.uint8)
    cv2.imwrite(str(path), pixels)
    return str(path)


def write_model(toolbox, channels, folder):
    """A config for some channels and random weights for it."""
    torch.manual_seed(0)
    config = folder / 'config.py'
    base = REPOSITORY / 'configs' / f'{BASES[toolbox]}.py'
    arch = ', '.join(f'{key}={value}' for key, value in NANO.items())
    parts = PARTS[toolbox]
    config.write_text(CONFIG.format(base=base, arch=arch, channels=channels, parts=parts))
    cfg = Config.fromfile(config)
    cfg.model.data_preprocessor.pop('bgr_to_rgb', None)
    load, resize = cfg.test_dataloader.dataset.pipeline[:2]
    load.update(SETTINGS[channels])
    if 'scale' in resize and toolbox != 'mmpretrain':
        resize.scale = (96, 96)  # as small as the image
    cfg.dump(config)
    with DefaultScope.overwrite_default_scope(toolbox):
        model = MODELS.build(cfg.model).eval()
    meta = dict(classes=[str(i) for i in range(150)], palette=[[0, 0, 0]] * 150)
    content = dict(state_dict=model.state_dict(), meta=dict(dataset_meta=meta))
    torch.save(content, folder / 'weights.pth')
    return cfg, model, content


def predict(cfg, model, path):
    """The prediction of the test pipeline and the model, without any inferencer."""
    steps = [
        step
        for step in cfg.test_dataloader.dataset.pipeline
        if 'Annotations' not in step['type']
    ]
    for step in steps:
        step['meta_keys'] = ('ori_shape', 'img_shape', 'pad_shape', 'scale_factor')
    steps = [
        step if step['type'].startswith('Pack') else without(step, 'meta_keys')
        for step in steps
    ]
    with DefaultScope.overwrite_default_scope(cfg.default_scope), torch.no_grad():
        data = Compose(steps)(dict(img_path=path))
        (sample,) = model.test_step(pseudo_collate([data]))
    return get_numbers(sample)


def without(step, key):
    return {name: value for name, value in step.items() if name != key}


def get_numbers(sample):
    """What a sample predicts, as one tensor."""
    for part, key in (('pred_sem_seg', 'data'), ('pred_instances', 'scores')):
        if part in sample:
            return sample.get(part).get(key).float()
    return sample.pred_score


@pytest.mark.parametrize(
    'toolbox, channels',
    [('mmseg', 1), ('mmdet', 4), ('mmpretrain', 1), ('mmpretrain', 4)],
)
def test_files_and_arrays_are_predicted_as_by_the_test_pipeline(
    toolbox, channels, image, tmp_path
):
    pytest.importorskip(toolbox)
    cfg, model, _ = write_model(toolbox, channels, tmp_path)
    expected = predict(cfg, model, image)
    files = str(tmp_path / 'config.py'), str(tmp_path / 'weights.pth')
    _, ours = build_inferencer(*files, 'cpu')
    own = getattr(import_module(f'{toolbox}.apis'), INFERENCERS[toolbox])
    array = cv2.imread(image, cv2.IMREAD_UNCHANGED)
    for inferencer in (ours, own(*files, device='cpu')):
        for given in (image, array):
            (data,) = inferencer.preprocess([given], batch_size=1)
            data = data if isinstance(data, dict) else data[1]
            (sample,) = inferencer.forward(data)
            torch.testing.assert_close(get_numbers(sample), expected, rtol=0, atol=1e-5)


@pytest.mark.smoke
@pytest.mark.parametrize('name', ['LoadAnnotations', 'mmseg.LoadAnnotations'])
def test_labels_are_not_loaded_for_inference_whatever_their_step_is_called(
    name, monkeypatch
):
    apis = pytest.importorskip('mmseg.apis')
    monkeypatch.setattr(apis, 'MMSegInferencer', lambda cfg, *_, **__: cfg)
    pipeline = [dict(type='LoadImageFromFile'), dict(type=name), dict(type='Pack')]
    cfg = Config(dict(test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    given = SEGMENTATION.build_inferencer(cfg, 'weights.pth', 'cpu')
    names = [step.type for step in given.test_dataloader.dataset.pipeline]
    assert names == ['LoadImageFromFile', 'Pack']


def test_weights_for_rgb_are_no_weights_of_a_grey_model(image, tmp_path):
    pytest.importorskip('mmpretrain')
    _, _, content = write_model('mmpretrain', 1, tmp_path)
    stem = content['state_dict']['backbone.stem.weight']
    content['state_dict']['backbone.stem.weight'] = stem.expand(-1, 3, -1, -1)
    torch.save(content, tmp_path / 'weights.pth')
    with pytest.raises(UserError, match=r'backbone.stem.weight .*\(10, 3, 7, 7\)'):
        build_inferencer(tmp_path / 'config.py', tmp_path / 'weights.pth', 'cpu')


@pytest.mark.smoke
def test_hooks_draw_on_what_the_pipeline_reads(image):
    from mmengine.fileio import get

    pipeline = [dict(type='LoadImageFromFile', color_type='unchanged')]
    loader = dict(dataset=dict(type='A', pipeline=pipeline))
    drawn = find_drawn_images(loader, 'mmseg')
    assert drawn['backend'] == DRAWN_IMAGES
    shown = cv2.imdecode(np.frombuffer(get(image, backend_args=drawn), np.uint8), -1)
    assert np.array_equal(shown, cv2.imread(image, -1)[..., :3])
    # As the hooks do by themselves.
    pipeline[0]['color_type'] = 'color'
    assert find_drawn_images(loader, 'mmseg') is None


@pytest.mark.smoke
@pytest.mark.parametrize('shape', [(1, 6, 5), (2, 6, 5), (3, 6, 5), (4, 6, 5), (7, 6, 5)])
def test_mmpretrains_hook_draws_inputs_of_any_channels(shape):
    inputs = torch.randint(0, 256, (2, *shape), dtype=torch.uint8)
    seen = []
    draw_inputs(lambda *args, **_: seen.append(args), 0, dict(inputs=inputs), [], step=1)
    for image, given in zip(seen[0][1]['inputs'], inputs):
        assert (image.shape, image.dtype) == ((3, 6, 5), torch.uint8)
        if shape[0] == 3:
            assert torch.equal(image, given)
