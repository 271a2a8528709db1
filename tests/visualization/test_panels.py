"""Panels: colours of heat maps, and the grid in the PNG."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from mmgroupmix.visualization.panels import blend_heatmap, draw_panels

pytestmark = pytest.mark.smoke

GRAY = np.full((32, 32, 3), 100, np.uint8)


def test_the_highest_value_is_red_and_the_lowest_blue():
    heatmap = torch.zeros(4, 4)
    heatmap[0, 3] = 1
    drawn = blend_heatmap(GRAY, heatmap).astype(int)
    red, _, blue = drawn[2, 29]
    assert red > blue + 50
    red, _, blue = drawn[29, 2]
    assert blue > red + 30


def test_with_limits_the_colours_do_not_depend_on_the_other_values():
    two_values = torch.tensor([[0.0, 0.5], [0.0, 0.5]])
    one_value = torch.full((2, 2), 0.5)
    drawn = [blend_heatmap(GRAY, map_, (0.0, 1.0)) for map_ in (two_values, one_value)]
    np.testing.assert_array_equal(drawn[0][:, -1], drawn[1][:, -1])


def test_a_panel_has_the_shape_of_its_image_and_an_empty_place_stays_white(tmp_path):
    wide = np.zeros((10, 40, 3), np.uint8)
    draw_panels([[('', wide), None]], tmp_path / 'grid.png')
    with Image.open(tmp_path / 'grid.png') as picture:
        pixels = np.asarray(picture.convert('L'))
    rows, columns = np.nonzero(pixels < 128)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert width / height == pytest.approx(4, rel=0.1)
    assert columns.max() < pixels.shape[1] / 2


def test_a_long_caption_is_wrapped_to_the_width_of_the_grid(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, 'savefig', lambda self, *a, **k: figures.append(self))
    caption = ' '.join(['word'] * 30)
    draw_panels([[('title', GRAY)]], tmp_path / 'grid.png', caption)
    figure = figures[0]
    figure.canvas.draw()
    (text,) = (t for t in figure.findobj() if 'word' in getattr(t, '_text', ''))
    assert text.get_text().split() == caption.split()
    assert text.get_window_extent().width <= figure.bbox.width
