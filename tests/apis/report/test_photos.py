"""Images are read as the pipeline of their dataset reads them, and fit on a page."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from mmgroupmix.apis.report.photos import DatasetReader, make_photo

pytestmark = pytest.mark.smoke

RED, BLUE = (220, 30, 40), (30, 40, 220)


def decode(photo):
    header, data = photo.uri.split(',')
    assert header == 'data:image/jpeg;base64'
    return Image.open(io.BytesIO(base64.b64decode(data)))


def build_dataset(folder, **options):
    from mmpretrain.datasets import CustomDataset

    load = dict(type='LoadImageFromFile', **options)
    return CustomDataset(data_root=str(folder), pipeline=[load], serialize_data=False)


def read(dataset, position=0):
    info = dataset.get_data_info(position)
    return DatasetReader(dataset).read(position, info['img_path'])


def write(folder, image, name='1.png', **options):
    (folder / 'a').mkdir(exist_ok=True)
    image.save(folder / 'a' / name, **options)
    return folder


def test_the_colours_are_those_of_the_file(tmp_path):
    photo = read(build_dataset(write(tmp_path, Image.new('RGB', (40, 20), RED))))
    assert (photo.width, photo.height) == (40, 20)
    np.testing.assert_allclose(decode(photo).getpixel((9, 9)), RED, atol=6)


def test_an_image_with_four_channels_shows_its_colours(tmp_path):
    image = Image.new('RGBA', (40, 20), (*BLUE, 200))
    dataset = build_dataset(write(tmp_path, image), color_type='unchanged')
    np.testing.assert_allclose(decode(read(dataset)).getpixel((9, 9)), BLUE, atol=6)


def test_a_grey_image_stays_grey(tmp_path):
    dataset = build_dataset(
        write(tmp_path, Image.new('L', (8, 8), 90)), color_type='grayscale'
    )
    assert decode(read(dataset)).mode == 'L'


def test_a_turned_photo_is_turned_as_for_the_model(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    image = Image.new('RGB', (40, 20), RED)
    folder = write(tmp_path, image, '1.jpg', exif=exif.tobytes())
    photo = read(build_dataset(folder))
    assert (photo.width, photo.height) == (20, 40)


@pytest.mark.parametrize('shape', [(6, 5), (6, 5, 1), (6, 5, 2), (6, 5, 7)])
@pytest.mark.parametrize('dtype', [np.uint16, np.float32])
def test_images_of_any_channels_and_range_are_shown(shape, dtype):
    image = np.linspace(0, 4000, int(np.prod(shape))).reshape(shape).astype(dtype)
    low, high = decode(make_photo(image)).convert('L').getextrema()
    assert low < 10 and high > 200


def test_a_large_image_is_reduced_and_keeps_its_own_pixels_as_its_size():
    noise = np.random.default_rng(0).integers(0, 256, (1200, 800, 3), np.uint8)
    photo = make_photo(noise)
    assert (photo.width, photo.height) == (800, 1200)
    assert decode(photo).size == (320, 480)
    # Of 24 images at most: a few megabytes.
    assert len(photo.uri) < 150_000


def test_an_image_that_has_gone_is_none(tmp_path):
    dataset = build_dataset(write(tmp_path, Image.new('RGB', (8, 8))))
    (tmp_path / 'a' / '1.png').unlink()
    assert read(dataset) is None
