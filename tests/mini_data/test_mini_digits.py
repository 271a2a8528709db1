"""The mini dataset for image generation."""

import cv2
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from mmgroupmix.errors import UserError
from mmgroupmix.mini_data import write_mini_digits

pytestmark = pytest.mark.smoke


def read_split(root, split):
    return [
        (path.parent.name, np.asarray(Image.open(path)))
        for path in sorted((root / split).glob('*/*.png'))
    ]


def test_images_are_enlarged_scans_in_a_folder_of_each_digit(tmp_path):
    root = write_mini_digits(tmp_path / 'digits', num_train=40, num_val=20)
    digits = load_digits()
    for name, image in read_split(root, 'train'):
        assert image.shape == (32, 32, 3) and image.dtype == np.uint8
        assert (image == image[..., :1]).all()
        # Some scan of this digit is the image, reduced.
        inner = np.ascontiguousarray(image[2:30, 2:30, 0])
        small = cv2.resize(inner, (8, 8), interpolation=cv2.INTER_AREA).ravel()
        scans = digits.images[digits.target == int(name[-1])]
        correlations = [np.corrcoef(small, scan.ravel())[0, 1] for scan in scans]
        assert max(correlations) > 0.97
    names = [name for name, _ in read_split(root, 'val')]
    assert names == [f'digit_{digit}' for digit in range(10) for _ in range(2)]


def test_no_digit_is_in_both_splits(tmp_path):
    root = write_mini_digits(tmp_path / 'digits')
    train, val = (
        {image.tobytes() for _, image in read_split(root, split)}
        for split in ('train', 'val')
    )
    assert len(train) > 1250 and len(val) > 400
    assert not train & val


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (dict(num_train=1400), 'num_train=1400, expected at most 1300'),
        (dict(num_val=5), 'num_val=5, expected an integer of at least 10'),
        (dict(size=8), 'min_size=8, expected an integer of at least 32'),
    ],
)
def test_wrong_arguments_are_named(tmp_path, arguments, words):
    with pytest.raises(UserError, match=words):
        write_mini_digits(tmp_path / 'digits', **arguments)
    assert not (tmp_path / 'digits').exists()
