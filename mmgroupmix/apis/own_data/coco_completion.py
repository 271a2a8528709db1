"""What exports leave out of COCO JSON, or write in another way, and mmdet needs."""

from collections.abc import Mapping
from typing import Any

from ..config.mask_annotations import is_number

#: Values of 'iscrowd' that some tools write for 0 and 1.
CROWDS = {'0': 0, '1': 1, 'false': 0, 'true': 1, 'none': 0, 'null': 0, '': 0}


def is_box(value: Any) -> bool:
    """Whether a value is a box with a positive area."""
    is_list = isinstance(value, list) and len(value) == 4 and all(map(is_number, value))
    return is_list and value[2] > 0 and value[3] > 0


def is_size(image: Mapping) -> bool:
    """Whether the entry of an image has its width and height."""
    return all(
        is_number(image.get(key)) and image[key] > 0 for key in ('width', 'height')
    )


def complete(entry: dict) -> dict:
    """Add what mmdet and pycocotools need and some exports leave out, in place.

    A single outline may be a list of numbers (VGG Image Annotator) or of points.

    Args:
        entry (dict): An annotation.

    Returns:
        dict: The annotation.
    """
    outlines = entry.get('segmentation')
    if isinstance(outlines, list) and outlines:
        if all(map(is_number, outlines)):
            outlines = [outlines]
        outlines = [_flatten(outline) for outline in outlines]
        entry['segmentation'] = outlines
        points = [
            outline
            for outline in outlines
            if isinstance(outline, list) and outline and all(map(is_number, outline))
        ]
        if points and not is_box(entry.get('bbox')):
            xs = [x for outline in points for x in outline[::2]]
            ys = [y for outline in points for y in outline[1::2]]
            entry['bbox'] = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
    if is_box(entry.get('bbox')) and entry.get('area') is None:
        entry['area'] = entry['bbox'][2] * entry['bbox'][3]
    crowd = entry.get('iscrowd')
    if crowd is None or isinstance(crowd, str):
        entry['iscrowd'] = CROWDS.get(str(crowd).strip().lower(), crowd)
    return entry


def _flatten(outline: Any) -> Any:
    """An outline of points as one list of numbers; anything else as it is."""
    is_of_points = isinstance(outline, list) and all(
        isinstance(point, list) and len(point) == 2 for point in outline
    )
    return [x for point in outline for x in point] if is_of_points else outline
