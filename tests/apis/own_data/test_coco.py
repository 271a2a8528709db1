"""COCO JSON of labelling tools: every box keeps its own name, as mmdet reads the config.

The truth is in the images: each class has its colour.
"""

import json
import unicodedata

import numpy as np
import pytest
from PIL import Image

from mmgroupmix.errors import UserError

from .folders import (
    CATEGORIES,
    CLASSES,
    COLOURS,
    list_contents,
    write_coco,
    write_json,
)
from .preparing import DETECTOR, SEGMENTOR, build_dataset, prepare

pytestmark = pytest.mark.smoke


def write_roboflow(root):
    for seed, split in enumerate(('train', 'valid', 'test')):
        path = root / split / '_annotations.coco.json'
        content = write_coco(path.parent, path, num=4, seed=seed)
        # The root category has the name of the project, or of a class.
        content['categories'] = [
            dict(id=0, name='fruit', supercategory='none'),
            *(dict(c, supercategory='fruit') for c in CATEGORIES),
        ]
        write_json(path, content)


def write_name_twice(root):
    write_roboflow(root)
    for path in root.rglob('*.json'):
        content = json.loads(path.read_text())
        content['categories'][0]['name'] = 'pear'
        write_json(path, content)


def write_cvat(root):
    write_coco(root / 'images', root / 'annotations' / 'instances_default.json')


def write_cvat_splits(root):
    for seed, split in enumerate(('Train', 'Validation')):
        file = root / 'annotations' / f'instances_{split}.json'
        write_coco(root / 'images' / split, file, seed=seed)


def write_label_studio(root):
    content = write_coco(root / 'images', root / 'result.json', name='Grüße {}.PNG')
    for image in content['images']:
        # From another machine, in another form of accents, with the hash of an upload.
        name = unicodedata.normalize('NFD', image['file_name'])
        image['file_name'] = f'/label-studio/data/media/upload/7/0a1b2c3d-{name}'
        image['id'] -= 1
    for annotation in content['annotations']:
        annotation['image_id'] -= 1
        annotation['category_id'] -= 1
        del annotation['iscrowd'], annotation['area']
    content['categories'] = [dict(c, id=c['id'] - 1) for c in CATEGORIES]
    write_json(root / 'result.json', content)


def write_labelme(root):
    content = write_coco(root / 'JPEGImages', root / 'annotations.json')
    background = dict(id=0, name='_background_', supercategory=None)
    content['categories'].insert(0, background)
    for image in content['images']:
        image['file_name'] = f'JPEGImages/{image["file_name"]}'
    write_json(root / 'annotations.json', content)


def write_other_order(root):
    write_coco(root / 'train', root / 'train.json')
    content = write_coco(root / 'val', root / 'val.json', seed=1)
    names = [c['name'] for c in CATEGORIES]
    other = {1: 9, 2: 4, 3: 5}
    for annotation in content['annotations']:
        annotation['category_id'] = other[annotation['category_id']]
    content['categories'] = [
        dict(id=other[i], name=name) for i, name in reversed([*enumerate(names, 1)])
    ]
    write_json(root / 'val.json', content)


def write_via(root):
    """As the VGG Image Annotator: ids are numbers in one place and texts in another."""
    content = write_coco(root, root / 'via_project_coco.json')
    for annotation in content['annotations']:
        annotation['image_id'] = str(annotation['image_id'])
        annotation['category_id'] = str(annotation['category_id'])
    write_json(root / 'via_project_coco.json', content)


def write_datumaro(root):
    """Labels of whole images beside the objects, and an entry that is null."""
    for seed, split in enumerate(('train', 'val')):
        file = root / 'annotations' / f'instances_{split}.json'
        content = write_coco(root / 'images' / split, file, seed=seed)
        write_json(file, dict(content, images=[*content['images'], None]))
        content['annotations'] = [dict(id=1, image_id=1, category_id=1)]
        write_json(root / 'annotations' / f'labels_{split}.json', content)


