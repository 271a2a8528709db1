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
def black_photographs(monkeypatch):
    """Black backgrounds: all that is bright in an image belongs to a digit."""
    images = [np.zeros((427, 640, 3), np.uint8)] * 2
    monkeypatch.setattr(
        'sklearn.datasets.load_sample_images', lambda: SimpleNamespace(images=images)
    )


@pytest.fixture
def different_sources(monkeypatch):
    """Training sources that are easily told from those of the validation.

    The first 70 % of a photograph's columns are black, the others white. The first 75 %
    of the samples of a digit are filled squares, the others vertical lines.
    """
    photograph = np.zeros((427, 640, 3), np.uint8)
    photograph[:, 448:] = 255
    square, line = np.zeros((2, 8, 8))
    square[:] = line[:, 4] = 16
    samples = [square] * 15 + [line] * 5
    digits = SimpleNamespace(
        images=np.array(samples * 10), target=np.repeat(np.arange(10), len(samples))
    )
    monkeypatch.setattr('sklearn.datasets.load_digits', lambda: digits)
    monkeypatch.setattr(
        'sklearn.datasets.load_sample_images',
        lambda: SimpleNamespace(images=[photograph] * 2),
    )
