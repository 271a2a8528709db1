"""Reading of images for tools/infer.py."""

import os

import mmcv
import numpy as np
import pytest
from PIL import Image

from mmgroupmix.apis.inference.reading import read_frames
from mmgroupmix.apis.inference.sources import find_sources
from mmgroupmix.apis.own_data.listing import IMAGE_SUFFIXES, list_data
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'webp'])
def test_a_truncated_image_is_skipped_even_if_opencv_completes_it(
    suffix, tmp_path, monkeypatch
):
    # Some releases of OpenCV fill what is missing with grey.
    grey = np.full((32, 40, 3), 128, np.uint8)
    monkeypatch.setattr(mmcv, 'imread', lambda path: grey)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    for name in ('a_whole', 'b_truncated'):
        Image.fromarray(pixels).save(tmp_path / f'{name}.{suffix}')
    truncated = tmp_path / f'b_truncated.{suffix}'
    truncated.write_bytes(truncated.read_bytes()[: truncated.stat().st_size // 2])
    skipped = {}
    frames = list(read_frames(find_sources([str(tmp_path)]), skipped.__setitem__))
    assert [frame.name for frame in frames] == [f'a_whole.{suffix}']
    assert list(skipped) == [f'b_truncated.{suffix}']
    assert skipped[f'b_truncated.{suffix}'].startswith('cannot be read: ')


@pytest.mark.parametrize('suffix', IMAGE_SUFFIXES)
def test_images_of_every_kind_that_data_may_have_are_predicted(suffix, tmp_path):
    mode = 'L' if suffix == '.pgm' else 'RGB'
    Image.new(mode, (40, 32), 'white').save(tmp_path / f'one{suffix}')
    assert list_data(tmp_path).images == [f'one{suffix}']
    skipped = {}
    (frame,) = read_frames(find_sources([str(tmp_path)]), skipped.__setitem__)
    assert frame.image.shape == (32, 40, 3) and not skipped


def test_an_empty_file_is_skipped_as_such(tmp_path):
    (tmp_path / 'one.png').touch()
    skipped = {}
    assert not list(read_frames(find_sources([str(tmp_path)]), skipped.__setitem__))
    assert skipped == {'one.png': 'cannot be read: the file is empty'}


def find_names(*inputs):
    return [source.name for source in find_sources([str(one) for one in inputs])]


@pytest.mark.parametrize(
    'mode, suffix',
    [('CMYK', 'jpg'), ('I;16', 'png'), ('I;16', 'tif'), ('LA', 'png'), ('1', 'bmp')],
)
def test_images_of_other_modes_are_read_in_colour(mode, suffix, tmp_path):
    Image.new(mode, (40, 32)).save(tmp_path / f'one.{suffix}')
    (frame,) = read_frames(find_sources([str(tmp_path)]), fail)
    assert frame.image.shape == (32, 40, 3) and frame.image.dtype == np.uint8


@pytest.mark.parametrize('suffix', ['png', 'webp'])
def test_of_an_animation_the_first_image_is_read(suffix, tmp_path):
    images = [Image.new('RGB', (40, 32), (value,) * 3) for value in (10, 200)]
    images[0].save(tmp_path / f'one.{suffix}', save_all=True, append_images=images[1:])
    (frame,) = read_frames(find_sources([str(tmp_path)]), fail)
    assert abs(int(frame.image[0, 0, 0]) - 10) < 9


def fail(name, reason):
    raise AssertionError(f'{name} was skipped: {reason}')


def test_a_file_whose_content_would_start_a_program_is_not_given_to_pillow(tmp_path):
    # Pillow runs Ghostscript on PostScript, whatever the name of the file.
    (tmp_path / 'one.jpg').write_text(
        '%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n'
    )
    skipped = {}
    assert not list(read_frames(find_sources([str(tmp_path)]), skipped.__setitem__))
    assert skipped == {'one.jpg': 'cannot be read: not an image, or a broken one'}


def test_pipes_folders_and_loops_named_as_images_are_left_out(tmp_path):
    Image.new('RGB', (40, 32)).save(tmp_path / 'a.png')
    os.mkfifo(tmp_path / 'b.png')
    (tmp_path / 'c.png').mkdir()
    (tmp_path / 'd.png').symlink_to('d.png')
    (tmp_path / 'e.png').symlink_to('missing.png')
    (tmp_path / 'f.png').symlink_to('/dev/zero')
    assert find_names(tmp_path) == find_names(tmp_path / '*.png') == ['a.png']


@pytest.mark.parametrize('name', ['pipe.png', 'loop.png', 'broken.png', 'zero.png'])
def test_a_device_a_pipe_or_a_broken_link_is_refused_by_name(name, tmp_path):
    os.mkfifo(tmp_path / 'pipe.png')
    (tmp_path / 'loop.png').symlink_to('loop.png')
    (tmp_path / 'broken.png').symlink_to('missing.png')
    (tmp_path / 'zero.png').symlink_to('/dev/zero')
    with pytest.raises(UserError, match=f'{name} is neither a file nor a folder'):
        find_sources([str(tmp_path / name)])


def test_a_pattern_does_not_follow_loops_of_links(tmp_path):
    # With two of them, every level of depth doubles the number of paths.
    for name in ('sub/one.png', '.hidden/two.png', '.three.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new('RGB', (40, 32)).save(tmp_path / name)
    for name in ('sub/up', 'sub/again'):
        (tmp_path / name).symlink_to('..')
    assert find_names(tmp_path / '**' / '*.png') == ['one.png']
    assert find_names(tmp_path / '*' / '*.png') == ['one.png']
    assert find_names(tmp_path / '.*' / '*.png') == ['two.png']


def test_a_pattern_may_be_relative_or_above_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / 'a' / 'b').mkdir(parents=True)
    Image.new('RGB', (40, 32)).save(tmp_path / 'a' / 'one.png')
    monkeypatch.chdir(tmp_path / 'a' / 'b')
    assert find_names('../*.png') == ['one.png']
    monkeypatch.chdir(tmp_path / 'a')
    assert find_names('*.png') == find_names('**/*.png') == ['one.png']
