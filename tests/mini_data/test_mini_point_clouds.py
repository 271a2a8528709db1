"""The mini datasets of point clouds have the real layouts, and hold what they say."""

import h5py
import numpy as np
import pytest

from mmgroupmix.errors import UserError
from mmgroupmix.mini_data import (
    mini_metainfo,
    write_mini_modelnet40,
    write_mini_shapenet_part,
)
from mmgroupmix.point_clouds import ModelNet40, ShapeNetPart


def read(path):
    with h5py.File(path) as file:
        return {name: file[name][()] for name in file}


@pytest.mark.smoke
def test_clouds_for_classification_are_reliefs_of_all_digits(tmp_path):
    root = write_mini_modelnet40(tmp_path / 'data', num_train=20, num_val=10)
    train, test = (read(root / f'ply_data_{name}0.h5') for name in ('train', 'test'))
    assert train['data'].shape == (20, 2048, 3) and train['label'].shape == (20, 1)
    assert train['data'].dtype == np.float32 and train['label'].dtype == np.uint8
    assert np.bincount(train['label'][:, 0]).tolist() == [2] * 10
    assert sorted(test['label'][:, 0].tolist()) == list(range(10))
    radius = np.sqrt((train['data'] ** 2).sum(axis=2)).max(axis=1)
    np.testing.assert_allclose(radius, 1, rtol=1e-5)
    np.testing.assert_allclose(train['data'].mean(axis=1), 0, atol=1e-6)
    assert len((root / 'shape_names.txt').read_text().split()) == 10
    data = ModelNet40(root, 'test', metainfo=mini_metainfo('modelnet40'))
    assert len(data) == 10


@pytest.mark.smoke
def test_points_on_a_stroke_are_above_those_on_the_ground(tmp_path):
    root = write_mini_shapenet_part(tmp_path / 'data', num_train=20, num_val=10)
    sizes = {
        name: len(read(root / f'ply_data_{name}0.h5')['label'])
        for name in ('train', 'val', 'test')
    }
    assert sizes == dict(train=18, val=2, test=10)
    shapes = read(root / 'ply_data_test0.h5')
    for points, (digit,), parts in zip(*(shapes[k] for k in ('data', 'label', 'pid'))):
        assert set(parts.tolist()) == {2 * digit, 2 * digit + 1}
        stroke = parts % 2 == 1
        assert points[stroke, 2].min() >= points[~stroke, 2].max()
        assert 0.1 < stroke.mean() < 0.8
    meta = mini_metainfo('shapenetpart')
    categories = {f'digit {digit}': 2 for digit in range(10)}
    data = ShapeNetPart(root, 'trainval', metainfo=dict(meta, categories=categories))
    assert len(data) == 20
    assert meta['classes'][6:8] == ('digit 3 ground', 'digit 3 stroke')


@pytest.mark.smoke
def test_the_same_arguments_give_the_same_clouds_and_keep_what_is_there(tmp_path):
    first, second = (
        write_mini_modelnet40(tmp_path / name, num_train=4, num_val=4, num_classes=4)
        for name in ('a', 'b')
    )
    one, other = (read(root / 'ply_data_train0.h5') for root in (first, second))
    np.testing.assert_array_equal(one['data'], other['data'])
    assert sorted(one['label'][:, 0].tolist()) == [0, 1, 2, 3]
    changed = (first / 'ply_data_train0.h5').stat().st_mtime_ns
    write_mini_modelnet40(first, num_train=4, num_val=4, num_classes=4)
    assert (first / 'ply_data_train0.h5').stat().st_mtime_ns == changed
    with pytest.raises(FileExistsError, match='num_train 4 instead of 8'):
        write_mini_modelnet40(first, num_train=8, num_val=4, num_classes=4)


@pytest.mark.smoke
def test_fewer_clouds_than_digits_are_refused(tmp_path):
    with pytest.raises(
        UserError, match='num_train=3, expected an integer of at least 10'
    ):
        write_mini_modelnet40(tmp_path, num_train=3)
