"""Entries of COCO JSON that tools write in another way than mmdet reads them."""

import codecs
import json

import pytest
from PIL import Image

from mmgroupmix.apis.config.coco_annotations import load_coco
from mmgroupmix.apis.own_data.coco_completion import complete
from mmgroupmix.errors import UserError

from .folders import CLASSES, COLOURS, list_contents, write_coco, write_json
from .preparing import DETECTOR, SEGMENTOR, build_dataset, prepare

pytestmark = pytest.mark.smoke

SQUARE = [1, 2, 5, 2, 5, 6, 1, 6]
COMPLETE = dict(segmentation=[SQUARE], bbox=[1, 2, 4, 4], area=16, iscrowd=0)


@pytest.mark.parametrize(
    'change',
    [
        {},
        dict(segmentation=SQUARE),
        dict(segmentation=[[[1, 2], [5, 2], [5, 6], [1, 6]]]),
        dict(bbox=None, area=None, iscrowd=None),
        dict(bbox=[], iscrowd='0'),
        dict(iscrowd='False'),
    ],
)
def test_an_annotation_becomes_one_as_pycocotools_expects(change):
    assert complete(COMPLETE | change) == COMPLETE


@pytest.mark.parametrize(
    'entry',
    [
        COMPLETE | dict(iscrowd=1),
        COMPLETE | dict(iscrowd='yes'),
        COMPLETE | dict(segmentation=dict(counts='abc', size=[9, 9])),
        COMPLETE | dict(segmentation=[SQUARE, ['x']]),
    ],
)
def test_what_is_right_or_cannot_be_meant_stays(entry):
    assert complete(dict(entry)) == entry


def test_a_split_whose_outlines_are_lists_of_numbers_is_written_anew(tmp_path):
    for seed, split in enumerate(('train', 'val')):
        file = tmp_path / 'data' / f'{split}.json'
        content = write_coco(tmp_path / 'data' / split, file, seed=seed)
        for entry in content['annotations']:
            (entry['segmentation'],) = entry['segmentation']
        write_json(file, content)
    cfg, _ = prepare('mask_rcnn_poolformer_s12_coco', tmp_path / 'data', tmp_path / 'run')
    info = build_dataset(cfg, 'train').get_data_info(0)
    assert [x['mask'] for x in info['instances']] == [
        [outline['segmentation']]
        for outline in content_of(tmp_path / 'data' / 'train.json', info['img_id'])
    ]
    cfg, _ = prepare(SEGMENTOR, tmp_path / 'data', tmp_path / 'maps')
    dataset = build_dataset(cfg, 'train')
    sample = dataset.pipeline.transforms[1](dataset.get_data_info(0))
    image = Image.open(sample['img_path'])
    for label, colour in enumerate(COLOURS, 1):
        y, x = (int(part.mean()) for part in (sample['gt_seg_map'] == label).nonzero())
        assert image.getpixel((x, y)) == tuple(colour)


def content_of(path, image_id):
    entries = json.loads(path.read_text())['annotations']
    return [entry for entry in entries if entry['image_id'] == image_id]


def test_boxes_in_a_file_of_keypoints_alone_are_found(tmp_path):
    write_coco(tmp_path / 'data', tmp_path / 'data' / 'person_keypoints_default.json')
    cfg, _ = prepare(DETECTOR, tmp_path / 'data', tmp_path / 'run')
    assert build_dataset(cfg, 'train').metainfo['classes'] == CLASSES


def test_a_file_with_a_byte_order_mark_is_read_and_stays(tmp_path):
    from mmdet.datasets import CocoDataset

    write_coco(tmp_path / 'data', tmp_path / 'data' / 'train.json')
    file = tmp_path / 'data' / 'train.json'
    file.write_bytes(codecs.BOM_UTF8 + file.read_bytes())
    with pytest.raises(ValueError, match='BOM'):
        CocoDataset(ann_file=str(file))
    with pytest.raises(UserError, match='begins with a byte order mark'):
        load_coco(str(file))
    (file.parent / 'val.json').write_bytes(file.read_bytes())
    before = list_contents(tmp_path / 'data')
    cfg, _ = prepare(DETECTOR, tmp_path / 'data', tmp_path / 'run')
    assert len(build_dataset(cfg, 'train')) == len(build_dataset(cfg, 'val')) == 6
    assert list_contents(tmp_path / 'data') == before
