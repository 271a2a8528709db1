"""Images of any channels and depth as RGB: what a drawing shows."""

import numpy as np
import pytest

from mmgroupmix.visualization import rgb
from mmgroupmix.visualization.rgb import to_rgb

pytestmark = pytest.mark.smoke


def random_image(*shape, dtype=np.uint8, high=256):
    return np.random.default_rng(0).integers(0, high, shape).astype(dtype)


def test_a_colour_image_only_changes_the_order_of_its_channels():
    image = random_image(5, 4, 3)
    assert np.array_equal(to_rgb(image), image[..., ::-1])


@pytest.mark.parametrize('shape', [(5, 4), (5, 4, 1)])
def test_a_grey_image_is_grey_in_rgb(shape):
    image = random_image(*shape)
    shown = to_rgb(image)
    assert shown.shape == (5, 4, 3)
    for plane in np.moveaxis(shown, -1, 0):
        assert np.array_equal(plane, image.reshape(5, 4))


@pytest.mark.parametrize('num_channels', [4, 7])
def test_of_more_channels_the_first_three_are_shown_and_that_is_said_once(
    num_channels, capsys
):
    rgb._say_once.cache_clear()
    image = random_image(5, 4, num_channels)
    for _ in range(2):
        assert np.array_equal(to_rgb(image), image[..., 2::-1])
    assert capsys.readouterr().err.count(f'{num_channels} channels') == 1


@pytest.mark.parametrize(
    'image',
    [
        random_image(5, 4, dtype=np.uint16, high=4096),
        np.linspace(-3, 3, 20, dtype=np.float32).reshape(5, 4),
        np.linspace(0, 1, 20).reshape(5, 4),
    ],
    ids=['12 bits', 'normalised', 'shares'],
)
def test_other_ranges_are_stretched_from_black_to_white_in_their_order(image):
    shown = to_rgb(image)[..., 0]
    assert (shown.min(), shown.max()) == (0, 255)
    order = image.ravel().argsort(kind='stable')
    assert (np.diff(shown.ravel()[order].astype(int)) >= 0).all()


@pytest.mark.parametrize('dtype', [np.float32, np.uint16, np.int32])
def test_values_of_a_photograph_stay_in_other_types(dtype):
    image = random_image(5, 4, 3)
    assert np.array_equal(to_rgb(image.astype(dtype)), to_rgb(image))


def test_values_that_are_not_finite_can_be_drawn():
    image = np.full((3, 3), 7.0)
    image[0] = np.nan, np.inf, -np.inf
    assert np.array_equal(to_rgb(image)[1], np.full((3, 3), 7))
