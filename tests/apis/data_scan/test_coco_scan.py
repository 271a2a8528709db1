"""Files in COCO's format: names, counts and sizes, before a run."""

import json

import pytest
from mmengine.config import Config
from PIL import Image

from mmgroupmix.apis.config.class_names import find_name_errors
from mmgroupmix.apis.config.mistakes import MistakeReport
from mmgroupmix.apis.data_scan import format_scan, scan_data, write_scan
from mmgroupmix.apis.tasks import DETECTION

pytestmark = pytest.mark.smoke

CATEGORIES = [(4, 'quince'), (7, 'medlar'), (2, 'plum')]
ALL = {2, 4, 7}


def coco(num=2, size=(48, 64), **changes):
    """A box of each category in each image."""
    content = dict(
        images=[
            dict(id=i, file_name=f'{i}.jpg', height=size[0], width=size[1])
            for i in range(num)
        ],
        categories=[dict(id=number, name=name) for number, name in CATEGORIES],
        annotations=[
            dict(
                id=3 * i + j,
                image_id=i,
                category_id=number,
                bbox=[10 * j, 5, 20, 30],
                area=600,
                iscrowd=0,
            )
            for i in range(num)
            for j, (number, _) in enumerate(CATEGORIES)
        ],
    )
    return content | changes


def write(folder, name, content, orientation=1):
    (folder / name).mkdir(exist_ok=True)
    for image in content['images']:
        exif = Image.Exif()
        exif[274] = orientation
        # The sizes in the file are those of the stored pixels.
        picture = Image.new('RGB', (64, 48))
        picture.save(folder / name / image['file_name'], exif=exif)
    (folder / f'{name}.json').write_text(json.dumps(content))


def scan(
    folder, classes=('plum', 'quince', 'medlar'), evaluator=None, dataset=(), **options
):
    """Scan train.json and val.json, as far as they are there."""
    cfg, extra = dict(default_scope='mmdet', model={}), dict(dataset)
    loaders = []
    for mode in ('train', 'val'):
        if not (folder / f'{mode}.json').exists():
            continue
        loaders.append(f'{mode}_dataloader')
        dataset = dict(
            type='CocoDataset',
            data_root=f'{folder}/',
            ann_file=f'{mode}.json',
            data_prefix=dict(img=f'{mode}/'),
            metainfo=dict(classes=classes),
            test_mode=mode == 'val',
            pipeline=[dict(type='LoadImageFromFile', **options)],
            **extra,
        )
        cfg[loaders[-1]] = dict(dataset=dict(type='RepeatDataset', dataset=dataset))
    if evaluator:
        cfg['val_evaluator'] = dict(type='CocoMetric', ann_file=str(folder / evaluator))
    report = MistakeReport()
    rows = scan_data(Config(cfg), loaders, report, task=DETECTION)
    return rows, report


def test_boxes_are_counted_by_name_as_the_toolbox_reads_them(tmp_path):
    content = coco()
    base = content['annotations'][0]
    content['annotations'] += [
        dict(base, id=90, iscrowd=1),
        dict(base, id=91, bbox=[5, 5, 0, 9]),
        dict(base, id=92, bbox=[100, 5, 9, 9]),
    ]
    write(tmp_path, 'train', content)
    (row,), report = scan(tmp_path)
    assert row.classes == dict(plum=2, quince=2, medlar=2)
    assert (row.images, row.unit, row.loader) == (2, 'boxes', 'train')
    assert row.ignored == 1 / 7
    assert not report.errors
    assert '2 of 9 boxes have no area or lie outside' in report.warnings[0]
    write_scan([row], tmp_path / 'run' / 'data_scan.json')
    (entry,) = json.loads((tmp_path / 'run' / 'data_scan.json').read_text())
    assert entry['classes'] == row.classes and entry['warnings'] == report.warnings
    assert 'boxes: plum 2, quince 2, medlar 2' in format_scan([row])


def test_a_class_that_never_occurs_and_one_that_is_alone_are_said(tmp_path):
    content = coco(num=1)
    content['annotations'] = [
        dict(content['annotations'][0], id=i, category_id=4 if i else 7)
        for i in range(1500)
    ]
    write(tmp_path, 'train', content)
    _, report = scan(tmp_path)
    assert not report.errors
    assert 'no boxes of plum: nothing is learned of it' in report.warnings[0]
    assert '99.93 % of the boxes are quince' in report.warnings[1]


