"""A digit is drawn at the requested size, and without the specks of its sample."""

import cv2
import numpy as np
import pytest

from mmgroupmix.mini_data.glyphs import draw_glyph


def count_components(mask):
    num_labels, _ = cv2.connectedComponents(mask.astype(np.uint8))
    return num_labels - 1


@pytest.fixture
def sample():
    """An L: a vertical line of 8 pixels and a horizontal one of 6."""
    grey = np.zeros((8, 8), np.float32)
    grey[:, 1] = grey[7, 1:7] = 1
    return grey


def test_a_digit_is_drawn_at_the_requested_height_and_ratio(sample):
    _, _, mask = draw_glyph(sample, height=80)
    np.testing.assert_allclose(mask.shape, (80, 60), atol=2)
    _, _, mask = draw_glyph(sample, height=80, stretch=1.5)
    np.testing.assert_allclose(mask.shape, (80, 90), atol=2)
    # Rotated counter-clockwise by 90 degrees, the L lies on its back.
    _, _, mask = draw_glyph(sample, height=80, angle=90)
    np.testing.assert_allclose(mask.shape, (60, 80), atol=2)
    assert mask[:, -5].mean() > 0.9 and mask[-5].mean() > 0.9


def test_specks_of_the_sample_are_not_drawn(sample):
    sample[1, 5] = 0.6  # barely ink
    grey, opacity, mask = draw_glyph(sample, height=160)
    speck = np.s_[: mask.shape[0] // 2, mask.shape[1] // 2 :]
    assert grey[speck].max() > 0.5
    assert opacity[speck].max() == 0
    assert count_components(mask) == 1


def test_larger_parts_of_a_sample_are_drawn(sample):
    sample[1:3, 4:6] = 1
    _, opacity, mask = draw_glyph(sample, height=160)
    assert count_components(mask) == 2
    # The edge is soft, and the mask ends where it is half opaque.
    np.testing.assert_array_equal(opacity >= 0.5, mask)
    assert ((opacity > 0.05) & (opacity < 0.95)).any()
