"""The real pixels: handwritten digits and two photographs that scikit-learn ships.

scikit-learn is imported here, on first use, and nowhere else.
"""

from dataclasses import dataclass

import numpy as np

# The digits come in the order in which people wrote them, so a cut by position keeps
# most writers on one side: a fairer validation than a shuffled split.
TRAIN_SHARE = 0.75
# Photographs are cut by column: training sees the left part, validation the right.
TRAIN_WIDTH_SHARE = 0.7


@dataclass
class Sources:
    """What the scenes of one split are made of.

    Attributes:
        digits (list[np.ndarray]): For each digit 0 to 9 its handwritten samples, grey,
            (N, 8, 8), float32 in [0, 1].
        photographs (list[np.ndarray]): RGB, (H, W, 3), uint8.
    """

    digits: list
    photographs: list


def load_sources(split):
    """The digits and the parts of the photographs that belong to a split.

    Args:
        split (str): 'train' or 'val'; the two share no sample and no pixel.

    Returns:
        Sources: The material.

    Raises:
        ImportError: If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits, load_sample_images
    except ImportError as error:
        raise ImportError(
            'The mini data sets are composed from images that scikit-learn ships, and '
            'it is not installed: pip install mmgroupmix[demo]'
        ) from error
    digits = load_digits()
    samples = [digits.images[digits.target == digit] for digit in range(10)]
    return Sources(
        digits=[
            _part(sample, split, TRAIN_SHARE).astype(np.float32) / 16
            for sample in samples
        ],
        photographs=[
            _part(photograph.swapaxes(0, 1), split, TRAIN_WIDTH_SHARE).swapaxes(0, 1)
            for photograph in load_sample_images().images
        ],
    )


def _part(array, split, train_share):
    """The leading ``train_share`` of an array for 'train', the rest for 'val'."""
    cut = round(len(array) * train_share)
    return {'train': array[:cut], 'val': array[cut:]}[split]