def test_a_file_without_annotations_has_nothing_to_compare_with(tmp_path):
    content = coco()
    del content['annotations']
    write(tmp_path, 'val', content)
    _, report = scan(tmp_path)
    assert not report.errors
    assert 'there is nothing to compare with' in report.warnings[0]


@pytest.mark.parametrize(
    'classes', [('plum', 'quince', 'medlr'), ('Plum', 'quince', 'medlar')]
)
def test_a_misspelt_name_is_shown_beside_the_one_that_was_meant(classes, tmp_path):
    write(tmp_path, 'train', coco())
    write(tmp_path, 'val', coco())
    rows, report = scan(tmp_path, classes, 'val.json')
    (error,) = report.errors
    assert rows == []
    for part in (
        'train.json',
        'val_dataloader.dataset',
        'val_evaluator',
        '1 of 3 classes',
    ):
        assert part in error
    wrong = next(name for name in classes if name not in ('plum', 'quince', 'medlar'))
    meant = 'medlar' if wrong == 'medlr' else 'plum'
    lines = [line.split() for line in error.splitlines()]
    assert [wrong, meant, '(did', 'you', 'mean', 'this?)'] in lines
    assert ['quince', 'quince'] in lines
    assert '--skip-check class-names' in error


def test_a_box_of_a_turned_photo_is_in_the_wrong_place(tmp_path):
    write(tmp_path, 'train', coco(), orientation=6)
    _, report = scan(tmp_path)
    (error,) = report.errors
    assert '0.jpg has 48 x 64 pixels, turned by its EXIF orientation' in error
    assert 'annotations are for 64 x 48 (1 more like it)' in error
    assert '--skip-check image-size' in error
    # A pipeline that reads the pixels as they are stored is right.
    _, report = scan(tmp_path, color_type='color_ignore_orientation')
    assert not report.errors and not report.warnings


def test_other_sizes_are_an_error_if_boxes_do_not_fit_and_else_a_word(tmp_path):
    write(tmp_path, 'train', coco(size=(480, 640)))
    _, report = scan(tmp_path)
    assert not report.errors
    assert 'Check that boxes are where the objects are' in report.warnings[0]
    content = coco(size=(480, 640))
    content['annotations'][0]['bbox'] = [300, 200, 50, 50]
    write(tmp_path, 'train', content)
    _, report = scan(tmp_path)
    assert (
        '0.jpg has 64 x 48 pixels, and its annotations are for 640 x 480'
        in (report.errors[0])
    )
    assert 'EXIF' not in report.errors[0] and 'exif' not in report.errors[0]


def test_a_missing_image_is_named_before_the_run(tmp_path):
    write(tmp_path, 'train', coco())
    (tmp_path / 'train' / '1.jpg').unlink()
    _, report = scan(tmp_path)
    assert 'train/1.jpg' in report.errors[0] and 'does not exist' in report.errors[0]


def test_corners_in_place_of_sizes_are_noticed(tmp_path):
    boxes = [[10, 5, 30, 20], [40, 10, 60, 40], [5, 5, 9, 9]]
    content = coco()
    for entry, box in zip(content['annotations'], 2 * boxes):
        entry['bbox'] = box
    write(tmp_path, 'train', content)
    _, report = scan(tmp_path)
    (warning,) = report.warnings
    assert '2 boxes reach beyond their image' in warning and 'x1, y1, x2, y2' in warning
    # One box that cannot have such corners, and they are sizes.
    content['annotations'][0]['bbox'] = [20, 20, 10, 10]
    write(tmp_path, 'train', content)
    assert not scan(tmp_path)[1].warnings


def test_an_image_that_is_listed_twice_is_noticed(tmp_path):
    content = coco()
    content['images'][1]['file_name'] = '0.jpg'
    write(tmp_path, 'train', content)
    (warning,) = scan(tmp_path)[1].warnings
    assert '1 images are listed more than once, such as 0.jpg' in warning


