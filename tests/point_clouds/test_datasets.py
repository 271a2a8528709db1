"""The data sets read both layouts, and say in one line what is wrong with a file."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from mmgroupmix.errors import UserError
from mmgroupmix.point_clouds import ModelNet40, ShapeNetPart, dataset
from mmgroupmix.point_clouds.shapenet_part import NUM_PARTS

from .files import (
    PART_META,
    write_hdf5,
    write_modelnet,
    write_parts,
    write_text_shapes,
)

CLASSES = dict(classes=('cone', 'cup', 'bowl'))


@pytest.mark.smoke
def test_modelnet40_reads_all_files_of_a_split(tmp_path):
    first = write_modelnet(tmp_path)
    write_hdf5(
        tmp_path / 'ply_data_train1.h5',
        data=np.ones((1, 32, 3), np.float32),
        label=np.array([[2]], np.uint8),
    )
    data = ModelNet40(tmp_path, 'train', metainfo=CLASSES)
    assert [data.get_data_info(i)['gt_label'] for i in range(5)] == [0, 1, 2, 1, 2]
    with h5py.File(first) as file:
        np.testing.assert_array_equal(data[3]['points'], file['data'][3])
    assert data[4]['points'].dtype == np.float32
    assert data[4]['cloud_index'] == 0
    assert data[4]['cloud_path'].endswith('ply_data_train1.h5')


@pytest.mark.smoke
def test_changing_a_sample_leaves_the_data_set_as_it_is(tmp_path):
    write_modelnet(tmp_path)
    data = ModelNet40(tmp_path, 'train', metainfo=CLASSES)
    before = data[0]['points'].copy()
    data[0]['points'][:] = 0
    np.testing.assert_array_equal(data[0]['points'], before)


@pytest.mark.smoke
def test_modelnet40_has_40_classes_and_shapenet_part_50_parts():
    assert len(ModelNet40.METAINFO['classes']) == 40
    counts = [4, 2, 2, 4, 4, 3, 3, 2, 4, 2, 6, 2, 3, 3, 3, 3]
    assert list(NUM_PARTS.values()) == counts
    assert list(NUM_PARTS) == sorted(NUM_PARTS)
    assert len(ShapeNetPart.METAINFO['classes']) == 50


@pytest.mark.smoke
def test_shapenet_part_reads_hdf5_files_of_training_and_validation(tmp_path):
    write_parts(tmp_path, 'train')
    write_parts(tmp_path, 'val')
    data = ShapeNetPart(tmp_path, 'trainval', metainfo=PART_META)
    assert len(data) == 8
    table = data[5]
    assert (table['category'], table['part_range']) == (1, (2, 5))
    np.testing.assert_array_equal(table['gt_parts'], 2 + np.arange(32) % 3)


@pytest.mark.smoke
def test_shapenet_part_reads_text_files_scaled_to_the_unit_sphere(tmp_path):
    root = write_text_shapes(tmp_path)
    data = ShapeNetPart(root, 'train', metainfo=PART_META)
    assert [data[i]['category'] for i in range(2)] == [0, 1]
    points = data[1]['points']
    assert np.abs(points.mean(axis=0)).max() < 1e-6
    assert np.sqrt((points**2).sum(axis=1)).max() == pytest.approx(1)
    table = np.loadtxt(data[1]['cloud_path'])
    # The same shape: differences of points keep their proportions.
    ratio = (points[1] - points[0]) / (table[1, :3] - table[0, :3])
    assert ratio == pytest.approx(ratio[0], rel=1e-4)
    np.testing.assert_array_equal(data[1]['gt_parts'], 2 + np.arange(20) % 3)
    assert len(ShapeNetPart(root, 'test', metainfo=PART_META)) == 1


def damage(path, **changes):
    """Change arrays of a file: a value at an index, or all of an array."""
    with h5py.File(path, 'r+') as file:
        for name, (place, value) in changes.items():
            file[name][place] = value


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def drop(path, name):
    with h5py.File(path, 'r+') as file:
        del file[name]


def replace(path, name, array):
    drop(path, name)
    with h5py.File(path, 'r+') as file:
        file[name] = array


@pytest.mark.smoke
@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (cut, 'ply_data_train0.h5 cannot be read as a whole HDF5 file ('),
        (lambda p: p.write_bytes(b''), 'cannot be read as a whole HDF5 file ('),
        (lambda p: p.write_text('<html>not found</html>'), 'Download or copy it again'),
        (
            lambda p: drop(p, 'pid'),
            "ply_data_train0.h5 has no data set 'pid', but data, label; expected data "
            '(clouds, points, 3), label (clouds, 1), pid (clouds, points).',
        ),
        (
            lambda p: damage(p, data=((2, 7, 1), np.nan)),
            'ply_data_train0.h5: cloud 2, point 7 has the coordinate y=nan, expected a '
            'finite number (1 of 4 clouds have such)',
        ),
        (
            lambda p: damage(p, label=((1, 0), 16)),
            'ply_data_train0.h5: cloud 1 has label 16, expected 0 to 1: there are 2 '
            'classes (mug to table)',
        ),
        (
            lambda p: damage(p, pid=((3, 5), 0)),
            'ply_data_train0.h5: cloud 3, point 5 has part 0, expected 2 to 4, the parts '
            'of table',
        ),
        (
            lambda p: replace(p, 'data', np.zeros((4, 32, 2), np.float32)),
            'ply_data_train0.h5: data has the shape (4, 32, 2) and dtype float32; '
            'expected numbers of data (clouds, points, 3)',
        ),
        (
            lambda p: replace(p, 'label', np.zeros(3, np.uint8)),
            'label has the shape (3,)',
        ),
        (lambda p: p.unlink(), 'has no file ply_data_train*.h5'),
    ],
)
def test_what_is_wrong_with_an_hdf5_file_is_said_in_one_line(tmp_path, change, message):
    change(write_parts(tmp_path))
    with pytest.raises(UserError) as error:
        ShapeNetPart(tmp_path, 'train', metainfo=PART_META)
    assert message in str(error.value)
    assert '\n' not in str(error.value)


@pytest.mark.smoke
def test_a_label_without_a_class_is_refused(tmp_path):
    write_modelnet(tmp_path, labels=(0, 3))
    with pytest.raises(UserError, match='cloud 1 has label 3, expected 0 to 2'):
        ModelNet40(tmp_path, 'train', metainfo=CLASSES)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda p: p.write_text('1 2 3 4\n'), 'has 1 points and 4 columns, expected'),
        (lambda p: p.write_text('1 2 x 4 5 6 0\n'), 'cannot be read (could not convert'),
        (lambda p: p.write_text('1 2 inf 0 0 0 0\n'), 'cloud 0, point 0 has the coordi'),
        (lambda p: p.write_text('1 2 3 0 0 0 4\n'), 'has part 4, expected 0 to 1, the'),
    ],
)
def test_what_is_wrong_with_a_text_file_is_said_in_one_line(tmp_path, change, message):
    root = write_text_shapes(tmp_path)
    path = root / '03797390' / 'train_mug.txt'
    change(path)
    with pytest.raises(UserError) as error:
        ShapeNetPart(root, 'train', metainfo=PART_META)[0]
    assert str(error.value).startswith(str(path)) and message in str(error.value)
    assert '\n' not in str(error.value)


@pytest.mark.smoke
def test_a_shape_that_a_list_names_must_be_there(tmp_path):
    root = write_text_shapes(tmp_path)
    (root / '03797390' / 'train_mug.txt').unlink()
    with pytest.raises(UserError, match=r'train_mug.txt does not exist, and entry 0 of'):
        ShapeNetPart(root, 'train', metainfo=PART_META)
    path = root / 'train_test_split' / 'shuffled_train_file_list.json'
    path.write_text('["shape_data/00000000/other"]')
    with pytest.raises(UserError, match="entry 0 is 'shape_data/00000000/other'"):
        ShapeNetPart(root, 'train', metainfo=PART_META)
    path.write_text('{')
    with pytest.raises(UserError, match='expected a JSON list of shapes'):
        ShapeNetPart(root, 'train', metainfo=PART_META)


@pytest.mark.smoke
def test_a_class_or_category_without_a_cloud_to_train_on_is_refused(tmp_path):
    write_modelnet(tmp_path, labels=(0, 2))
    with pytest.raises(UserError) as error:
        ModelNet40(tmp_path, 'train', metainfo=CLASSES)
    message = str(error.value)
    assert message.startswith(
        f'{tmp_path}/ply_data_train*.h5: no cloud has label 1 (cup)'
    )
    assert 'expected one or more of each of the 3 classes to train on' in message
    assert '\n' not in message
    root = write_text_shapes(tmp_path / 'text')
    more = dict(categories=dict(mug=2, table=3, cap=1), classes=tuple('abcdef'))
    with pytest.raises(UserError) as error:
        ShapeNetPart(root, 'trainval', metainfo=more)
    assert str(error.value).startswith(
        f'{root}/train_test_split/shuffled_train_file_list.json and '
        f'{root}/train_test_split/shuffled_val_file_list.json: no cloud has label 2 (cap)'
    )
    assert 'give metainfo with those categories only that occur' in str(error.value)
    assert len(ShapeNetPart(root, 'trainval', metainfo=PART_META)) == 2


@pytest.mark.smoke
def test_a_category_without_a_cloud_to_test_is_warned_of(tmp_path, monkeypatch):
    texts = []
    monkeypatch.setattr(dataset, 'print_log', lambda text, *args: texts.append(text))
    root = write_text_shapes(tmp_path)
    ShapeNetPart(root, 'test', metainfo=PART_META)
    (text,) = texts
    assert 'shuffled_test_file_list.json: no cloud has label 1 (table)' in text
    assert 'it does not count in a mean over classes' in text


def test_without_h5py_the_line_that_installs_it_is_named(tmp_path):
    program = (
        'import sys\nsys.modules["h5py"] = None\n'
        'from mmgroupmix.point_clouds import ModelNet40\n'
        f'ModelNet40({str(tmp_path)!r}, "train")\n'
    )
    (tmp_path / 'ply_data_train0.h5').touch()
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert 'pip install h5py' in done.stderr.splitlines()[-1]
