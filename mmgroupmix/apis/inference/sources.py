"""Images of files, folders, patterns and videos, one after the other."""

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import mmcv
import numpy as np
from PIL import Image, UnidentifiedImageError

from ...errors import UserError

IMAGE_SUFFIXES = (
    '.jpg',
    '.jpeg',
    '.png',
    '.bmp',
    '.webp',
    '.tif',
    '.tiff',
    '.ppm',
    '.pgm',
)
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg')
# Containers of some formats estimate their number of frames.
MIN_SHARE_OF_FRAMES = 0.95


@dataclass(frozen=True)
class Source:
    """A file with images.

    Attributes:
        path (Path): Where it is.
        name (str): Below the common folder of all files, with '/'; no two are equal.
        stem (str): ``name`` without suffix where that too is unlike all others.
        number (int or None): That in the name, as in COCO's, if each of the files is an
            image with one of its own.
    """

    path: Path
    name: str
    stem: str
    number: int | None

    @property
    def is_video(self) -> bool:
        """Whether it holds frames."""
        return self.path.suffix.lower() in VIDEO_SUFFIXES

    def num_images(self) -> int:
        """1, or what a video says about itself; 0 if it cannot be opened."""
        return max(mmcv.VideoReader(str(self.path)).frame_cnt, 0) if self.is_video else 1


@dataclass(frozen=True)
class Frame:
    """An image to predict.

    Attributes:
        source (Source): The file that it is from.
        number (int): That of the source, or of all images, from 1.
        image (np.ndarray): BGR, (H, W, 3), uint8.
        frame (int or None): Its number in a video, from 0.
        fps (float or None): Frames a second of that video.
    """

    source: Source
    number: int
    image: np.ndarray
    frame: int | None = None
    fps: float | None = None

    @property
    def name(self) -> str:
        """For messages."""
        if self.frame is None:
            return self.source.name
        return f'{self.source.name}, frame {self.frame}'

    def describe(self) -> dict:
        """dict: ``file_name``, the ``frame`` of a video, ``width`` and ``height``."""
        height, width = self.image.shape[:2]
        frame = {} if self.frame is None else dict(frame=self.frame)
        return dict(file_name=self.source.name, **frame, width=width, height=height)


def find_sources(inputs: Sequence[str], outputs: Sequence[Path] = ()) -> list[Source]:
    """List the files that a person named.

    Args:
        inputs (Sequence[str]): Image or video files, folders (all images below them) or
            patterns with ``*``, ``?``, ``[...]`` and ``**``. In folders and patterns,
            hidden files and those of other kinds are left out; links to folders are not
            followed.
        outputs (Sequence[Path]): Folders of former outputs, whose files only count if
            they are named one by one.

    Returns:
        list[Source]: Each file once, in the order given, those of one input sorted.

    Raises:
        UserError: If an input is missing, of another kind, or without images.
    """
    former = {os.path.abspath(folder) for folder in outputs}
    paths = []
    for one in inputs:
        # Not resolved: a link is a file under a name of its own.
        found = [Path(os.path.abspath(path)) for path in _files_of(one)]
        kept = [
            path
            for path in found
            if Path(one).is_file() or former.isdisjoint(map(str, path.parents))
        ]
        if not kept:
            raise UserError(f'{one}: only overlays or label maps of a former run')
        paths += kept
    paths = list(dict.fromkeys(paths))
    root = os.path.commonpath([path.parent for path in paths])
    names = [Path(os.path.relpath(path, root)) for path in paths]
    stems = [name.with_suffix('') for name in names]
    taken = Counter([*stems, *names])
    unlike = [stem if taken[stem] == 1 else name for name, stem in zip(names, stems)]
    return [
        Source(path, name.as_posix(), stem.as_posix(), number)
        for path, name, stem, number in zip(
            paths, names, unlike, _numbers_in_names(paths)
        )
    ]


def read_frames(
    sources: Iterable[Source], skip: Callable[[str, str], None]
) -> Iterator[Frame]:
    """Decode one image after the other.

    Args:
        sources (Iterable[Source]): The files.
        skip (Callable[[str, str], None]): Called with the name of a file or frame that
            cannot be read, and the reason.

    Yields:
        Frame: The next image that could be read.
    """
    numbers = count(1)
    for source in sources:
        if source.is_video:
            yield from _frames(source, numbers, skip)
            continue
        number = next(numbers) if source.number is None else source.number
        try:
            yield Frame(source, number, _read_image(source.path))
        except Exception as error:
            # Decoders raise what they like on broken files.
            reason = ' '.join(str(error).split()) or type(error).__name__
            skip(source.name, f'cannot be read: {reason}')


def _numbers_in_names(paths: list[Path]) -> list[int] | list[None]:
    if all(
        path.stem.isascii()
        and path.stem.isdigit()
        and path.suffix.lower() in IMAGE_SUFFIXES
        for path in paths
    ):
        numbers = [int(path.stem) for path in paths]
        if len(set(numbers)) == len(numbers):
            return numbers
    return [None] * len(paths)


def _files_of(given: str) -> list[Path]:
    path = Path(given)
    if path.is_file():
        if path.suffix.lower() not in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES):
            raise UserError(
                f'{given}: neither an image nor a video by its name. Known: '
                f'{", ".join((*IMAGE_SUFFIXES, *VIDEO_SUFFIXES))}'
            )
        return [path]
    if path.is_dir():
        kinds = IMAGE_SUFFIXES
        found = [
            file
            for file in path.rglob('*')
            if not any(part.startswith('.') for part in file.relative_to(path).parts)
        ]
        expected = 'in this folder. Videos have to be named one by one, or by a pattern'
    elif glob.has_magic(given):
        kinds = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
        found = map(Path, glob.glob(given, recursive=True))
        expected = 'or videos match this pattern'
    else:
        raise UserError(
            f'{given}: no such file or folder. Expected an image, a video, a folder, or '
            'a pattern in quotes such as "photos/*.jpg".'
        )
    found = sorted(
        file for file in found if file.suffix.lower() in kinds and file.is_file()
    )
    if not found:
        raise UserError(f'{given}: no images {expected}. Looked for {", ".join(kinds)}.')
    return found


def _read_image(path: Path) -> np.ndarray:
    """In colour and turned upright; refused if anything of the file is missing."""
    try:
        with Image.open(path) as picture:
            # OpenCV fills what a truncated file lacks with grey, without a word.
            picture.load()
    except (UnidentifiedImageError, Image.DecompressionBombError):
        pass  # Formats and sizes that only OpenCV takes.
    image = mmcv.imread(str(path))
    if image is None:
        raise ValueError('not an image, or a broken one')
    return image


def _frames(
    source: Source, numbers: Iterator[int], skip: Callable[[str, str], None]
) -> Iterator[Frame]:
    video = mmcv.VideoReader(str(source.path))
    if not video.opened:
        skip(source.name, 'cannot be opened as a video')
        return
    read = 0
    for frame in video:
        if frame is None:
            break
        yield Frame(source, next(numbers), frame, read, video.fps)
        read += 1
    if read < MIN_SHARE_OF_FRAMES * video.frame_cnt:
        skip(source.name, f'ends after {read} of {video.frame_cnt} frames')
