"""COCO's notation of a mask is decoded to exactly the same mask."""

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from mmgroupmix.mini_data.outlines import encode_run_lengths, encode_segmentation


def decode(segmentation, shape):
    """Decode COCO's ``segmentation`` with pycocotools, (H, W), bool."""
    coco = COCO()
    coco.imgs = {1: dict(height=shape[0], width=shape[1])}
    return coco.annToMask(dict(image_id=1, segmentation=segmentation)).astype(bool)


def draw_random_mask(seed, smoothness, shape=(40, 57)):
    """A mask of several parts, with holes, and cut off by the image border."""
    noise = np.random.default_rng(seed).random(shape)
    return cv2.GaussianBlur(noise, (0, 0), smoothness) > 0.5


@pytest.mark.smoke
@pytest.mark.parametrize('smoothness', [0.3, 1.0, 3.0, 8.0])
def test_any_mask_is_decoded_exactly(smoothness):
    for seed in range(25):
        mask = draw_random_mask(seed, smoothness)
        for encode in (encode_segmentation, encode_run_lengths):
            np.testing.assert_array_equal(decode(encode(mask), mask.shape), mask)


@pytest.mark.parametrize(
    'rows, columns',
    [((0, 1), (0, 1)), ((0, 6), (0, 9)), ((5, 6), (0, 9)), ((0, 6), (8, 9))],
)
def test_a_rectangle_at_the_border_becomes_one_exact_polygon(rows, columns):
    mask = np.zeros((6, 9), bool)
    mask[slice(*rows), slice(*columns)] = True
    (polygon,) = encode_segmentation(mask)
    assert len(polygon) == 8
    np.testing.assert_array_equal(decode([polygon], mask.shape), mask)


def test_only_holes_and_touching_corners_become_run_lengths():
    mask = np.zeros((8, 16), bool)
    mask[1:7, 1:7] = mask[1:7, 9:15] = True
    assert len(encode_segmentation(mask)) == 2
    ring = mask.copy()
    ring[3:5, 3:5] = False
    assert isinstance(encode_segmentation(ring), dict)
    touching = np.eye(4, dtype=bool)
    assert isinstance(encode_segmentation(touching), dict)
