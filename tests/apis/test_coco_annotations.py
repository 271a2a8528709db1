"""Broken annotation files are named, with entry and reason."""

import json

import pytest

from mmgroupmix.apis.config.coco_annotations import load_coco
from mmgroupmix.errors import UserError

from .coco_files import (
    EVALUATION,
    INF,
    NAN,
    SQUARE,
    check,
    polygon,
    runs,
    valid_coco,
)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'text, reason',
    [
        ('', 'not a complete JSON file'),
        ('hello', 'not a complete JSON file'),
        (json.dumps(valid_coco())[:200], 'not a complete JSON file'),
        ('\ufeff{}', 'BOM'),
        ('[' * 100_000, 'recursion'),
        ('null', 'is null; expected an object'),
        ('[]', r'is \[\]; expected an object'),
        ('{"categories": []}', 'has no images'),
        ('{"images": []}', 'has no categories'),
        ('{"images": null, "categories": []}', 'images is null; expected a list'),
        ('{"images": [], "categories": {}}', 'categories is {}; expected a list'),
        (
            '{"images": [], "categories": [], "annotations": "abc"}',
            'annotations is "abc"; expected a list',
        ),
    ],
)
def test_a_file_that_is_not_a_coco_file_is_named(text, reason, tmp_path):
    with pytest.raises(UserError, match=f'train.json: .*{reason}'):
        check(tmp_path, text)


@pytest.mark.smoke
def test_a_folder_or_another_encoding_is_named(tmp_path):
    with pytest.raises(UserError, match='directory'):
        load_coco(str(tmp_path))
    (tmp_path / 'latin.json').write_bytes(b'{"images": "\xe9"}')
    with pytest.raises(UserError, match='latin.json: byte 12 is not UTF-8'):
        load_coco(str(tmp_path / 'latin.json'))


BROKEN_ANNOTATIONS = [
    (dict(bbox=[1, 2, 30]), 'bbox is [1, 2, 30]; expected four finite numbers'),
    (dict(bbox=['1', '2', '3', '4']), 'expected four finite numbers'),
    (dict(bbox=None), 'bbox is null'),
    (dict(bbox=[NAN, 2, 30, 30]), 'bbox is [NaN, 2, 30, 30]'),
    (dict(bbox=[0, 2, INF, 30]), 'bbox is [0, 2, Infinity, 30]'),
    (dict(bbox=[0, 0, 1e300, 1e300]), 'expected at most 1000000 pixels'),
    (dict(area='900'), 'area is "900"'),
    (dict(area=NAN), 'area is NaN'),
    (dict(iscrowd='0'), 'iscrowd is "0"; expected 0 or 1'),
    (dict(id=3), 'an annotation before it has the same id'),
    (dict(image_id=[7]), 'image_id is [7]'),
    (dict(category_id={}), 'category_id is {}'),
    (dict(segmentation=[]), 'segmentation is []; expected polygons'),
    (dict(segmentation='abc'), 'segmentation is "abc"'),
    (dict(segmentation=SQUARE), 'segmentation[0] is 10; expected a list'),
    (dict(segmentation=[[SQUARE]]), 'segmentation[0][0] is [10, 10, 40'),
    (dict(segmentation=[SQUARE, None]), 'segmentation[1] is null'),
    (polygon(NAN), 'segmentation[0][7] is NaN; expected finite pixels'),
    (polygon(-INF), 'segmentation[0][7] is -Infinity; expected finite pixels'),
    (polygon(1e12), 'segmentation[0][7] is 1e+12; expected at most 1000000'),
    (polygon(10**400), 'expected finite pixels'),
    (polygon('40'), 'segmentation[0][7] is "40"; expected a number'),
    (polygon(None), 'segmentation[0][7] is null; expected a number'),
    (dict(segmentation=[[0, 0, 10**6, 10**6] * 50]), 'pixels long'),
    (runs(None), 'segmentation has no counts'),
    (runs(5), 'counts is 5'),
    (runs([0, 10]), 'counts covers 10 pixels; expected 5120'),
    (runs([]), 'counts covers 0 pixels'),
    (runs([0, -10, 5130]), 'counts[1] is -10'),
    (runs([0.5, 5119.5]), 'counts[0] is 0.5'),
    (runs([NAN]), 'counts[0] is NaN'),
    (runs([0, 2**32, 5120]), 'counts covers 4294972416 pixels'),
    (runs('hello'), 'counts is "hello"; expected compressed run lengths'),
    (runs(''), 'counts is ""'),
    (runs('oooooooooooooooooo'), 'expected compressed run lengths'),
    (runs([0, 5120], size=(80, 64)), 'size is [80, 64]; expected [64, 80]'),
    (runs([0, 10**10], size=(10**5, 10**5)), 'expected [64, 80]'),
    (runs([0, 5120], size=('64', '80')), 'size is ["64", "80"]'),
    (runs([0, 5120], size=(64,)), 'size is [64]'),
]


