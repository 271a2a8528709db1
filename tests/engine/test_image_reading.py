"""tools/infer.py reads files, frames and arrays as the test pipeline's loading step."""

import cv2
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from mmengine.registry import TRANSFORMS
from PIL import Image

from mmgroupmix.apis.inference.reading import read_frames
from mmgroupmix.apis.inference.sources import find_sources
from mmgroupmix.engine.image_reading import (
    ImageReader,
    ReadingPipeline,
    take_loading_step,
)

pytestmark = pytest.mark.smoke

FLAGS = ('color', 'grayscale', 'unchanged', 'color_ignore_orientation')


@TRANSFORMS.register_module()
class LoadHalves:
    """A loading step of a user: half of what is in the file, as numbers below 1."""

    def __call__(self, results):
        image = cv2.imread(results['img_path'])
        return dict(results, img=image.astype(np.float32) / 512)


def write_turned_photo(path):
    """A photo, 40 x 24 pixels, whose EXIF says that it is to be turned."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 40, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(path, exif=exif)


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize('flag', FLAGS)
def test_a_turned_photo_is_read_as_by_the_pipeline(flag, backend, tmp_path):
    write_turned_photo(tmp_path / 'photo.jpg')
    step = dict(type='LoadImageFromFile', color_type=flag, imdecode_backend=backend)
    expected = LoadImageFromFile(color_type=flag, imdecode_backend=backend)(
        dict(img_path=str(tmp_path / 'photo.jpg'))
    )
    reader = take_loading_step([step], 'mmseg')
    sources = find_sources([str(tmp_path)])
    (frame,) = read_frames(sources, pytest.fail, reader=reader)
    assert np.array_equal(frame.image, expected['img'])
    stays = flag == 'unchanged' or 'ignore' in flag
    assert frame.image.shape[:2] == ((24, 40) if stays else (40, 24))


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize('flag', FLAGS)
@pytest.mark.parametrize('shape', [(9, 7), (9, 7, 3), (9, 7, 4)])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_an_array_becomes_what_a_file_with_it_becomes(
    flag, backend, shape, dtype, tmp_path
):
    limit = np.iinfo(dtype).max + 1
    image = np.random.default_rng(0).integers(0, limit, shape).astype(dtype)
    path = str(tmp_path / 'image.png')
    cv2.imwrite(path, image)
    step = dict(color_type=flag, imdecode_backend=backend, to_float32=True)
    reader = ImageReader(step)
    # Pillow reads 16 bits of colours as 8; an array stays.
    expected = image if flag == 'unchanged' else reader.read(path)
    converted = reader.convert(image)
    assert converted.dtype == np.float32
    assert np.array_equal(converted, expected)
    assert np.array_equal(reader.convert(converted), converted)


def test_frames_of_a_video_become_grey_for_a_grey_model(tmp_path):
    path = tmp_path / 'clip.avi'
    codec = cv2.VideoWriter.fourcc(*'MJPG')
    video = cv2.VideoWriter(str(path), codec, 5, (32, 16))
    for value in (0, 200):
        video.write(np.full((16, 32, 3), value, np.uint8))
    video.release()
    sources = find_sources([str(path)])
    reader = ImageReader(dict(color_type='grayscale'))
    frames = list(read_frames(sources, pytest.fail, reader=reader))
    assert [frame.image.shape for frame in frames] == [(16, 32)] * 2
    assert frames[1].image.mean() > 190


def test_bands_that_no_decoder_knows_stay_as_they_are():
    image = np.zeros((4, 5, 6), np.float32)
    assert ImageReader(dict(color_type='grayscale')).convert(image) is image


def test_a_loading_step_of_the_users_own_reads_and_inferencers_find_their_step(tmp_path):
    path = str(tmp_path / 'image.png')
    cv2.imwrite(path, np.full((4, 5, 3), 128, np.uint8))
    pipeline = [dict(type='LoadHalves'), dict(type='Resize')]
    reader = take_loading_step(pipeline, 'mmseg')
    assert [step['type'] for step in pipeline] == ['LoadImageFromFile', 'Resize']
    assert np.array_equal(reader.read(path), np.full((4, 5, 3), 0.25, np.float32))


def test_an_inferencers_pipeline_gets_converted_arrays_and_unchanged_paths():
    reader = ImageReader(dict(color_type='grayscale'))
    seen = []
    unchecked = type('Unchecked', (), dict(check=lambda *_: None))()
    pipeline = ReadingPipeline(lambda data: seen.append(data), reader, unchecked)
    colour = np.zeros((4, 5, 3), np.uint8)
    for data in (colour, dict(img=colour, text='ship'), 'photo.png'):
        pipeline(data)
    assert seen[0].shape == seen[1]['img'].shape == (4, 5)
    assert (seen[1]['text'], seen[2]) == ('ship', 'photo.png')
