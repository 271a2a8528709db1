"""Drawings show every part in its colour, in three views of truth and prediction."""

import numpy as np
import pytest

from mmgroupmix.point_clouds.drawing import COLORS, draw_classes, draw_parts


def has_colour(rgb, colour):
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return (np.abs(rgb.astype(int) - wanted).max(axis=2) < 8).any()


def make_points():
    return np.random.default_rng(0).uniform(-1, 1, (300, 3))


@pytest.mark.smoke
def test_the_truth_is_above_the_prediction():
    truth, prediction = np.full(300, 5), np.full(300, 6)
    names = ['first', 'second', 'third']
    rgb = draw_parts(make_points(), truth, prediction, names, 5, 'mug: pIoU 0.0 %')
    assert rgb.dtype == np.uint8 and rgb.ndim == 3
    middle = len(rgb) // 2
    legend = int(0.94 * len(rgb))
    assert has_colour(rgb[:middle], COLORS[0])
    assert not has_colour(rgb[:middle], COLORS[1])
    assert has_colour(rgb[middle:legend], COLORS[1])
    assert not has_colour(rgb[middle:legend], COLORS[0])
    # The legend has all parts of the category, also the one that nothing has.
    assert all(has_colour(rgb[legend:], colour) for colour in COLORS[:3])


@pytest.mark.smoke
def test_each_view_shows_two_axes():
    # All points lie on the first axis: a line from the front and the top, a dot aside.
    points = np.zeros((300, 3))
    points[:, 0] = np.linspace(-1, 1, 300)
    parts = np.zeros(300, int)
    rgb = draw_parts(points, parts, parts, ['only'], 0, 'line')
    height, width, _ = rgb.shape
    wanted = [int(COLORS[0][i : i + 2], 16) for i in (1, 3, 5)]
    found = np.abs(rgb.astype(int) - wanted).max(axis=2) < 8
    widths = [
        found[: height // 2, i * width // 3 : (i + 1) * width // 3].any(axis=0).sum()
        for i in range(3)
    ]
    assert widths[0] > 10 * widths[1] and widths[2] > 10 * widths[1]


@pytest.mark.smoke
def test_a_class_is_drawn_in_three_views():
    rgb = draw_classes(make_points(), 'cup', 'bowl (87 %)')
    thirds = np.array_split(rgb, 3, axis=1)
    assert all(len(np.unique(part.reshape(-1, 3), axis=0)) > 50 for part in thirds)
