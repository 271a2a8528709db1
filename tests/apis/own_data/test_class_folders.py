"""Images in folders named after their classes."""

import os
from collections import Counter
from pathlib import Path

import pytest

from mmgroupmix.errors import UserError

from .folders import list_contents, write_class_folders
from .preparing import CLASSIFIER, build_dataset, prepare

pytestmark = pytest.mark.smoke

NAMES = ('Élan moyen', 'cat', 'mask', 'no mask')


def read(cfg, split):
    """Name of the class and path of each image, as mmpretrain reads them."""
    dataset = build_dataset(cfg, split)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [(dataset.CLASSES[info['gt_label']], info['img_path']) for info in infos]


@pytest.mark.parametrize('base', ['.', 'animals/photos'])
def test_folders_without_a_split_are_divided_class_by_class(base, tmp_path):
    write_class_folders(tmp_path / 'data' / base, NAMES, num=5, name='a b {}.JPG')
    (tmp_path / 'data' / '.DS_Store').write_text('hidden')
    before = list_contents(tmp_path / 'data')
    cfg, report = prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'run')
    train, val = read(cfg, 'train'), read(cfg, 'val')
    for name, path in train + val:
        assert Path(path).parent.name == name
    assert Counter(name for name, _ in train) == dict.fromkeys(NAMES, 4)
    assert Counter(name for name, _ in val) == dict.fromkeys(NAMES, 1)
    assert len({path for _, path in train + val}) == 20
    assert '4 of 20 images for validation, seed 0' in report
    again, _ = prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'again')
    assert read(again, 'val') == val
    assert list_contents(tmp_path / 'data') == before


def test_a_split_of_the_user_stays(tmp_path):
    write_class_folders(tmp_path / 'data' / 'train', ('cat', 'dog', 'fox'))
    write_class_folders(tmp_path / 'data' / 'Val', ('cat', 'fox'), num=2, first=9)
    cfg, _ = prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'run')
    assert Counter(name for name, _ in read(cfg, 'train')) == dict(cat=5, dog=5, fox=5)
    assert Counter(name for name, _ in read(cfg, 'val')) == dict(cat=2, fox=2)


@pytest.mark.parametrize(
    'train, val',
    [
        ('seg_train/seg_train', 'seg_dev/seg_dev'),
        ('training_set', 'validation_set'),
        ('trainset', 'ValData'),
        ('train/images', 'val/images'),
    ],
)
def test_folders_of_splits_may_have_longer_names_and_one_more_folder(
    train, val, tmp_path
):
    write_class_folders(tmp_path / 'data' / train, ('cat', 'dog'))
    write_class_folders(tmp_path / 'data' / val, ('cat', 'dog'), num=2, first=9)
    # As of photographs without a label.
    write_class_folders(tmp_path / 'data' / 'seg_pred', ('seg_pred',), num=1)
    cfg, report = prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'run')
    assert Counter(name for name, _ in read(cfg, 'train')) == dict(cat=5, dog=5)
    assert Counter(name for name, _ in read(cfg, 'val')) == dict(cat=2, dog=2)
    assert '1 images are in no class folder' in report


def test_a_folder_of_images_is_a_class_whatever_its_name(tmp_path):
    names = ('bus', 'test', 'train')
    write_class_folders(tmp_path / 'data', names)
    cfg, _ = prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'run')
    assert Counter(name for name, _ in read(cfg, 'train')) == dict.fromkeys(names, 4)


def test_images_that_are_in_both_splits_are_reported(tmp_path):
    for split in ('train', 'val'):
        write_class_folders(tmp_path / 'data' / split, ('cat', 'dog'))
    _, report = prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'run')
    assert '10 validation images are in the training split too' in report


def test_folders_that_may_not_be_classes_are_reported(tmp_path):
    for fold in ('fold0', 'fold1'):
        write_class_folders(tmp_path / 'data' / fold, ('cat', 'dog'))
    _, report = prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'run')
    assert 'every class folder holds the same folders (cat, dog)' in report
    write_class_folders(tmp_path / 'data' / 'fold2', ('cat', 'fox'))
    _, report = prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'again')
    assert 'holds the same folders' not in report


def test_an_image_of_two_classes_is_reported(tmp_path):
    write_class_folders(tmp_path / 'data', ('cat', 'dog'))
    image = (tmp_path / 'data' / 'cat' / '3.jpg').read_bytes()
    (tmp_path / 'data' / 'dog' / 'copy.jpg').write_bytes(image)
    _, report = prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'run')
    report = ' '.join(report.split())
    assert 'the same content (cat/3.jpg and dog/copy.jpg): one of' in report


@pytest.mark.parametrize(
    'folders, named',
    [
        (('train/Cat', 'val/cat', 'train/dog'), "'Cat' and 'cat'"),
        (('cat',), 'at least two folders of images'),
        (('images', 'masks'), 'which needs class folders'),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(folders, named, tmp_path):
    write_class_folders(tmp_path / 'data', folders)
    with pytest.raises(UserError) as error:
        prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'run')
    assert named in str(error.value)


ODD_NAMES = (
    ' blank',
    'two\nlines',
    'c\rr',
    '\ttab',
    'a  b ',
    '50%#1',
    '😀',
    '\u2028',
    os.fsdecode(b'lat\xe9in'),
)


@pytest.mark.parametrize('odd', ODD_NAMES)
def test_images_are_read_whatever_their_names_are(odd, tmp_path):
    write_class_folders(tmp_path / 'data', ('cat', 'dog'), name=f'{odd}{{}}.png')
    before = list_contents(tmp_path / 'data')
    cfg, _ = prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'run')
    found = read(cfg, 'train') + read(cfg, 'val')
    assert sorted(path for _, path in found) == sorted(
        str(path) for path in (tmp_path / 'data').rglob('*.png')
    )
    assert all(Path(path).parent.name == name for name, path in found)
    assert list_contents(tmp_path / 'data') == before


@pytest.mark.parametrize('odd', ODD_NAMES)
def test_the_name_of_a_class_is_one_line_of_text(odd, tmp_path):
    write_class_folders(tmp_path / 'data', (odd, 'dog'))
    cfg, report = prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'run')
    for name, path in read(cfg, 'train'):
        folder = Path(path).parent.name.encode(errors='replace').decode()
        assert name == ' '.join(folder.replace('?', '\ufffd').split())
    assert report.encode()  # it can be printed


def test_class_folders_that_differ_in_blanks_only_are_refused(tmp_path):
    write_class_folders(tmp_path / 'data', ('cat', ' cat', 'dog'))
    with pytest.raises(UserError, match='differ in case, accents or blanks only'):
        prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'run')
