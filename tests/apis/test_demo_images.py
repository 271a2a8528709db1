"""Generated images, classes and metrics that fit a config of any channels and classes."""

import json
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config

from mmgroupmix.apis.demo import data
from mmgroupmix.apis.demo.images import ImageKind, choose_images
from mmgroupmix.apis.tasks import CLASSIFICATION, DETECTION, SEGMENTATION
from mmgroupmix.errors import UserError
from mmgroupmix.mini_data import (
    write_mini_ade20k,
    write_mini_coco,
    write_mini_imagenet,
)

pytestmark = pytest.mark.smoke

needs_tifffile = pytest.mark.skipif(
    find_spec('tifffile') is None, reason='needs tifffile'
)


def build_config(in_channels, **loading):
    step = dict(type='LoadImageFromFile', **loading)
    dataset = dict(type='BaseSegDataset', pipeline=[step])
    backbone = dict(type='mmgroupmix.PoolFormer', arch='s12', in_channels=in_channels)
    return Config(
        dict(
            model=dict(backbone=backbone, decode_head=dict(num_classes=2)),
            train_dataloader=dict(dataset=dict(type='RepeatDataset', dataset=dataset)),
        )
    )


@pytest.mark.parametrize(
    'in_channels, loading, expected',
    [
        (3, {}, ImageKind()),
        (1, dict(color_type='grayscale'), ImageKind()),
        (3, dict(color_type='unchanged'), ImageKind()),
        (1, dict(color_type='unchanged'), ImageKind(1, 'png')),
        (4, dict(color_type='unchanged'), ImageKind(4, 'png')),
        pytest.param(
            6,
            dict(imdecode_backend='tifffile'),
            ImageKind(6, 'tiff'),
            marks=needs_tifffile,
        ),
    ],
)
def test_images_have_the_channels_that_pipeline_and_backbone_agree_on(
    in_channels, loading, expected
):
    assert choose_images(build_config(in_channels, **loading), 'mmseg', '') == expected


def test_channels_that_the_decoder_cannot_read_are_refused_with_the_one_that_can():
    cfg = build_config(6, color_type='unchanged')
    with pytest.raises(UserError, match="--demo.*6 channels.*'tifffile'"):
        choose_images(cfg, 'mmseg', '--demo')


@pytest.mark.parametrize(
    'write, kind',
    [
        (write_mini_ade20k, ImageKind(1, 'png')),
        (write_mini_coco, ImageKind(4, 'png')),
        pytest.param(write_mini_imagenet, ImageKind(6, 'tiff'), marks=needs_tifffile),
        (write_mini_imagenet, ImageKind(2, 'png')),
    ],
)
def test_the_toolboxes_read_as_many_channels_as_were_asked_for(write, kind, tmp_path):
    pytest.importorskip('sklearn')
    options = dict(num_channels=kind.num_channels, image_format=kind.image_format)
    sizes = dict(num_train=2, num_val=2, num_classes=2, max_size=200)
    root = write(tmp_path / 'mini', **sizes, **options)
    images = sorted(p for p in root.rglob('*') if p.suffix in ('.png', '.tif'))
    images = [path for path in images if 'annotations' not in path.parts]
    assert len(images) == 4
    # OpenCV reads two channels as four.
    backend = {2: 'pillow', 6: 'tifffile'}.get(kind.num_channels, 'cv2')
    load = LoadImageFromFile(color_type='unchanged', imdecode_backend=backend)
    for path in images:
        image = load(dict(img_path=str(path)))['img']
        assert (1 if image.ndim == 2 else image.shape[2]) == kind.num_channels
        if kind.num_channels == 4:
            assert np.array_equal(image[..., 3], image[..., 2])  # red again, of BGR
    for path in root.rglob('instances_*.json'):
        names = {image['file_name'] for image in json.loads(path.read_text())['images']}
        assert names < {image.name for image in images}


def test_a_dataset_of_photographs_is_still_the_one_of_before(tmp_path):
    pytest.importorskip('sklearn')
    root = write_mini_ade20k(tmp_path / 'mini', num_train=1, num_val=1, max_size=200)
    manifest = json.loads((root / 'mini_dataset.json').read_text())
    assert not {'num_channels', 'image_format'} & set(manifest)
    (image,) = (root / 'images' / 'training').iterdir()
    assert (image.suffix, cv2.imread(str(image), -1).shape[2]) == ('.jpg', 3)


@pytest.mark.parametrize(
    'task, num_outputs, expected',
    [
        (SEGMENTATION, 1, 2),
        (SEGMENTATION, 2, 2),
        (SEGMENTATION, 150, 11),
        (DETECTION, 1, 1),
        (DETECTION, 80, 80),
        (CLASSIFICATION, 2, 2),
        (CLASSIFICATION, 1000, 10),
    ],
)
def test_the_mini_datasets_have_classes_for_any_number_of_outputs(
    task, num_outputs, expected
):
    assert data.count_classes(task, num_outputs) == expected
    cfg = Config(
        dict(
            model={
                head: dict(num_classes=num_outputs)
                for head in (dict(mmseg='decode_head').get(task.toolbox), 'head')
                if head
            },
            val_dataloader=dict(dataset=dict(type='A', pipeline=[])),
        )
    )
    if task is DETECTION:
        cfg.model = dict(bbox_head=dict(num_classes=num_outputs))
    data.replace_datasets(cfg, task, Path('mini'), ImageKind(4, 'png'))
    assert len(cfg.val_dataloader.dataset.metainfo.classes) == expected
    suffix = cfg.val_dataloader.dataset.get('img_suffix')
    assert suffix == ('.png' if task is SEGMENTATION else None)


@pytest.mark.parametrize(
    'given, expected', [((1, 5), [1]), (5, [1]), ((1, 3), [1, 3]), ((1, 2, 9), [1, 2])]
)
def test_metrics_of_more_classes_than_there_are_are_left_out_and_that_is_said(
    given, expected, monkeypatch
):
    monkeypatch.setattr(data, '_write_mini_data', lambda *_: Path('mini'))
    cfg = Config(
        dict(
            model=dict(backbone=dict(type='ResNet'), head=dict(num_classes=3)),
            val_dataloader=dict(dataset=dict(type='CustomDataset', pipeline=[])),
            val_evaluator=dict(type='Accuracy', topk=given),
            default_hooks=dict(checkpoint=dict(save_best='accuracy/top5')),
        )
    )
    changes = data.use_mini_data(cfg, CLASSIFICATION)
    (metric,) = cfg.val_evaluator
    assert data.as_list(metric['topk']) == expected
    changed = data.as_list(given) != expected
    assert ('->' in changes['metrics']) == changed
    best = 'auto' if changed else 'accuracy/top5'
    assert cfg.default_hooks.checkpoint.save_best == best
