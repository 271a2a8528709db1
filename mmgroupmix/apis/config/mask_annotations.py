"""Checks of instance masks in COCO's notation, before native code reads them.

``pycocotools`` trusts what it is given: a coordinate that is NaN, infinite or huge is a
segmentation fault, run lengths that cover fewer pixels than the image leave the rest of
the mask uninitialised, and a huge size ends the process for want of memory.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

#: No image is larger, in pixels along a side.
MAX_COORDINATE = 1_000_000
#: Memory for a polygon grows with its outline: 40 bytes per pixel.
MAX_OUTLINE = 10_000_000
#: OpenCV does not read larger images.
MAX_PIXELS = 2**30
#: Numbers with five bits per character; all characters but a number's last have a sixth.
_RUN_LENGTHS = re.compile('(?:[P-o]{0,6}[0-O])+')


def format_value(value: Any) -> str:
    """A value as it stands in a JSON file, shortened.

    Args:
        value (Any): A value that the json module has read.

    Returns:
        str: At most 40 characters.
    """
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else f'{text[:37]}...'


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    try:
        return isinstance(value, (int, float)) and math.isfinite(value)
    except OverflowError:  # an integer that is too large for a float
        return False


def find_mask_error(
    mask: Any, size: tuple[int, int] | None, allow_short: bool = True
) -> str | None:
    """Find what makes a mask unsafe or impossible to decode.

    Args:
        mask (Any): A list of polygons, each a list of x and y in turn, or run lengths: a
            dict of 'size' and 'counts'.
        size (tuple[int, int], optional): Height and width of the image in pixels; None
            if they are unknown.
        allow_short (bool): Whether polygons may have fewer than three points or an odd
            number of coordinates: mmdet leaves them out. Defaults to True.

    Returns:
        str | None: The place in the mask and the reason, such as '[0][5] is NaN; ...',
        or None.
    """
    if isinstance(mask, list):
        for i, polygon in enumerate(mask):
            reason = _find_polygon_error(polygon)
            if reason:
                return f'[{i}]{reason}'
            if not allow_short and (len(polygon) < 6 or len(polygon) % 2):
                return f'[{i}] has {len(polygon)} numbers; expected an even number >= 6'
        return None
    reason = find_run_length_error(mask, size)
    if reason is None and isinstance(mask['counts'], str):
        height, width = mask['size']
        _, reason = next(
            find_compressed_errors([mask['counts']], [int(height * width)]), (0, None)
        )
    return reason


def has_short_polygons(mask: Any) -> bool:
    """Whether mmdet leaves a polygon of a list out: too few points, or half of one."""
    return isinstance(mask, list) and any(len(p) < 6 or len(p) % 2 for p in mask)


def _find_polygon_error(polygon: Any) -> str | None:
    if isinstance(polygon, (np.ndarray, tuple)):
        polygon = list(polygon)
    try:
        # NaN fails the comparison. The sum bounds every coordinate and the outline.
        if isinstance(polygon, list) and sum(map(abs, polygon)) <= MAX_COORDINATE:
            return None
    except (TypeError, OverflowError):
        pass
    if not isinstance(polygon, list):
        return f' is {format_value(polygon)}; expected a list of numbers'
    for i, value in enumerate(polygon):
        if isinstance(value, np.generic):
            value = value.item()
        if not isinstance(value, (int, float)):
            return f'[{i}] is {format_value(value)}; expected a number'
        if not is_number(value):
            return f'[{i}] is {format_value(value)}; expected finite pixels'
        if abs(value) > MAX_COORDINATE:
            return f'[{i}] is {value:g}; expected at most {MAX_COORDINATE} pixels'
    points = np.array(polygon[: len(polygon) // 2 * 2], dtype=float).reshape(-1, 2)
    outline = np.abs(points - np.roll(points, 1, axis=0)).max(axis=1, initial=0).sum()
    if outline > MAX_OUTLINE:
        return f' is {outline:g} pixels long; expected at most {MAX_OUTLINE}'
    return None


def find_run_length_error(mask: Any, size: tuple[int, int] | None) -> str | None:
    """Find what is wrong with run lengths, except with the sum of compressed ones.

    Args:
        mask (Any): A dict of 'size' (height and width) and 'counts', a list of numbers
            or a compressed string.
        size (tuple[int, int], optional): Height and width of the image in pixels; None
            if they are unknown.

    Returns:
        str | None: The place in the mask and the reason, or None.
    """
    if not isinstance(mask, dict):
        return f' is {format_value(mask)}; expected polygons or run lengths'
    for key in ('size', 'counts'):
        if mask.get(key) is None:
            return f' has no {key}'
    given, counts = mask['size'], mask['counts']
    if (
        not isinstance(given, (list, tuple))
        or len(given) != 2
        or not all(is_number(n) and n > 0 and n == int(n) for n in given)
    ):
        return f'.size is {format_value(given)}; expected height and width in pixels'
    if size and tuple(given) != tuple(size):
        return (
            f'.size is {format_value(given)}; expected {format_value(list(size))}, the '
            'height and width of the image'
        )
    num_pixels = int(given[0] * given[1])
    if num_pixels > MAX_PIXELS:
        return f'.size is {format_value(given)}; expected at most {MAX_PIXELS} pixels'
    if isinstance(counts, str):
        if not _RUN_LENGTHS.fullmatch(counts):
            return f'.counts is {format_value(counts)}; expected compressed run lengths'
        return None
    if not isinstance(counts, list):
        return f'.counts is {format_value(counts)}; expected a list or a string'
    for i, count in enumerate(counts):
        if not is_number(count) or count < 0 or count != int(count):
            return f'.counts[{i}] is {format_value(count)}; expected an integer >= 0'
    return _compare_with_size(int(sum(counts)), num_pixels)


def find_compressed_errors(
    texts: Sequence[str], num_pixels: Sequence[int]
) -> Iterator[tuple[int, str]]:
    """Find the compressed run lengths that do not cover their image exactly.

    Args:
        texts (Sequence[str]): Run lengths that passed :func:`find_run_length_error`.
        num_pixels (Sequence[int]): The pixels of each image.

    Yields:
        tuple[int, str]: The index of a text, and the reason.
    """
    if not texts:
        return
    totals, minima = _sum_run_lengths(texts)
    expected = np.asarray(num_pixels)
    for i in np.flatnonzero((totals != expected) | (minima < 0)).tolist():
        if minima[i] < 0:
            yield i, f'.counts has a run of {minima[i]} pixels; expected >= 0'
        else:
            yield i, str(_compare_with_size(totals[i], num_pixels[i]))


def _compare_with_size(total: int, num_pixels: int) -> str | None:
    if total == num_pixels:
        return None
    return f'.counts covers {total} pixels; expected {num_pixels}, those of size'


def _sum_run_lengths(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Decode compressed run lengths; return the sum and the smallest run of each text.

    A number is written from its lowest five bits upwards, in two's complement. From the
    fourth number on, it is the difference to the run two before.
    """
    digits = np.frombuffer(''.join(texts).encode(), np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero(digits & 32 == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    exponents = 5 * (np.arange(len(digits)) - np.repeat(starts, lengths))
    numbers = np.add.reduceat((digits & 31) << exponents, starts)
    numbers -= np.where(digits[ends] & 16, 1 << (5 * lengths), 0)

    bounds = np.cumsum([0, *map(len, texts)])
    first = np.searchsorted(starts, bounds[:-1])  # of each text, in `numbers`
    owners = np.repeat(np.arange(len(texts)), np.diff([*first, len(starts)]))
    positions = np.arange(len(starts)) - first[owners]
    # Runs at odd and at even positions add up separately; the very first stands alone.
    runs = numbers.copy()
    for parity in (0, 1):
        chain = (positions % 2 == parity) & (positions > 0)
        sums = np.cumsum(np.where(chain, numbers, 0))
        runs[chain] = (sums - (sums - np.where(chain, numbers, 0))[first][owners])[chain]
    return np.add.reduceat(runs, first), np.minimum.reduceat(runs, first)
