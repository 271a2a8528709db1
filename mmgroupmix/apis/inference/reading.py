"""Decoding of images and videos within a limit of memory."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import mmcv
import numpy as np
from PIL import Image, UnidentifiedImageError

from ...engine.image_reading import ImageReader
from .memory import MemoryLimit
from .sources import Frame, Source

#: Containers of some formats only estimate their number of frames.
MIN_SHARE_OF_FRAMES = 0.95
#: Bytes per pixel while an image is decoded: Pillow's, OpenCV's and a rotated copy.
DECODING_BYTES = 7
#: Formats that Pillow checks. Not all that it knows: for some it starts other programs.
CHECKED_FORMATS = ('BMP', 'DIB', 'GIF', 'JPEG', 'JPEG2000', 'PNG', 'PPM', 'TIFF', 'WEBP')

Skip = Callable[[str, str], None]


def read_frames(
    sources: Iterable[Source],
    skip: Skip,
    limit: MemoryLimit | None = None,
    reader: ImageReader | None = None,
) -> Iterator[Frame]:
    """Decode one image after the other.

    Args:
        sources (Iterable[Source]): The files.
        skip (Callable[[str, str], None]): Called with the name of a file or frame that
            cannot be read, and the reason.
        limit (MemoryLimit, optional): Images that need more are not decoded. Defaults to
            None: the default limit.
        reader (ImageReader, optional): Reads the images. Defaults to None: in colour.

    Yields:
        Frame: The next image that could be read.
    """
    limit = limit or MemoryLimit()
    reader = reader or ImageReader()
    numbers = count(1)
    for source in sources:
        if source.is_video:
            yield from _read_video(source, numbers, skip, limit, reader)
            continue
        number = next(numbers) if source.number is None else source.number
        try:
            with limit.enforce():
                image = _read_image(source.path, limit, reader)
        except Exception as error:
            # Decoders raise exceptions of many types on broken files.
            skip(source.name, f'cannot be read: {_describe(error)}')
            continue
        yield Frame(source, number, image)
        del image  # the next one is decoded when this one may be released


def _describe(error: Exception) -> str:
    return ' '.join(str(error).split()) or type(error).__name__


def _read_image(path: Path, limit: MemoryLimit, reader: ImageReader) -> np.ndarray:
    """Read as the test pipeline does; raise if any part of the file is missing."""
    if not path.is_file():
        raise ValueError('not a regular file any more')
    file_size = path.stat().st_size
    if not file_size:
        raise ValueError('the file is empty')
    limit.check(file_size, f'the file of {file_size} bytes')
    _check_whole(path, file_size, limit)
    return reader.read(path)


def _check_whole(path: Path, file_size: int, limit: MemoryLimit) -> None:
    """Check the size that an image declares, then that all of it is there."""
    with _without_pixel_limit():
        try:
            image = Image.open(path, formats=CHECKED_FORMATS)
        except UnidentifiedImageError:
            return  # a format that only OpenCV reads
        with image:
            _check_size(*image.size, file_size, limit)
            # OpenCV silently fills what a truncated file lacks with grey.
            image.load()


def _check_size(width: int, height: int, file_size: int, limit: MemoryLimit) -> None:
    limit.check(
        width * height * DECODING_BYTES + file_size,
        f'an image of {width} x {height} pixels',
    )


@contextmanager
def _without_pixel_limit() -> Iterator[None]:
    """Turn off Pillow's own limit of the size, which is checked here in bytes."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _read_video(
    source: Source,
    numbers: Iterator[int],
    skip: Skip,
    limit: MemoryLimit,
    reader: ImageReader,
) -> Iterator[Frame]:
    read = 0
    try:
        with limit.enforce():
            # By default, ten decoded frames are kept.
            video = mmcv.VideoReader(str(source.path), cache_capacity=1)
        if not video.opened:
            skip(source.name, 'cannot be opened as a video')
            return
        _check_size(video.width, video.height, 0, limit)
        while True:
            with limit.enforce():
                image = video.read()
                if image is not None:
                    image = reader.convert(image)
            if image is None:
                break
            yield Frame(source, next(numbers), image, read, video.fps)
            read += 1
    except Exception as error:
        skip(source.name, f'cannot be read after {read} frames: {_describe(error)}')
        return
    if read < MIN_SHARE_OF_FRAMES * video.frame_cnt:
        skip(source.name, f'ends after {read} of {video.frame_cnt} frames')
