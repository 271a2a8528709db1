"""Farthest points and nearest neighbours against loops over single points."""

import pytest
import torch

from mmgroupmix.errors import UserError
from mmgroupmix.point_clouds import (
    find_nearest_neighbors,
    gather_points,
    sample_farthest_points,
    sampling,
)


def square_distance(first, second):
    return sum((a - b) ** 2 for a, b in zip(first, second))


def sample_naively(points, number):
    """Farthest point sampling of one cloud, a list of coordinates."""
    chosen = [0]
    while len(chosen) < number:
        gaps = [min(square_distance(p, points[c]) for c in chosen) for p in points]
        chosen.append(gaps.index(max(gaps)))
    return chosen


def find_naively(points, query, number):
    """The nearest points of one query; of equally near ones, the first."""
    ranked = sorted(range(len(points)), key=lambda i: square_distance(points[i], query))
    return ranked[:number]


def grid_clouds():
    """Clouds full of equal distances: points of a grid in random order."""
    generator = torch.Generator().manual_seed(0)
    axes = torch.arange(4.0)
    grid = torch.cartesian_prod(axes, axes, axes)
    orders = [torch.randperm(64, generator=generator) for _ in range(2)]
    return torch.stack([grid[order] for order in orders])


def random_clouds():
    return torch.randn(2, 60, 3, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.smoke
@pytest.mark.parametrize('clouds', [grid_clouds(), random_clouds()], ids=['grid', 'any'])
def test_points_are_sampled_as_by_a_loop_over_them(clouds):
    chosen = sample_farthest_points(clouds, 20)
    assert chosen.tolist() == [sample_naively(cloud.tolist(), 20) for cloud in clouds]


@pytest.mark.smoke
@pytest.mark.parametrize('clouds', [grid_clouds(), random_clouds()], ids=['grid', 'any'])
@pytest.mark.parametrize('max_pairs', [1, 300, 2**22])
def test_neighbors_are_those_of_a_loop_in_any_number_of_steps(
    clouds, max_pairs, monkeypatch
):
    monkeypatch.setattr(sampling, 'MAX_PAIRS', max_pairs)
    queries = clouds[:, :11] + 0.5
    found = find_nearest_neighbors(clouds, queries, 9)
    expected = [
        [find_naively(cloud, query, 9) for query in some]
        for cloud, some in zip(clouds.tolist(), queries.tolist())
    ]
    assert found.tolist() == expected


@pytest.mark.smoke
def test_a_point_is_its_own_nearest_neighbor_unless_an_earlier_one_is_equal():
    points = torch.tensor([[[1.0, 2, 3], [0, 0, 0], [1, 2, 3], [-0.0, 0, 0]]])
    assert find_nearest_neighbors(points, points, 1).tolist() == [[[0], [1], [0], [1]]]


@pytest.mark.smoke
def test_all_points_are_sampled_once_if_as_many_are_asked_for():
    chosen = sample_farthest_points(random_clouds(), 60)
    assert [sorted(one) for one in chosen.tolist()] == [list(range(60))] * 2


@pytest.mark.smoke
def test_half_precision_is_searched_in_float32():
    points = random_clouds().half()
    assert torch.equal(
        sample_farthest_points(points, 30), sample_farthest_points(points.float(), 30)
    )
    found = find_nearest_neighbors(points, points, 5)
    assert torch.equal(found, find_nearest_neighbors(points.float(), points.float(), 5))


@pytest.mark.smoke
def test_values_are_gathered_by_indices_of_any_shape():
    values = torch.arange(24.0).view(2, 4, 3)
    indices = torch.tensor([[[3, 0], [1, 1]], [[2, 2], [0, 3]]])
    expected = torch.stack([one[index] for one, index in zip(values, indices)])
    assert torch.equal(gather_points(values, indices), expected)


@pytest.mark.smoke
def test_nothing_waits_for_the_device():
    # Meta tensors have no values: whoever reads one of them fails.
    points = torch.empty(2, 5000, 3, device='meta')
    assert sample_farthest_points(points, 3).shape == (2, 3)
    assert find_nearest_neighbors(points, points, 8).shape == (2, 5000, 8)


def test_neighbors_of_16k_points_need_little_memory(monkeypatch):
    """All keys of 4096 queries would be 512 MiB."""
    points = torch.randn(1, 16384, 3, generator=torch.Generator().manual_seed(0))
    peak = []
    original = torch.Tensor.topk

    def topk(self, *args, **kwargs):
        peak.append(self.numel() * self.element_size())
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.Tensor, 'topk', topk)
    found = find_nearest_neighbors(points, points[:, :4096], 32)
    assert found.shape == (1, 4096, 32)
    assert max(peak) <= 2**25  # 32 MiB of keys
    assert sample_farthest_points(points, 64).shape == (1, 64)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (
            lambda: sample_farthest_points(torch.zeros(2, 5, 3), 6),
            'num_samples=6, expected an integer from 1 to 5. The clouds have 5 points.',
        ),
        (
            lambda: find_nearest_neighbors(torch.zeros(2, 5, 3), torch.zeros(2, 1, 3), 0),
            'num_neighbors=0, expected an integer from 1 to 5',
        ),
        (
            lambda: sample_farthest_points(torch.zeros(5, 3), 2),
            'has the shape (5, 3) and dtype torch.float32, expected (batch, points, ',
        ),
        (
            lambda: sample_farthest_points(torch.zeros(1, 5, 3).long(), 2),
            'dtype torch.int64, expected (batch, points, coordinates) in floating point',
        ),
    ],
)
def test_what_cannot_be_sampled_is_refused_in_one_line(call, message):
    with pytest.raises(UserError) as error:
        call()
    assert message in str(error.value)
    assert '\n' not in str(error.value)
