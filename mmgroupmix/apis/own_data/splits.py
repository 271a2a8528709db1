"""Division of images into training and validation, the same every time."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Sequence
from pathlib import Path

import numpy as np

#: Roboflow names the copies that it makes of IMAGE.jpg IMAGE_jpg.rf.HASH.jpg.
ROBOFLOW_COPY = re.compile(r'^(.+)\.rf\.[0-9A-Za-z]+$')
#: Of more images, none are compared by their content: it would take minutes.
MAX_COMPARED = 50_000
#: Validation images that are looked for in the training split.
MAX_SAMPLE = 500
HEAD_BYTES = 8192
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
    waiting: dict[int, list[int]] = defaultdict(list)
    order = np.random.default_rng(seed).permutation(len(groups)).tolist()
    for number in order:
        for label in members[number]:
            waiting[label].append(number)
    wanted = {
        label: max(round(share * len(found)), 1 if len(found) > 1 else 0)
        for label, found in waiting.items()
    }
    left = {label: len(found) for label, found in waiting.items()}
    for_training = dict(left)
    chosen: set[int] = set()
    seen: set[int] = set()

    def choose(number: int) -> None:
        chosen.add(number)
        for label in members[number]:
            wanted[label] -= 1
            for_training[label] -= 1

    while left:
        label = min(left, key=lambda label: (left[label], label))
        for number in waiting[label]:
            if number in seen:
                continue
            seen.add(number)
            if wanted[label] > 0:
                choose(number)
            for other in members[number]:
                if other in left:
                    left[other] -= 1
        del left[label]
    missing = round(share * len(images)) - sum(len(groups[i]) for i in chosen)
    for number in order:
        # Where classes occur together, few images serve all of them.
        fits = all(for_training[label] > 1 for label in members[number])
        if missing > 0 and fits and number not in chosen:
            choose(number)
            missing -= len(groups[number])
    if len(chosen) == len(groups) > 1:
        chosen.discard(order[0])
    return {i for number in chosen for i in groups[number]}


def find_shared_images(first: Sequence[Path], second: Sequence[Path]) -> list[Path]:
    """The images of the second list whose content is in the first too, of a sample."""
    sample = second[:: max(len(second) // MAX_SAMPLE, 1)]
    keys = find_contents([*first, *sample])
    known = set(keys[: len(first)])
    return [path for path, key in zip(sample, keys[len(first) :]) if key in known]


def find_contents(images: Sequence[Path]) -> list[Hashable]:
    """A key for each image, the same for images with the same content.

    Files of one size are compared by their beginning, and where that is the same, as a
    whole.

    Args:
        images (Sequence[Path]): The files; of too many, each counts as another.

    Returns:
        list[Hashable]: In their order.
    """
    keys: list[Hashable] = list(images)
    if len(images) > MAX_COMPARED:
        return keys
    keys = [_read_size(path) for path in images]
    for length in (HEAD_BYTES, -1):
        counts = Counter(keys)
        keys = [
            (key, _digest(path, length)) if counts[key] > 1 else path
            for path, key in zip(images, keys)
        ]
    return keys


def _group(images: Sequence[Path]) -> list[list[int]]:
    """Indices of images that belong together, in the order of the first of each."""
    groups: dict[Hashable, list[int]] = {}
    for i, (path, content) in enumerate(zip(images, find_contents(images))):
        copy = ROBOFLOW_COPY.match(path.stem)
        groups.setdefault(copy[1] if copy else content, []).append(i)
    return list(groups.values())


def _read_size(path: Path) -> Hashable:
    try:
        return path.stat().st_size
    except OSError:
        return path


def _digest(path: Path, length: int) -> Hashable:
    try:
        with path.open('rb') as file:
            content = file.read(length)
    except OSError:
        return path
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
