"""Label maps, class folders and XML files: what is in them, before a run."""

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmgroupmix.apis.config.mistakes import MistakeReport
from mmgroupmix.apis.data_scan import describe_score, scan_data
from mmgroupmix.apis.data_scan.images import iter_sample
from mmgroupmix.apis.data_scan.labels import find_allowed_labels
from mmgroupmix.apis.tasks import CLASSIFICATION, DETECTION, SEGMENTATION

SIGMOID = dict(type='CrossEntropyLoss', use_sigmoid=True)


def scan(task, *datasets, model=None):
    """Scan datasets as the training and validation data of a config."""
    modes = ('train_dataloader', 'val_dataloader')[: len(datasets)]
    loaders = {mode: dict(dataset=dataset) for mode, dataset in zip(modes, datasets)}
    cfg = Config(dict(default_scope=task.toolbox, model=model or {}, **loaders))
    report = MistakeReport()
    rows = scan_data(cfg, modes, report, task=task)
    return rows, report


def label_maps(folder, *maps, size=(8, 6), suffix='.jpg'):
    """Write images and label maps; return the config of their dataset."""
    for name in ('images', 'labels'):
        (folder / name).mkdir(exist_ok=True)
    for i, labels in enumerate(maps):
        Image.new('RGB', size).save(folder / 'images' / f'{i}{suffix}')
        Image.fromarray(np.asarray(labels, np.uint8)).save(folder / 'labels' / f'{i}.png')
    return dict(
        type='BaseSegDataset',
        data_root=str(folder),
        metainfo=dict(classes=('soil', 'plant')),
        data_prefix=dict(img_path='images', seg_map_path='labels'),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')],
    )