def write_bare(root):
    """Outlines alone: no boxes, areas or sizes."""
    content = write_coco(root / 'photos', root / 'labels.json')
    for annotation in content['annotations']:
        del annotation['bbox'], annotation['area'], annotation['id']
    for image in content['images']:
        del image['width'], image['height']
    write_json(root / 'labels.json', content)


def write_equal_names(root):
    for folder in 'ab':
        content = write_coco(root / 'photos' / folder, root / 'x.json', seed=ord(folder))
        for image in content['images']:
            image['file_name'] = f'C:\\me\\{folder}\\{image["file_name"]}'
        write_json(root / f'{"train" if folder == "a" else "val"}.json', content)
    (root / 'x.json').unlink()


@pytest.mark.parametrize(
    'write',
    [
        write_roboflow,
        write_name_twice,
        write_cvat,
        write_cvat_splits,
        write_label_studio,
        write_labelme,
        write_other_order,
        write_via,
        write_datumaro,
        write_bare,
        write_equal_names,
    ],
)
def test_every_box_has_the_name_of_its_object(write, tmp_path):
    write(tmp_path / 'data')
    before = list_contents(tmp_path / 'data')
    cfg, _ = prepare(DETECTOR, tmp_path / 'data', tmp_path / 'run')
    seen = {}
    for split in ('train', 'val', 'test'):
        dataset = build_dataset(cfg, split)
        names = dataset.metainfo['classes']
        for i in range(len(dataset)):
            info = dataset.get_data_info(i)
            seen.setdefault(info['img_path'], set()).add(split)
            pixels = np.asarray(Image.open(info['img_path']))
            assert len(info['instances']) == len(CLASSES)
            for instance in info['instances']:
                x1, y1, x2, y2 = map(int, instance['bbox'])
                colour = pixels[(y1 + y2) // 2, (x1 + x2) // 2]
                truth = CLASSES[int((colour == COLOURS).all(1).argmax())]
                assert names[instance['bbox_label']] == truth
        assert sorted(names) == sorted(CLASSES)
    images = [path for path in before if path.suffix != '.json']
    assert set(seen) == set(map(str, images))
    assert not [path for path, splits in seen.items() if {'train', 'val'} <= splits]
    assert cfg.model.bbox_head.num_classes == len(CLASSES)
    assert list_contents(tmp_path / 'data') == before


def test_the_evaluator_reads_the_file_of_its_split(tmp_path):
    write_roboflow(tmp_path / 'data')
    cfg, _ = prepare(DETECTOR, tmp_path / 'data', tmp_path / 'run')
    for split, folder in (('val', 'valid'), ('test', 'test')):
        path = tmp_path / 'data' / folder / '_annotations.coco.json'
        assert cfg[f'{split}_evaluator'].ann_file == str(path)
    content = json.loads(path.read_text())
    content['annotations'][0]['id'] = 0  # which pycocotools cannot match
    write_json(path, content)
    cfg, _ = prepare(DETECTOR, tmp_path / 'data', tmp_path / 'again')
    path = tmp_path / cfg.test_evaluator.ann_file
    written = json.loads(path.read_text())['annotations']
    assert [entry['id'] for entry in written] == list(range(1, len(written) + 1))
    assert [x['bbox'] for x in written] == [x['bbox'] for x in content['annotations']]


def test_outlines_become_label_maps_for_a_segmentor(tmp_path):
    write_cvat(tmp_path / 'data')
    cfg, _ = prepare(SEGMENTOR, tmp_path / 'data', tmp_path / 'run')
    dataset = build_dataset(cfg, 'train')
    assert dataset.metainfo['classes'] == ('background', *CLASSES)
    load = dataset.pipeline.transforms[1]
    for i in range(2):
        sample = load(dataset.get_data_info(i))
        pixels = np.asarray(Image.open(sample['img_path']))
        for label, colour in enumerate(COLOURS, 1):
            drawn = (pixels == colour).all(-1)
            assert ((sample['gt_seg_map'] == label) == drawn).all()


def test_what_belongs_to_nothing_is_left_out_and_named(tmp_path):
    path = tmp_path / 'data' / 'a.json'
    content = write_coco(tmp_path / 'data' / 'images', path)
    (tmp_path / 'data' / 'images' / '3.png').unlink()
    first = content['annotations'][0]
    content['annotations'] += [dict(first, id=99, image_id=77)]
    content['annotations'] += [dict(first, id=98, category_id=44)]
    write_json(path, content)
    cfg, report = prepare(DETECTOR, tmp_path / 'data', tmp_path / 'run')
    report = ' '.join(report.split())
    assert '1 of its images are missing and left out (3.png)' in report
    assert 'image_id 77' in report
    assert '1 annotations have a category_id that it does not list' in report
    read = [build_dataset(cfg, split) for split in ('train', 'val')]
    assert sum(map(len, read)) == 5


def remove_masks(content):
    for annotation in content['annotations']:
        annotation['segmentation'] = []


@pytest.mark.parametrize(
    'config, change, named',
    [
        ('mask_rcnn_poolformer_s12_coco', remove_masks, 'has boxes only'),
        (DETECTOR, lambda content: content['categories'].clear(), 'has no categories'),
        (
            DETECTOR,
            lambda content: content['categories'].append(dict(id=7, name='Plum')),
            "'plum' and 'Plum'",
        ),
        (
            DETECTOR,
            lambda content: [x.update(file_name='no.png') for x in content['images']],
            'none of the 6 images of a.json',
        ),
        (SEGMENTOR, remove_masks, 'configs/retinanet_poolformer_s12_coco.py'),
        ('poolformer_s12_in1k', lambda _: None, 'Found instead: COCO JSON'),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(config, change, named, tmp_path):
    content = write_coco(tmp_path / 'data', tmp_path / 'data' / 'a.json')
    change(content)
    write_json(tmp_path / 'data' / 'a.json', content)
    with pytest.raises(UserError) as error:
        prepare(config, tmp_path / 'data', tmp_path / 'run')
    assert named in str(error.value)
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('text', ['{"images": [', 'Grüße'.encode('latin-1')])
def test_a_file_that_cannot_be_read_is_not_passed_over(text, tmp_path):
    write_coco(tmp_path / 'train', tmp_path / 'train.json')
    path = tmp_path / 'val.json'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=r'val\.json'):
        prepare(DETECTOR, tmp_path, tmp_path / 'run')


def test_of_several_files_the_user_chooses_one(tmp_path):
    for name in 'ab':
        write_coco(tmp_path / name, tmp_path / f'{name}.json', seed=ord(name))
    with pytest.raises(UserError, match=r'a\.json, b\.json'):
        prepare(DETECTOR, tmp_path, tmp_path / 'run')
    cfg, report = prepare(DETECTOR, tmp_path / 'b.json', tmp_path / 'run')
    dataset = build_dataset(cfg, 'train')
    assert dataset.get_data_info(0)['img_path'].startswith(str(tmp_path / 'b'))
    assert '6 images are not in the JSON' in report


@pytest.mark.parametrize('name', ['val', 'instances_test'])
def test_the_only_file_is_divided_whatever_its_name(name, tmp_path):
    write_coco(tmp_path / 'data' / 'images', tmp_path / 'data' / f'{name}.json', num=6)
    cfg, report = prepare(DETECTOR, tmp_path / 'data', tmp_path / 'run')
    assert len(build_dataset(cfg, 'train')) == 5
    assert len(build_dataset(cfg, 'val')) == 1
    assert '1 of 6 images for validation' in report


def test_an_earlier_run_in_the_folder_is_not_part_of_the_data(tmp_path):
    data = tmp_path / 'data'
    write_coco(data / 'images', data / 'result.json', num=6)
    for run in ('run', 'again'):
        cfg, _ = prepare(DETECTOR, data, data / run)
        assert len(build_dataset(cfg, 'train')) == 5


def test_the_folder_of_the_data_is_not_taken_for_the_outputs(tmp_path):
    write_coco(tmp_path / 'data', tmp_path / 'data' / 'result.json')
    before = list_contents(tmp_path)
    with pytest.raises(UserError, match='Give another --work-dir'):
        prepare(DETECTOR, tmp_path / 'data', tmp_path / 'data')
    assert list_contents(tmp_path) == before
