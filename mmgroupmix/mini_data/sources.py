"""The source images of the scenes: scikit-learn's handwritten digits and photographs.

scikit-learn is optional. It is imported when the images are loaded, and nowhere else.
"""

from dataclasses import dataclass

import numpy as np

from .recipe import NUM_DIGITS, Split

# The samples are in the order in which people wrote them. A split by position keeps most
# writers in one of the splits, which makes the validation fairer than a random split.
TRAIN_SHARE = 0.75
# The left part of each photograph is used for training, the right one for validation.
TRAIN_WIDTH_SHARE = 0.7


@dataclass(frozen=True)
class SourceImages:
    """The images from which the scenes of a split are composed.

    Attributes:
        digits (list[np.ndarray]): Grey-scale samples of each of the digits 0 to 9,
            (N, 8, 8), float32 in [0, 1].
        photographs (list[np.ndarray]): RGB images, (H, W, 3), uint8.
    """

    digits: list[np.ndarray]
    photographs: list[np.ndarray]


def load_sources(split: Split) -> SourceImages:
    """Load the digits and the parts of the photographs that belong to a split.

    Args:
        split (str): 'train' or 'val'. They have no sample and no pixel in common.

    Returns:
        SourceImages: The images.

    Raises:
        ImportError: If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits, load_sample_images
    except ImportError as error:
        raise ImportError(
            'The mini datasets are composed of images that are shipped with '
            'scikit-learn, which is not installed. Run: pip install mmgroupmix[demo]'
        ) from error
    digits = load_digits()
    samples = [digits.images[digits.target == digit] for digit in range(NUM_DIGITS)]
    return SourceImages(
        digits=[
            _take_split(sample, split, TRAIN_SHARE).astype(np.float32) / 16
            for sample in samples
        ],
        photographs=[
            _take_split(photograph.swapaxes(0, 1), split, TRAIN_WIDTH_SHARE).swapaxes(
                0, 1
            )
            for photograph in load_sample_images().images
        ],
    )


def _take_split(array: np.ndarray, split: Split, train_share: float) -> np.ndarray:
    """Return the leading ``train_share`` of an array for 'train', the rest for 'val'."""
    cut = round(len(array) * train_share)
    return array[:cut] if split == 'train' else array[cut:]