def test_the_file_of_a_metric_has_the_images_of_its_dataset(tmp_path):
    write(tmp_path, 'val', coco())
    other = coco()
    other['images'][1]['file_name'] = 'other.jpg'
    (tmp_path / 'other.json').write_text(json.dumps(other))
    _, report = scan(tmp_path, evaluator='other.json')
    assert 'id 1 is other.jpg there, and 1.jpg in' in report.errors[0]
    (tmp_path / 'other.json').write_text(json.dumps(coco(num=1)))
    _, report = scan(tmp_path, evaluator='other.json')
    assert 'lacks 1 of 2 images of val_dataloader, such as 1.jpg' in report.errors[0]
    (tmp_path / 'other.json').write_text(json.dumps(coco(num=3)))
    _, report = scan(tmp_path, evaluator='other.json')
    assert not report.errors
    assert 'objects of the others count as missed' in report.warnings[-1]
    _, report = scan(tmp_path, evaluator='absent.json')
    assert 'val_evaluator.ann_file' in report.errors[0]
    assert 'absent.json: cannot be read' in report.errors[0]


@pytest.mark.parametrize(
    'classes, annotated, error, note',
    [
        (['plum', 'quince', 'medlar'], ALL, None, None),
        (['plum'], ALL, None, 'boxes of quince, medlar are left out'),
        (['plum', 'quince', 'medlar', 'sloe'], ALL, None, 'no category sloe'),
        (['sloe', 'quince', 'medlar'], ALL, '1 of 3 classes', None),
        # Nothing has the name that is left over: a root category of an export.
        (['sloe', 'quince', 'medlar'], {4, 7}, None, 'no category sloe'),
        (['plum', 'plum'], ALL, 'plum more than once', None),
    ],
)
def test_names_are_refused_only_if_boxes_would_be_wrong(classes, annotated, error, note):
    found = find_name_errors(classes, CATEGORIES, annotated)
    for text, expected in zip(found, (error, note)):
        assert (text is None) == (expected is None)
        assert expected is None or expected in text


def test_a_name_with_two_categories_is_refused_if_both_have_boxes():
    double = [*CATEGORIES, (0, 'plum')]
    error, note = find_name_errors(['plum'], double, ALL)
    assert error is None and 'several categories, 2 and 0' in note
    error, _ = find_name_errors(['plum'], double, {*ALL, 0})
    assert 'several categories, 2 and 0' in error


def test_an_image_that_the_dataset_leaves_out_may_be_missing(tmp_path):
    content = coco(num=3)
    content['annotations'] = content['annotations'][:6]  # of the first two images
    write(tmp_path, 'train', content)
    (tmp_path / 'train' / '2.jpg').unlink()
    assert 'does not exist' in scan(tmp_path)[1].errors[0]
    filters = dict(filter_empty_gt=True)
    assert not scan(tmp_path, dataset=dict(filter_cfg=filters))[1].errors
    # A test reads every image.
    (tmp_path / 'train.json').rename(tmp_path / 'val.json')
    (tmp_path / 'train').rename(tmp_path / 'val')
    assert scan(tmp_path, dataset=dict(filter_cfg=filters))[1].errors


def test_local_files_are_checked_whatever_reads_them(tmp_path):
    write(tmp_path, 'train', coco())
    for backend, errors in (('local', 1), ('petrel', 0)):
        dataset = dict(backend_args=dict(backend=backend))
        _, report = scan(tmp_path, ('plum', 'quince', 'medlr'), dataset=dataset)
        assert len([e for e in report.errors if 'medlr' in e]) == errors


def test_a_name_that_is_a_number_is_the_same_as_its_text(tmp_path):
    content = coco(categories=[dict(id=i, name=i + 10) for i in (4, 7, 2)])
    write(tmp_path, 'train', content)
    (row,), report = scan(tmp_path, ('12', '17', '14'))
    assert row.classes == {'12': 2, '17': 2, '14': 2} and not report.errors


@pytest.mark.parametrize('name', ['plum ', '\ufeffplum'])
def test_names_that_look_the_same_are_shown_as_escapes(name):
    error, _ = find_name_errors([name, 'fig'], [(1, 'plum'), (2, 'fig')], {1, 2})
    assert ascii(name) in error and "'plum'   (did you mean this?)" in error


def test_objects_without_a_list_of_categories_may_lack_classes():
    found = [(name, name) for name in ('dog', 'unicorn')]
    for classes, refused in ((['dog', 'horse'], False), (['horse'], True)):
        error, _ = find_name_errors(classes, found, {'dog', 'unicorn'}, is_listed=False)
        assert bool(error) == refused
    assert find_name_errors(['dogs', 'unicorn'], found, {'dog'}, is_listed=False)[0]