@pytest.mark.smoke
@pytest.mark.parametrize('change, reason', BROKEN_ANNOTATIONS)
def test_a_broken_annotation_is_named_with_file_and_reason(change, reason, tmp_path):
    content = valid_coco()
    # After the other two of its image, so that ids can repeat.
    content['annotations'].append(dict(content['annotations'][0], id=5) | change)
    with pytest.raises(UserError) as raised:
        check(tmp_path, content)
    message = str(raised.value)
    assert message.startswith(f'{tmp_path}/train.json: annotations[3] (id ')
    assert reason in message
    assert '\n' not in message and len(message) < 500


@pytest.mark.smoke
@pytest.mark.parametrize('part', ['images', 'annotations', 'categories'])
@pytest.mark.parametrize('entry', [None, [1], 'x'])
def test_an_entry_that_is_not_an_object_is_named(part, entry, tmp_path):
    content = valid_coco()
    content[part].append(entry)
    place = f'{part}[{len(content[part]) - 1}] is {json.dumps(entry)}; expected an object'
    with pytest.raises(UserError) as raised:
        check(tmp_path, content)
    assert place in str(raised.value)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'part, key',
    [
        *(('images', key) for key in ('id', 'file_name', 'width', 'height')),
        *(('annotations', key) for key in ('id', 'image_id', 'category_id')),
        *(('annotations', key) for key in ('bbox', 'area', 'segmentation')),
        *(('categories', key) for key in ('id', 'name')),
    ],
)
def test_a_missing_key_is_named(part, key, tmp_path):
    content = valid_coco()
    del content[part][1][key]
    with pytest.raises(UserError, match=rf'{part}\[1\].* has no {key}'):
        check(tmp_path, content)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'part, change, reason',
    [
        ('images', dict(id=7), 'a.png has the same id'),
        ('images', dict(width='80'), 'width is "80"'),
        ('images', dict(height=NAN), 'height is NaN'),
        ('images', dict(height=1e12), 'at most 1000000'),
        ('images', dict(file_name=None), 'file_name is null'),
        ('categories', dict(id=1), '"person" has the same id'),
        ('categories', dict(name=None), 'name is null'),
    ],
)
def test_a_broken_image_or_category_is_named(part, change, reason, tmp_path):
    content = valid_coco()
    content[part][1].update(change)
    with pytest.raises(UserError) as raised:
        check(tmp_path, content)
    assert f'train.json: {part}[1]' in str(raised.value)
    assert reason in str(raised.value)


@pytest.mark.smoke
def test_further_broken_entries_are_counted(tmp_path):
    content = valid_coco()
    content['annotations'][0]['segmentation'][0][5] = NAN
    content['annotations'][1]['segmentation']['counts'] = 'ZZ'
    content['annotations'][2]['bbox'] = None
    with pytest.raises(UserError, match=r'annotations\[0\].*2 more entries are broken'):
        check(tmp_path, content)


@pytest.mark.smoke
def test_an_id_that_pycocotools_cannot_match_is_said(tmp_path):
    content = valid_coco()
    content['annotations'][0]['id'] = 0
    assert check(tmp_path, content) == []
    (warning,) = check(tmp_path, content, EVALUATION)
    assert 'annotations[0] (id 0' in warning and 'Number annotations from 1' in warning
