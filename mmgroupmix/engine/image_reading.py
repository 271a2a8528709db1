"""Reading of images as the test pipeline of a config does."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine.registry import TRANSFORMS, DefaultScope

from .input_channels import ChannelCheck

#: Where a step gets files from; the images to predict are on this machine.
FILE_OPTIONS = ('backend_args', 'file_client_args')
STANDARD = LoadImageFromFile.__name__
#: What inferencers make of it, which takes arrays too.
STANDARD_NAMES = (STANDARD, 'InferencerLoader')


class ImageReader:
    """Reads images as the loading step of a test pipeline does.

    Args:
        step (Mapping, optional): The config of the step. Defaults to None: mmcv's, which
            reads in colour.
        scope (str): The toolbox of the step. Defaults to 'mmengine'.
    """

    def __init__(self, step: Mapping | None = None, scope: str = 'mmengine'):
        options = dict(step or {})
        self.is_standard = get_name(options) in ('', *STANDARD_NAMES)
        if self.is_standard:
            options.pop('type', None)
            self.load: Any = LoadImageFromFile(**options)
        else:
            with DefaultScope.overwrite_default_scope(scope):
                self.load = TRANSFORMS.build(options)

    def read(self, path: str | Path) -> np.ndarray:
        """Read a file.

        Returns:
            np.ndarray: (H, W) or (H, W, C), blue first if it has colours.

        Raises:
            ValueError: If it is not an image.
        """
        try:
            results = self.load(dict(img_path=str(path)))
        except AssertionError:  # mmcv's, for a file that OpenCV cannot decode
            results = None
        if results is None:
            raise ValueError('not an image, or a broken one')
        return results['img']

    def convert(self, image: np.ndarray) -> np.ndarray:
        """Make of an image in memory what the step makes of a file that holds it.

        Args:
            image (np.ndarray): (H, W) or (H, W, C), blue first: a frame of a video, or an
                image that was given in Python.

        Returns:
            np.ndarray: The image; unchanged if it cannot be in a file, or if the step
            reads files unchanged or is one of the user's own.
        """
        if not self.is_standard:
            return image
        flag, backend = self.load.color_type, self.load.imdecode_backend
        if not _fits(image, flag) and backend != 'tifffile':
            is_written, content = cv2.imencode('.png', image)
            if is_written:
                backend = 'cv2' if backend == 'turbojpeg' else backend
                image = mmcv.imfrombytes(content.tobytes(), flag, backend=backend)
        return image.astype(np.float32) if self.load.to_float32 else image

    def read_or_convert(self, image: Any) -> np.ndarray:
        """Read a path, or convert an array."""
        return self.convert(image) if isinstance(image, np.ndarray) else self.read(image)


class ReadingPipeline:
    """The pipeline of an inferencer, with every image read or converted before.

    Args:
        pipeline (Callable): The pipeline, which accepts arrays.
        reader (ImageReader): The reader.
        channels (ChannelCheck): What the model takes.
    """

    def __init__(self, pipeline: Any, reader: ImageReader, channels: ChannelCheck):
        self.pipeline = pipeline
        self.reader = reader
        self.channels = channels

    def __call__(self, data: Any) -> Any:
        """Process a path, an array, or a dict with an array as 'img'.

        Raises:
            ChannelMismatchError: If the model cannot take the result.
        """
        if isinstance(data, np.ndarray):
            data = self.reader.convert(data)
        elif isinstance(data, dict) and 'img' in data:
            data = dict(data, img=self.reader.convert(data['img']))
        elif isinstance(data, (str, Path)) and not self.reader.is_standard:
            data = self.reader.read(data)
        results = self.pipeline(data)
        self.channels.check(results, 'the image')
        return results


def take_loading_step(pipeline: list, scope: str) -> ImageReader:
    """Build the reader of a test pipeline, and name its step as inferencers expect it.

    Args:
        pipeline (list): The test pipeline, changed in place.
        scope (str): Its toolbox.

    Returns:
        ImageReader: The reader.
    """
    for index, step in enumerate(pipeline):
        if is_loading_step(step):
            reader = build_reader([step], scope)
            # By this name inferencers find the step, which they exchange.
            options = dict(step) if reader.is_standard else {}
            pipeline[index] = dict(options, type=STANDARD)
            return reader
    return ImageReader()


def build_reader(pipeline: Iterable[Mapping], scope: str) -> ImageReader:
    """Build the reader of a pipeline, for files on this machine.

    Args:
        pipeline (Iterable[Mapping]): The pipeline.
        scope (str): Its toolbox.

    Returns:
        ImageReader: The reader; in colour if nothing in the pipeline loads images.
    """
    for step in filter(is_loading_step, pipeline):
        options = {k: v for k, v in step.items() if k not in FILE_OPTIONS}
        return ImageReader(options, scope)
    return ImageReader()


def is_loading_step(step: Mapping) -> bool:
    """Whether a step of a pipeline loads the image."""
    name = get_name(step)
    if name in STANDARD_NAMES:
        return True
    others = ('Annotation', 'Proposals', 'Depth')
    return name.startswith('Load') and not any(other in name for other in others)


def get_name(step: Mapping) -> str:
    """The type of a step without its scope, '' if there is none."""
    kind = step.get('type', '')
    return (kind if isinstance(kind, str) else kind.__name__).split('.')[-1]


def _fits(image: np.ndarray, flag: str) -> bool:
    """Whether an array is what OpenCV returns for a flag, or in no file that it reads."""
    num_channels = 1 if image.ndim == 2 else image.shape[-1]
    if flag == 'unchanged' or image.dtype not in (np.uint8, np.uint16):
        return True
    if num_channels not in (1, 3, 4) or image.ndim not in (2, 3):
        return True
    expected = 3 if flag.startswith('color') else 1
    return image.dtype == np.uint8 and num_channels == expected
