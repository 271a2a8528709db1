"""Images of a dataset, read again by its own pipeline, small enough for a page."""

import base64
import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from .contents import Photo

#: The longer side of an image on the page, in pixels.
MAX_SIDE = 480
JPEG_QUALITY = 80


class DatasetReader:
    """Finds the entries of a dataset, and reads their images as its pipeline does.

    Args:
        dataset (Any): A dataset of a toolbox, or a wrapper of some.
    """

    def __init__(self, dataset: Any):
        self.dataset = dataset
        self.positions: dict[tuple, int] | None = None

    def find(self, sample: Any, position: int) -> Mapping:
        """The entry that belongs to a prediction.

        Args:
            sample (BaseDataElement): The prediction with its meta information.
            position (int): Where the entry should be.

        Returns:
            Mapping: Empty for a dataset without entries, or an unknown image.
        """
        get_info = getattr(self.dataset, 'get_data_info', None)
        if get_info is None:
            return {}
        info = get_info(position)
        keys = [key for key in ('img_id', 'img_path') if key in sample]
        wanted = tuple(sample.get(key) for key in keys)
        if tuple(info.get(key) for key in keys) == wanted:
            return info
        if self.positions is None:  # a sampler with an order of its own
            entries = (get_info(i) for i in range(len(self.dataset)))
            self.positions = {
                tuple(entry.get(key) for key in keys): i
                for i, entry in enumerate(entries)
            }
        found = self.positions.get(wanted)
        return {} if found is None else get_info(found)

    def read(self, position: int, name: str) -> Photo | None:
        """Read an image as the pipeline does: its channels, backend and orientation.

        Args:
            position (int): Of the image in the dataset.
            name (str): The image file, for datasets without entries.

        Returns:
            Photo | None: None if it cannot be read.
        """
        try:
            return make_photo(self._load(position, name))
        except Exception:
            return None  # the page says so in its place

    def _load(self, position: int, name: str) -> np.ndarray:
        """An image in RGB or grey, of any type, (H, W, C) or (H, W)."""
        get_info = getattr(self.dataset, 'get_data_info', None)
        info = dict(get_info(position)) if get_info else {}
        if name and info.get('img_path') != name:
            info = dict(img_path=name)
        if info.get('img') is not None:  # in memory and in RGB, as CIFAR
            return np.asarray(info['img'])
        leaf = next(_iter_leaves(self.dataset))
        for transform in leaf.pipeline.transforms:
            kind = type(transform).__name__
            if not kind.startswith('Load') or 'Annotation' in kind:
                break
            info = transform(info)
        image = info['img']
        # mmcv reads BGR, and with an alpha channel BGRA.
        is_color = image.ndim == 3 and image.shape[2] in (3, 4)
        return image[..., [2, 1, 0]] if is_color else image


def make_photo(image: np.ndarray) -> Photo:
    """Reduce an image and encode it as JPEG.

    Args:
        image (np.ndarray): (H, W) or (H, W, C) of any type, in RGB if it has at least
            three channels, of which the first three are shown. Other types than uint8
            are scaled to their own range.

    Returns:
        Photo: The image.
    """
    image = image[..., None] if image.ndim == 2 else image
    image = image[..., :3] if image.shape[2] >= 3 else image[..., :1]
    if image.dtype != np.uint8:
        values = np.nan_to_num(image.astype(np.float32))
        low, high = values.min(), values.max()
        image = (255 * (values - low) / max(high - low, 1e-12)).astype(np.uint8)
    height, width = image.shape[:2]
    small = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    small.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    data = io.BytesIO()
    small.save(data, 'JPEG', quality=JPEG_QUALITY)
    return Photo(_to_uri(data.getvalue(), 'image/jpeg'), width, height)


def encode_png(image: Image.Image | bytes) -> str:
    """A data URI of an image, or of the content of a PNG file."""
    if isinstance(image, Image.Image):
        data = io.BytesIO()
        image.save(data, 'PNG')
        image = data.getvalue()
    return _to_uri(image, 'image/png')


def _to_uri(data: bytes, media_type: str) -> str:
    return f'data:{media_type};base64,{base64.b64encode(data).decode()}'


def _iter_leaves(dataset: Any) -> Iterator[Any]:
    """The datasets with a pipeline inside wrappers of any kind."""
    if getattr(dataset, 'pipeline', None) is not None:
        yield dataset
    for child in [*(getattr(dataset, 'datasets', None) or ()), dataset]:
        inner = child if child is not dataset else getattr(dataset, 'dataset', None)
        if inner is not None:
            yield from _iter_leaves(inner)
