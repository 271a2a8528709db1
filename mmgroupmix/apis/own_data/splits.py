"""Division of images into training and validation, the same every time."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from pathlib import Path

import numpy as np

#: Roboflow names the copies that it makes of IMAGE.jpg IMAGE_jpg.rf.HASH.jpg.
ROBOFLOW_COPY = re.compile(r'^(.+)\.rf\.[0-9A-Za-z]+$')
#: Images of which copies are looked for.
MAX_COMPARED = 500
#: Stands for the images in which no class occurs.
EMPTY = -1


def split_items(
    images: Sequence[Path], labels: Sequence[Collection[int]], share: float, seed: int
) -> set[int]:
    """Choose the images of the validation split.

    The rarest class is divided first (iterative stratification, Sechidis et al., 2011),
    so that each class has about the same share of its images in both splits. Images with
    the same content stay together.

    Args:
        images (Sequence[Path]): The files.
        labels (Sequence[Collection[int]]): The classes that occur in each.
        share (float): Share of the images for validation.
        seed (int): Seed of the order in which images are taken.

    Returns:
        set[int]: Indices of the validation images; at least one image remains for
        training, and one is chosen if there are two.
    """
    groups = _group(images)
    members = [
        {label for i in group for label in labels[i]} or {EMPTY} for group in groups
    ]
    waiting: dict[int, set[int]] = defaultdict(set)
    for number, found in enumerate(members):
        for label in found:
            waiting[label].add(number)
    wanted = {
        label: max(round(share * len(found)), 1 if len(found) > 1 else 0)
        for label, found in waiting.items()
    }
    order = np.random.default_rng(seed).permutation(len(groups)).tolist()
    rank = {number: position for position, number in enumerate(order)}
    chosen: set[int] = set()
    left = set(order)
    while left:
        label = min(
            (label for label in waiting if waiting[label] & left),
            key=lambda label: (len(waiting[label] & left), label),
        )
        for number in sorted(waiting[label] & left, key=rank.__getitem__):
            if wanted[label] > 0:
                chosen.add(number)
                for other in members[number]:
                    wanted[other] -= 1
            left.discard(number)
    for number in order:
        # Classes that occur together leave the split small.
        if sum(len(groups[i]) for i in chosen) >= round(share * len(images)):
            break
        if all(len(waiting[x] - chosen) > 1 for x in members[number]):
            chosen.add(number)
    if len(chosen) == len(groups) > 1:
        chosen.discard(order[0])
    return {i for number in chosen for i in groups[number]}


def find_shared_images(first: Iterable[Path], second: Sequence[Path]) -> list[Path]:
    """The images of the second list whose content is in the first too, of a sample."""
    known = _by_size(first)
    contents: dict[int, set[str]] = {}
    shared = []
    for path in second[:: max(len(second) // MAX_COMPARED, 1)]:
        size = _size(path)
        if size not in known:
            continue
        if size not in contents:
            contents[size] = {_digest(other) for other in known[size]}
        if _digest(path) in contents[size]:
            shared.append(path)
    return shared


def _group(images: Sequence[Path]) -> list[list[int]]:
    """Indices of images that belong together, in the order of the first of each."""
    sizes = _by_size(images)
    groups: dict[Hashable, list[int]] = {}
    for i, path in enumerate(images):
        copy = ROBOFLOW_COPY.match(path.stem)
        key: Hashable = path
        if copy:
            key = copy[1]
        elif len(sizes[_size(path)]) > 1:
            key = _digest(path)
        groups.setdefault(key, []).append(i)
    return list(groups.values())


def _by_size(images: Iterable[Path]) -> dict[int, list[Path]]:
    sizes: dict[int, list[Path]] = {}
    for path in images:
        sizes.setdefault(_size(path), []).append(path)
    return sizes


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _digest(path: Path) -> str:
    try:
        return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
    except OSError:
        return str(path)
