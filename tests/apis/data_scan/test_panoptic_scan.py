"""Names of panoptic data: every category with segments is a class."""

import json

import pytest
from mmengine.config import Config

from mmgroupmix.apis.config.mistakes import MistakeReport
from mmgroupmix.apis.data_scan import scan_data
from mmgroupmix.apis.tasks import DETECTION

pytestmark = pytest.mark.smoke

CATEGORIES = [
    dict(id=3, name='quince', isthing=1),
    dict(id=8, name='meadow', isthing=0),
    dict(id=9, name='pond', isthing=0),
]


def describe(folder, classes):
    """Write an image with a segment of two categories; return its dataset's config."""
    segments = [dict(id=i, category_id=i, area=9, bbox=[0, 0, 3, 3], iscrowd=0)
                for i in (3, 8)]  # fmt: skip
    content = dict(
        images=[dict(id=1, file_name='a.jpg', height=9, width=9)],
        annotations=[dict(image_id=1, file_name='a.png', segments_info=segments)],
        categories=CATEGORIES,
    )
    (folder / 'panoptic.json').write_text(json.dumps(content))
    return dict(
        type='CocoPanopticDataset',
        data_root=str(folder),
        ann_file='panoptic.json',
        data_prefix=dict(img='', seg=''),
        metainfo=dict(
            classes=classes, thing_classes=classes[:1], stuff_classes=classes[1:]
        ),
        pipeline=[],
    )


def scan(dataset):
    loaders = dict(train_dataloader=dict(dataset=dataset))
    report = MistakeReport()
    cfg = Config(dict(default_scope='mmdet', model={}, **loaders))
    scan_data(cfg, ['train_dataloader'], report, task=DETECTION)
    return report.errors


def test_a_misspelt_class_is_named_beside_what_is_meant(tmp_path):
    (error,) = scan(describe(tmp_path, ('quinze', 'meadow')))
    assert 'train_dataloader.dataset with' in error
    assert 'quinze' in error and 'quince   (did you mean this?)' in error


def test_a_category_with_segments_that_is_not_a_class_is_named(tmp_path):
    from mmdet.datasets import CocoPanopticDataset

    dataset = describe(tmp_path, ('quince',))
    with pytest.raises(KeyError, match='8'):
        CocoPanopticDataset(**{k: v for k, v in dataset.items() if k != 'type'})
    (error,) = scan(dataset)
    assert 'categories that are not classes: meadow (8)' in error


def test_a_category_without_segments_may_be_left_out(tmp_path):
    assert not scan(describe(tmp_path, ('quince', 'meadow')))
