"""The limit of memory for one image: estimates, and refusals by the system."""

import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmgroupmix.apis.inference.memory import MemoryLimit, MemoryLimitError
from mmgroupmix.apis.inference.reading import read_frames
from mmgroupmix.apis.inference.sources import find_sources
from mmgroupmix.apis.tasks.label_map_drawing import draw_label_map

linux = pytest.mark.skipif(
    not sys.platform.startswith('linux'), reason='only Linux refuses memory'
)
QUARTER = 2**28


def write_png_header(path, width, height):
    """A PNG that declares a size and holds a few bytes."""

    def chunk(kind, data):
        checksum = struct.pack('>I', zlib.crc32(kind + data))
        return struct.pack('>I', len(data)) + kind + data + checksum

    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(99))
    path.write_bytes(
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', header)
        + chunk(b'IDAT', data)
        + chunk(b'IEND', b'')
    )


def read(folder, gibibytes):
    skipped = {}
    sources = find_sources([str(folder)])
    frames = list(read_frames(sources, skipped.__setitem__, MemoryLimit(gibibytes)))
    return [frame.name for frame in frames], skipped


def test_an_estimate_above_the_limit_is_refused_with_both_numbers():
    limit = MemoryLimit(0.5)
    limit.check(2**29, 'a photo')
    with pytest.raises(MemoryLimitError) as raised:
        limit.check(2**29 + 1, 'a photo')
    assert str(raised.value).startswith(
        'a photo needs about 0.5 GiB, more than the 0.5 GiB of --max-memory. Give a '
    )


@linux
@pytest.mark.parametrize(
    'allocate',
    [
        lambda: np.ones(QUARTER, np.uint8),
        lambda: torch.ones(QUARTER, dtype=torch.uint8),
        lambda: bytearray(QUARTER),
        lambda: cv2.resize(np.ones((2, 2), np.uint8), (2**14, 2**14)),
        lambda: Image.new('L', (2**14, 2**14)).tobytes(),
    ],
    ids=['numpy', 'torch', 'python', 'opencv', 'pillow'],
)
def test_the_system_refuses_what_no_estimate_foresees(allocate):
    limit = MemoryLimit(0.125)
    expected = pytest.raises(MemoryLimitError, match='0.125 GiB of --max-memory')
    with expected, limit.enforce():
        allocate()
    # The limit ends with the block.
    assert allocate() is not None


@linux
def test_images_of_one_batch_have_a_limit_each():
    limit = MemoryLimit(0.125)
    with limit.enforce(num_images=3):
        torch.ones(QUARTER, dtype=torch.uint8)


def test_a_limit_beyond_all_memory_is_no_limit():
    with MemoryLimit(1e30).enforce(7):
        torch.ones(QUARTER, dtype=torch.uint8)


def test_other_errors_pass_unchanged():
    with pytest.raises(ZeroDivisionError), MemoryLimit().enforce():
        raise ZeroDivisionError


@pytest.mark.parametrize('size', [(25_000, 20_000), (60_000, 60_000), (2**31 - 1, 9)])
def test_a_bomb_is_refused_by_the_size_that_it_declares(size, tmp_path, monkeypatch):
    def fail(path):
        raise AssertionError(f'{path} was decoded')

    monkeypatch.setattr('mmcv.imread', fail)
    write_png_header(tmp_path / 'bomb.png', *size)
    frames, skipped = read(tmp_path, 1)
    assert frames == []
    reason = f'cannot be read: an image of {size[0]} x {size[1]} pixels needs about '
    assert skipped['bomb.png'].startswith(reason)


def test_a_sparse_file_is_refused_by_its_size(tmp_path):
    with (tmp_path / 'zeros.jpg').open('wb') as file:
        file.truncate(2**40)
    frames, skipped = read(tmp_path, 1)
    assert frames == []
    assert skipped['zeros.jpg'].startswith(
        'cannot be read: the file of 1099511627776 bytes needs about 1e+03 GiB'
    )


def test_a_video_is_refused_by_the_size_that_it_declares(tmp_path):
    video = cv2.VideoWriter(
        str(tmp_path / 'clip.avi'), cv2.VideoWriter.fourcc(*'MJPG'), 5, (640, 480)
    )
    video.write(np.zeros((480, 640, 3), np.uint8))
    video.release()
    skipped = {}
    limit = MemoryLimit(640 * 480 * 3 / 2**30)
    sources = find_sources([str(tmp_path / 'clip.avi')])
    assert list(read_frames(sources, skipped.__setitem__, limit)) == []
    assert 'an image of 640 x 480 pixels needs about' in skipped['clip.avi']


@pytest.mark.parametrize('size', [(37, 53), (301, 330)])
def test_an_overlay_drawn_in_strips_is_that_of_mmsegmentation(size):
    visualization = pytest.importorskip('mmseg.visualization')
    from mmengine.structures import PixelData

    random = np.random.default_rng(0)
    image = random.integers(0, 256, (*size, 3), np.uint8)
    # Six classes of eight, in blobs; the label 9 has no name.
    labels = cv2.resize(
        random.choice([0, 1, 3, 4, 6, 7, 9], (5, 6)).astype(np.uint8),
        size[::-1],
        interpolation=cv2.INTER_NEAREST,
    ).astype(np.int64)
    classes = [f'class {i}' for i in range(8)]
    palette = random.integers(0, 256, (8, 3)).tolist()
    expected = visualization.SegLocalVisualizer(alpha=0.5)._draw_sem_seg(
        image.copy(), PixelData(data=torch.from_numpy(labels)[None]), classes, palette
    )
    found = draw_label_map(image, labels, classes, palette, 0.5)
    np.testing.assert_array_equal(found, expected)


@linux
def test_work_on_another_device_is_not_refused_by_the_system():
    limit = MemoryLimit(0.125)
    with limit.enforce(device='cuda'):
        torch.ones(QUARTER, dtype=torch.uint8)


def test_a_device_without_memory_left_skips_the_image():
    expected = pytest.raises(MemoryLimitError, match='the device has too little memory')
    with expected, MemoryLimit().enforce(device='cuda'):
        raise torch.cuda.OutOfMemoryError('full')
