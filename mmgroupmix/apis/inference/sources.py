"""Images and videos that files, folders and patterns name."""

import glob
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mmcv
import numpy as np

from ...errors import UserError
from ...visualization.rgb import to_rgb

IMAGE_SUFFIXES = (
    '.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff', '.ppm', '.pgm', '.gif',
)  # fmt: skip
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg')


@dataclass(frozen=True)
class Source:
    """A file with one or more images.

    Attributes:
        path (Path): The file.
        name (str): Its path below the common folder of all files, with '/'; unique.
        stem (str): ``name`` without suffix where that is unique too, else ``name``.
        number (int, optional): The number in the file name, as in COCO's, if every file
            is an image with a number of its own.
    """

    path: Path
    name: str
    stem: str
    number: int | None

    @property
    def is_video(self) -> bool:
        """Whether the file is a video."""
        return self.path.suffix.lower() in VIDEO_SUFFIXES

    def num_images(self) -> int:
        """1, or the number of frames that a video declares, 0 if it cannot be opened."""
        return max(mmcv.VideoReader(str(self.path)).frame_cnt, 0) if self.is_video else 1


@dataclass(frozen=True)
class Frame:
    """An image to predict.

    Attributes:
        source (Source): The file that it comes from.
        number (int): The source's number, or its place among all images, from 1.
        image (np.ndarray): As the test pipeline reads it: (H, W) or (H, W, C), blue first
            if it has colours.
        index (int, optional): Its place in a video, from 0.
        fps (float, optional): Frames per second of that video.
    """

    source: Source
    number: int
    image: np.ndarray
    index: int | None = None
    fps: float | None = None

    @property
    def name(self) -> str:
        """The name for messages."""
        if self.index is None:
            return self.source.name
        return f'{self.source.name}, frame {self.index}'

    @property
    def stem(self) -> str:
        """The name for output files, without suffix."""
        if self.index is None:
            return self.source.stem
        return f'{self.source.name}/{self.index:06d}'

    def rgb(self) -> np.ndarray:
        """The image as RGB, (H, W, 3), uint8, for drawing."""
        return to_rgb(self.image)

    def describe(self) -> dict[str, Any]:
        """``file_name``, the ``frame`` of a video, ``width`` and ``height``."""
        height, width = self.image.shape[:2]
        frame = {} if self.index is None else dict(frame=self.index)
        return dict(file_name=self.source.name, **frame, width=width, height=height)


def find_sources(inputs: Sequence[str], outputs: Sequence[Path] = ()) -> list[Source]:
    """List the files that the user named.

    Args:
        inputs (Sequence[str]): Image or video files, folders (all images below them) or
            patterns with ``*``, ``?``, ``[...]`` and ``**``. In folders and patterns,
            hidden files and those of other kinds are left out; ``**`` and folders do not
            follow links to folders.
        outputs (Sequence[Path]): Folders of earlier outputs, whose files only count if
            they are named one by one. Defaults to none.

    Returns:
        list[Source]: Each file once, in the order given, those of one input sorted.

    Raises:
        UserError: If an input is missing, of another kind, or without images.
    """
    excluded = {os.path.abspath(folder) for folder in outputs}
    paths: list[Path] = []
    for given in inputs:
        # Not resolved: a link is a file with a name of its own.
        found = [Path(os.path.abspath(path)) for path in _list_files(given)]
        if not Path(given).is_file():
            found = [p for p in found if excluded.isdisjoint(map(str, p.parents))]
        if not found:
            raise UserError(f'{given}: only overlays or label maps of an earlier run')
        paths += found
    paths = list(dict.fromkeys(paths))
    root = os.path.commonpath([path.parent for path in paths])
    names = [Path(os.path.relpath(path, root)) for path in paths]
    stems = [name.with_suffix('') for name in names]
    uses = Counter([*stems, *names])
    stems = [stem if uses[stem] == 1 else name for name, stem in zip(names, stems)]
    return [
        Source(path, name.as_posix(), stem.as_posix(), number)
        for path, name, stem, number in zip(paths, names, stems, _number_by_name(paths))
    ]


def _number_by_name(paths: list[Path]) -> list[int] | list[None]:
    stems = [path.stem for path in paths]
    are_images = all(path.suffix.lower() in IMAGE_SUFFIXES for path in paths)
    if are_images and all(stem.isascii() and stem.isdigit() for stem in stems):
        numbers = [int(stem) for stem in stems]
        if len(set(numbers)) == len(numbers):
            return numbers
    return [None] * len(paths)


def _list_files(given: str) -> list[Path]:
    path = Path(given)
    suffixes: tuple[str, ...] = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
    if path.is_file():
        if path.suffix.lower() not in suffixes:
            raise UserError(
                f'{given}: neither an image nor a video by its name. Known: '
                f'{", ".join(suffixes)}'
            )
        return [path]
    if path.is_dir():
        suffixes = IMAGE_SUFFIXES
        candidates = [
            file
            for file in path.rglob('*')
            if not any(part.startswith('.') for part in file.relative_to(path).parts)
        ]
        expected = 'in this folder. Name videos one by one, or by a pattern'
    elif glob.has_magic(given):
        candidates = _match(given)
        expected = 'or videos match this pattern'
    elif os.path.lexists(given):
        raise UserError(
            f'{given} is neither a file nor a folder, but a device, a pipe, a socket or '
            'a link that leads nowhere.'
        )
    else:
        raise UserError(
            f'{given}: no such file or folder. Expected an image, a video, a folder, or '
            'a pattern in quotes such as "photos/*.jpg".'
        )
    files = sorted(f for f in candidates if f.suffix.lower() in suffixes and f.is_file())
    if not files:
        raise UserError(
            f'{given}: no images {expected}. Looked for {", ".join(suffixes)}.'
        )
    return files


def _match(pattern: str) -> list[Path]:
    """Files that a pattern matches; glob.glob would follow links, and loops of them."""
    parts = Path(pattern).parts
    first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    root, rest = Path(*parts[:first]), parts[first:]
    found = root.glob(os.path.join(*rest))
    if any(part.startswith('.') for part in rest):
        return list(found)
    return [
        path
        for path in found
        if not any(part.startswith('.') for part in path.relative_to(root).parts)
    ]
