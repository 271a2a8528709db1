"""The three mini datasets, written once per session, and replaced source images."""

from types import SimpleNamespace

import numpy as np
import pytest

from mmgroupmix.mini_data import write_mini_ade20k, write_mini_coco, write_mini_imagenet

from .datasets import SEVERAL, SINGLE


@pytest.fixture(scope='session')
def ade20k(tmp_path_factory):
    return write_mini_ade20k(tmp_path_factory.mktemp('mini') / 'ade20k', **SEVERAL)


@pytest.fixture(scope='session')
def coco(tmp_path_factory):
    return write_mini_coco(tmp_path_factory.mktemp('mini') / 'coco', **SEVERAL)


@pytest.fixture(scope='session')
def imagenet(tmp_path_factory):
    return write_mini_imagenet(tmp_path_factory.mktemp('mini') / 'imagenet', **SINGLE)


@pytest.fixture
def replace_photographs(monkeypatch):
    """A function that replaces scikit-learn's photographs by an image, (H, W, 3)."""

    def replace(image):
        monkeypatch.setattr(
            'sklearn.datasets.load_sample_images',
            lambda: SimpleNamespace(images=[image.astype(np.uint8)] * 2),
        )

    return replace


@pytest.fixture
def black_photographs(replace_photographs):
    """Black backgrounds: all that is bright in an image belongs to a digit."""
    replace_photographs(np.zeros((427, 640, 3)))


@pytest.fixture
def different_sources(monkeypatch, replace_photographs):
    """Training sources that clearly differ from those of the validation.

    The first 70 % of a photograph's columns are black, the others white. The first 75 %
    of the samples of a digit are filled squares, the others vertical lines.
    """
    photograph = np.zeros((427, 640, 3))
    photograph[:, 448:] = 255
    replace_photographs(photograph)
    square, line = np.zeros((2, 8, 8))
    square[:] = line[:, 4] = 16
    samples = [square] * 15 + [line] * 5
    digits = SimpleNamespace(
        images=np.array(samples * 10), target=np.repeat(np.arange(10), len(samples))
    )
    monkeypatch.setattr('sklearn.datasets.load_digits', lambda: digits)
