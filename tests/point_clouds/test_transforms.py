"""The augmentation of the recipe, and what the models get."""

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement

from mmgroupmix.engine.random_states import seeded_cpu
from mmgroupmix.errors import UserError
from mmgroupmix.point_clouds import (
    ModelNet40,
    PackPointCloud,
    PointCloudPreprocessor,
    RandomPointDropout,
    RandomScalePoints,
    RandomShiftPoints,
    ScalePoints,
    ShufflePoints,
    TakePoints,
)

from .files import write_modelnet


def make_entry(number=50):
    rng = np.random.default_rng(0)
    points = rng.standard_normal((number, 3)).astype(np.float32)
    # The label of a point tells which one it is.
    return dict(
        points=points, gt_parts=np.arange(number), cloud_path='a.h5', cloud_index=3
    )


def belongs_together(entry):
    return np.array_equal(entry['points'], make_entry()['points'][entry['gt_parts']])


@pytest.mark.smoke
def test_the_first_points_are_taken():
    entry = TakePoints(8)(make_entry())
    assert entry['gt_parts'].tolist() == list(range(8))
    assert belongs_together(entry)


@pytest.mark.smoke
def test_points_are_taken_at_random_each_time_or_the_same_each_time():
    np.random.seed(0)
    drawn = [TakePoints(8, order='random')(make_entry()) for _ in range(2)]
    assert drawn[0]['gt_parts'].tolist() != drawn[1]['gt_parts'].tolist()
    fixed = [TakePoints(8, order='fixed')(make_entry()) for _ in range(2)]
    assert fixed[0]['gt_parts'].tolist() == fixed[1]['gt_parts'].tolist()
    for entry in (*drawn, *fixed):
        assert len(set(entry['gt_parts'].tolist())) == 8
        assert belongs_together(entry)


@pytest.mark.smoke
@pytest.mark.parametrize('order', ['first', 'random', 'fixed'])
def test_a_cloud_with_too_few_points_is_refused_or_repeated(order):
    with pytest.raises(UserError) as error:
        TakePoints(64, order=order)(make_entry())
    text = str(error.value)
    assert text.startswith('a.h5: a.h5 cloud 3 has 50 points, expected at least the 64')
    assert '\n' not in text
    entry = TakePoints(64, order=order, repeat=True)(make_entry())
    assert np.bincount(entry['gt_parts']).max() == 2
    assert len(set(entry['gt_parts'].tolist())) == 50
    assert belongs_together(entry)


@pytest.mark.smoke
def test_a_cloud_without_points_cannot_be_repeated():
    with pytest.raises(UserError, match='a.h5 cloud 3 has 0 points'):
        TakePoints(8, repeat=True)(make_entry(0))


@pytest.mark.smoke
def test_dropped_points_become_the_first_one_up_to_the_largest_share():
    np.random.seed(0)
    shares = []
    for _ in range(300):
        entry = RandomPointDropout()(make_entry())
        kept = entry['gt_parts'] != 0
        np.testing.assert_array_equal(entry['gt_parts'][kept], np.arange(50)[kept])
        assert belongs_together(entry)
        shares.append(1 - kept.mean())
    # Uniform from 0 to 0.875: its mean is 0.4375, and few clouds lose nearly all.
    assert np.mean(shares) == pytest.approx(0.4375, abs=0.05)
    assert max(shares) < 1


@pytest.mark.smoke
def test_scale_and_shift_are_drawn_for_each_axis_within_their_limits():
    np.random.seed(0)
    original = make_entry()['points']
    factors, shifts = [], []
    for _ in range(200):
        ratio = RandomScalePoints()(make_entry())['points'] / original
        np.testing.assert_allclose(ratio, ratio[:1].repeat(50, 0), rtol=1e-5)
        factors.append(ratio[0])
        shift = RandomShiftPoints()(make_entry())['points'] - original
        np.testing.assert_allclose(shift, shift[:1].repeat(50, 0), atol=1e-6)
        shifts.append(shift[0])
    for values, low, high in ((factors, 2 / 3, 1.5), (shifts, -0.2, 0.2)):
        values = np.array(values)
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < values.max() <= high + 1e-6
        assert not np.allclose(values[:, 0], values[:, 1])


@pytest.mark.smoke
def test_shuffling_moves_points_with_their_parts_and_scaling_keeps_the_original():
    np.random.seed(0)
    entry = ShufflePoints()(make_entry())
    assert sorted(entry['gt_parts'].tolist()) == list(range(50))
    assert entry['gt_parts'].tolist() != list(range(50))
    assert belongs_together(entry)
    entry = make_entry()
    scaled = ScalePoints(0.5)(entry)
    np.testing.assert_array_equal(scaled['points'], entry['points'] / 2)
    np.testing.assert_array_equal(entry['points'], make_entry()['points'])


@pytest.mark.smoke
def test_the_same_seed_gives_the_same_sample(tmp_path):
    """The training loops seed each sample like this, so that a run can be resumed."""
    write_modelnet(tmp_path)
    steps = [
        TakePoints(16, order='random'),
        RandomPointDropout(),
        RandomScalePoints(),
        RandomShiftPoints(),
        ShufflePoints(),
        PackPointCloud(),
    ]
    data = ModelNet40(
        tmp_path, 'train', pipeline=steps, metainfo=dict(classes=('a', 'b', 'c'))
    )

    def fetch(*numbers):
        with seeded_cpu(*numbers):
            return data[1]['inputs']

    assert torch.equal(fetch(0, 0, 5, 1), fetch(0, 0, 5, 1))
    assert not torch.equal(fetch(0, 0, 5, 1), fetch(0, 0, 5, 2))


@pytest.mark.smoke
def test_a_sample_is_packed_with_its_labels_and_its_place():
    entry = make_entry() | dict(gt_label=4, category=1, part_range=(2, 5))
    packed = PackPointCloud()(entry)
    sample = packed['data_samples']
    assert packed['inputs'].shape == (50, 3) and packed['inputs'].dtype == torch.float32
    assert sample.gt_label.tolist() == [4]
    assert sample.gt_parts.dtype == torch.int64
    assert (sample.cloud_path, sample.cloud_index) == ('a.h5', 3)
    assert (sample.category, sample.part_range) == (1, (2, 5))


@pytest.mark.smoke
def test_clouds_of_different_sizes_cannot_be_stacked():
    batch = dict(
        inputs=[torch.zeros(5, 3), torch.zeros(7, 3)],
        data_samples=[BaseDataElement()] * 2,
    )
    with pytest.raises(UserError, match='have 5 to 7 points, expected as many in each'):
        PointCloudPreprocessor()(batch)
    batch['inputs'] = [torch.ones(5, 3)] * 2
    assert PointCloudPreprocessor()(batch)['inputs'].shape == (2, 5, 3)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: TakePoints(0), 'num_points=0, expected an integer of at least 1'),
        (lambda: TakePoints(8, order='last'), "order='last', expected 'first', 'random'"),
        (lambda: RandomPointDropout(1), 'max_ratio=1, expected a number from 0 to below'),
        (lambda: RandomScalePoints(2, 1), '(2, 1), expected two factors with 0 < low'),
        (lambda: RandomShiftPoints(-1), 'max_shift=-1, expected a number from 0'),
        (lambda: ScalePoints(0), 'factor=0, expected a number above 0'),
        (lambda: ModelNet40('data', 'tests'), "split='tests', expected 'train', 'val'"),
    ],
)
def test_wrong_arguments_are_refused(build, message):
    with pytest.raises(UserError) as error:
        build()
    assert message in str(error.value)