def grid(*rows):
    """A label map of 6 x 8 pixels whose columns repeat a few labels."""
    return np.tile(np.array(rows, np.uint8), (6, 8 // len(rows)))


def head(**options):
    return dict(decode_head=dict(type='FCNHead', num_classes=2, **options))


def test_pixels_are_counted_by_class_with_the_ignored_share(tmp_path):
    data = label_maps(tmp_path, grid(0, 1), grid(0, 255, 0, 1))
    (row,), report = scan(SEGMENTATION, data, model=head())
    assert row.classes == dict(soil=48, plant=36)
    assert row.ignored == 12 / 96
    assert (row.images, row.scanned, row.unit) == (2, 2, 'pixels')
    assert not report.errors and not report.warnings


def test_the_labels_are_those_that_the_loading_step_returns(tmp_path):
    data = label_maps(tmp_path, grid(1, 2, 0, 2))
    data['reduce_zero_label'] = True
    data['pipeline'][1]['reduce_zero_label'] = True
    (row,), _ = scan(SEGMENTATION, data, model=head())
    assert row.classes == dict(soil=12, plant=24) and row.ignored == 1 / 4


def test_a_label_without_a_class_is_named_with_its_file(tmp_path):
    data = label_maps(tmp_path, grid(0, 1), grid(0, 7))
    _, report = scan(SEGMENTATION, data, model=head())
    (error,) = report.errors
    assert 'label 7 in' in error and 'labels/1.png' in error
    assert '--skip-check label-range' in error
    # mmseg's metric counts on.
    (tmp_path / 'good').mkdir()
    good = label_maps(tmp_path / 'good', grid(0, 1))
    _, report = scan(SEGMENTATION, good, data, model=head())
    assert not report.errors and 'label 7 in' in report.warnings[0]


def test_objects_marked_by_255_are_noticed(tmp_path):
    data = label_maps(tmp_path, grid(0, 255))
    _, report = scan(SEGMENTATION, data, model=head())
    assert not report.errors
    assert 'no pixels of plant' in report.warnings[1]
    assert '255 is ignored' in report.warnings[0]


def test_label_maps_of_which_everything_is_ignored_are_refused(tmp_path):
    data = label_maps(tmp_path, grid(255))
    _, report = scan(SEGMENTATION, data, data, model=head())
    (error,) = report.errors
    assert 'every label of all images is ignored' in error
    # Validation data stop no training.
    assert 'there is nothing to compare with' in report.warnings[0]


def test_a_score_names_the_classes_that_it_does_not_contain(tmp_path):
    data = label_maps(tmp_path, grid(0, 0))
    rows, _ = scan(SEGMENTATION, data, dict(data), model=head())
    assert describe_score(rows, 'test') == []
    (line,) = describe_score(rows, 'val')
    assert 'without plant: not in the pixels of' in line


def test_label_maps_of_another_size_or_of_colours_are_refused_once(tmp_path):
    data = label_maps(tmp_path, *[np.zeros((6, 8, 3))] * 3)
    _, report = scan(SEGMENTATION, data, data, model=head())
    (error,) = report.errors
    assert '3 channels' in error and '3 of 3 label maps cannot be used' in error
    assert error.count('--skip-check label-maps') == 1
    data = label_maps(tmp_path, grid(0, 1), size=(6, 8))
    (tmp_path / 'images' / '1.jpg').unlink()
    (tmp_path / 'images' / '2.jpg').unlink()
    _, report = scan(SEGMENTATION, data, model=head())
    assert '8 x 6 pixels, and the image' in report.errors[0]


@pytest.mark.parametrize(
    'steps, size, refused',
    [
        (['RandomResize', 'RandomCrop'], (8, 6), False),
        (['RandomResize'], (8, 12), True),
        (['RandomCrop', 'Resize'], (8, 6), True),
        ([], (8, 6), True),
    ],
)
def test_a_label_map_may_be_smaller_if_it_is_resized_with_its_image(
    steps, size, refused, tmp_path
):
    """As mmseg does: it resizes both to one size, and crops both at one place."""
    data = label_maps(tmp_path, grid(0, 1), size=(2 * size[0], 2 * size[1]))
    scale, crop = dict(scale=(16, 12), keep_ratio=True), dict(crop_size=(6, 6))
    data['pipeline'] += [
        dict(type=step, **(crop if 'Crop' in step else scale)) for step in steps
    ]
    (row,), report = scan(SEGMENTATION, data, model=head())
    assert bool(report.errors) == refused, report.errors
    assert row.scanned == 1 and ('soil' in row.classes)


def test_the_largest_label_that_occurs_is_known(tmp_path):
    data = label_maps(tmp_path, grid(0, 255))
    assert scan(SEGMENTATION, data, model=head())[0][0].largest == 0
    data = folders(tmp_path / 'folders', 'ash', 'elm')
    assert scan(CLASSIFICATION, data)[0][0].largest == 1
    assert scan(DETECTION, xml(tmp_path, 'cat', 'dog'))[0][0].largest == 1


def test_images_of_another_suffix_are_named(tmp_path):
    data = label_maps(tmp_path, grid(0, 1), suffix='.tif')
    _, report = scan(SEGMENTATION, data, model=head())
    (error,) = report.errors
    assert "ends with img_suffix '.jpg': there are 1 .tif" in error


def test_classes_that_the_dataset_does_not_know_are_refused(tmp_path):
    data = dict(label_maps(tmp_path, grid(0, 1)), type='ADE20KDataset')
    _, report = scan(SEGMENTATION, data, model=head())
    assert 'train_dataloader.dataset cannot be read: ValueError' in report.errors[0]
    assert 'not a subset' in report.errors[0]


@pytest.mark.parametrize(
    'options, number',
    [
        (dict(num_classes=1, loss_decode=SIGMOID), 2),
        (dict(num_classes=2, out_channels=1, loss_decode=[SIGMOID]), 2),
        (dict(num_classes=1, loss_decode=dict(type='DiceLoss')), 2),
        (dict(num_classes=1), 1),
        (dict(num_classes=3, loss_decode=SIGMOID), 3),
    ],
)
def test_one_binary_output_has_two_labels(options, number):
    model = dict(decode_head=dict(type='FCNHead', **options))
    assert find_allowed_labels(model, SEGMENTATION).number == number


def folders(root, *names):
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (4, 4)).save(root / name / 'a.png')
    return dict(type='CustomDataset', data_root=str(root), pipeline=[])


def test_images_are_counted_by_folder(tmp_path):
    data = folders(tmp_path / 'train', 'ant', 'bee')
    (row,), report = scan(CLASSIFICATION, data, model=dict(head=dict(num_classes=2)))
    assert row.classes == dict(ant=1, bee=1) and not report.errors


def test_folders_that_would_get_other_numbers_are_refused(tmp_path):
    train = folders(tmp_path / 'train', 'ant', 'bee', 'cat')
    _, report = scan(CLASSIFICATION, train, folders(tmp_path / 'val', 'ant', 'cat'))
    (error,) = report.errors
    assert 'number their class folders differently, such as cat' in error
    # Without the last folder, the numbers are the same.
    _, report = scan(CLASSIFICATION, train, folders(tmp_path / 'two', 'ant', 'bee'))
    assert not report.errors
    train['metainfo'] = dict(classes=('bee', 'ant', 'cat'))
    _, report = scan(CLASSIFICATION, train)
    assert 'folders are numbered in alphabetical order' in report.errors[0]


def test_a_further_folder_of_the_validation_data_counts_as_wrong(tmp_path):
    train = folders(tmp_path / 'train', 'ant', 'bee')
    val = folders(tmp_path / 'val', 'ant', 'bee', 'cat')
    model = dict(head=dict(num_classes=2))
    _, report = scan(CLASSIFICATION, train, val, model=model)
    assert not report.errors
    assert any('has folders that' in text and 'cat' in text for text in report.warnings)
    assert any('has label 2' in text for text in report.warnings)
    # In training, the loss would stop at such a label.
    _, report = scan(CLASSIFICATION, val, model=model)
    assert 'has label 2' in report.errors[0]


XML = """<annotation><size><width>{size[0]}</width><height>{size[1]}</height></size>
<object><name>{name}</name><difficult>0</difficult><bndbox><xmin>2</xmin><ymin>2</ymin>
<xmax>{right}</xmax><ymax>20</ymax></bndbox></object></annotation>"""


def xml(folder, *names, size=(40, 30)):
    for part in ('JPEGImages', 'Annotations'):
        (folder / part).mkdir(exist_ok=True)
    for i, name in enumerate(names):
        Image.new('RGB', (40, 30)).save(folder / 'JPEGImages' / f'{i}.jpg')
        text = XML.format(name=name, size=size, right=size[0] - 2)
        (folder / 'Annotations' / f'{i}.xml').write_text(text)
    (folder / 'list.txt').write_text('\n'.join(map(str, range(len(names)))))
    return dict(
        type='XMLDataset',
        data_root=f'{folder}/',
        ann_file='list.txt',
        data_prefix=dict(sub_data_root=''),
        metainfo=dict(classes=('cat', 'dog')),
        pipeline=[],
    )


def test_names_in_xml_files_are_compared_with_the_classes(tmp_path):
    rows, report = scan(DETECTION, xml(tmp_path, 'cat', 'cat', 'dog'))
    assert rows[0].classes == dict(cat=2, dog=1) and not report.errors
    _, report = scan(DETECTION, xml(tmp_path, 'cat', 'Dog', 'cat'))
    assert '1 of 2 classes is not in the file' in report.errors[0]
    assert 'Dog   (did you mean this?)' in report.errors[0]


def test_sizes_in_xml_files_are_compared_with_the_images(tmp_path):
    _, report = scan(DETECTION, xml(tmp_path, 'cat', 'dog', size=(400, 300)))
    assert 'has 40 x 30 pixels, and its annotations are for 400 x 300' in report.errors[0]


@pytest.mark.parametrize('length', [1, 7, 500, 4321])
def test_a_sample_is_spread_and_has_each_image_once(length):
    sample = list(iter_sample(length, everything=False))
    assert len(set(sample)) == len(sample) == min(length, 500)
    assert min(sample) == 0 and max(sample) < length
    assert max(np.diff(sorted(sample)), default=1) <= -(-length // 500)
    assert list(iter_sample(length, everything=True)) == list(range(length))


def test_a_pipeline_that_loads_no_label_maps_has_no_row(tmp_path):
    data = label_maps(tmp_path, grid(0, 1))
    data['pipeline'] = data['pipeline'][:1]
    rows, report = scan(SEGMENTATION, data, model=head())
    assert not rows and not report.warnings
