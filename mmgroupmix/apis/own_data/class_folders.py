"""Images in folders named after their classes, with or without folders of splits."""

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...errors import UserError
from .label_pairs import is_role
from .listing import SPLIT_WORDS, Listing, find_split, fold, format_names
from .own_data import OwnData
from .splits import find_contents
from .written_files import fits_list, write_json, write_list


@dataclass(frozen=True)
class ClassItem:
    """An image, relative to the folder of the data, and the index of its class."""

    image: str
    label: int


@dataclass
class ClassFolderData(OwnData):
    """Images in folders named after their classes."""

    toolbox = 'mmpretrain'
    unit = 'images'

    def get_image(self, item: ClassItem) -> Path:
        """The image of an item."""
        return self.root / item.image

    def get_labels(self, item: ClassItem) -> Collection[int]:
        """The class of an image."""
        return {item.label}

    def count_classes(self, items: Sequence[ClassItem]) -> Counter:
        """The number of images of each class."""
        return Counter(item.label for item in items)

    def write(self, folder: Path) -> dict[str, dict]:
        """Write a list of each split: image and label."""
        configs = {}
        for split, items in self.splits.items():
            if all(fits_list(item.image) for item in items):
                kind, file = 'CustomDataset', folder / f'{split}.txt'
                write_list(file, [f'{item.image} {item.label}' for item in items])
            else:  # mmpretrain has another format, which holds every name
                kind, file = 'BaseDataset', folder / f'{split}.json'
                entries = [dict(img_path=i.image, gt_label=i.label) for i in items]
                write_json(file, dict(metainfo={}, data_list=entries))
            configs[split] = dict(
                type=f'mmpretrain.{kind}', ann_file=str(file), data_prefix=''
            )
        return configs


def recognize_class_folders(listing: Listing) -> ClassFolderData | None:
    """Recognise class folders.

    Args:
        listing (Listing): The folder.

    Returns:
        ClassFolderData | None: None if images are not in folders, or all in one.

    Raises:
        UserError: If names of classes differ in case, accents or blanks only.
    """
    base = _find_base(listing.images)
    splits: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    loose = []
    named = _name_splits(listing.images, base)
    for image in listing.images:
        *folders, _ = PurePosixPath(image).relative_to(base).parts
        outside = '', len(folders)
        split, depth = named.get(folders[0], outside) if named and folders else ('all', 0)
        if folders := folders[depth:]:
            splits[split][folders[0]].append(image)
        else:
            loose.append(image)
    classes = _collect_classes(splits)
    if len(classes) < 2 or all(is_role(name) for name in classes):
        return None
    index = {name: i for i, name in enumerate(classes)}
    data = ClassFolderData(
        listing.root,
        f'class folders in {base}/' if str(base) != '.' else 'class folders',
        tuple(map(name_class, classes)),
        {
            split: [ClassItem(p, index[name]) for name in classes for p in found[name]]
            for split, found in splits.items()
        },
    )
    data.notes += _find_odd_folders(listing, base, splits, named)
    if loose:
        data.notes.append(
            f'{len(loose)} images are in no class folder and are left out '
            f'({format_names(loose, 3)})'
        )
    if named:
        for split in set(splits) - {'train'}:
            new = [
                name_class(name)
                for name in classes
                if splits[split][name] and not splits['train'][name]
            ]
            if new:
                data.notes.append(f'{format_names(new)}: in {split}, and not in train')
    return data


def name_class(folder: str) -> str:
    """The name of the class of a folder: one line of text, without blanks at its ends."""
    text = os.fsencode(folder).decode(errors='replace')
    return ' '.join(text.split())


def _find_odd_folders(
    listing: Listing,
    base: PurePosixPath,
    splits: dict[str, dict[str, list[str]]],
    named: dict[str, tuple[str, int]],
) -> list[str]:
    """Notes on folders that may not be classes, and on images of two classes."""
    notes = []
    inner = {
        folder: {
            PurePosixPath(path).relative_to(base / folder).parts[0] for path in found
        }
        for folder, found in splits.get('all', {}).items()
    }
    same = set.union(*inner.values()) if inner and not named else set()
    files = {PurePosixPath(image).name for image in listing.images}
    if len(same) > 1 and not same & files and all(x == same for x in inner.values()):
        notes.append(
            f'every class folder holds the same folders ({format_names(sorted(same))}): '
            'if those are the classes, give --data a folder that holds only them'
        )
    owners: dict[Hashable, tuple[str, str]] = {}
    pairs = [
        (n, path) for x in splits.values() for n, paths in x.items() for path in paths
    ]
    keys = find_contents([listing.root / path for _, path in pairs])
    doubles = []
    for key, (name, path) in zip(keys, pairs):
        other, first = owners.setdefault(key, (name, path))
        if other != name:
            doubles.append(f'{first} and {path}')
    if doubles:
        more = f', and {len(doubles) - 1} more' * (len(doubles) > 1)
        notes.append(
            f'images of two classes have the same content ({doubles[0]}{more}): one of '
            'their labels is wrong'
        )
    return notes


def _find_base(images: Sequence[str]) -> PurePosixPath:
    """The folder below which images spread over several folders."""
    base = PurePosixPath('.')
    while True:
        parts = [PurePosixPath(image).relative_to(base).parts for image in images]
        tops = {part[0] for part in parts if len(part) > 1}
        if len(tops) != 1 or any(len(part) == 1 for part in parts):
            return base
        (only,) = tops
        if only.lower() in SPLIT_WORDS:
            return base
        base = base / only


def _name_splits(
    images: Sequence[str], base: PurePosixPath
) -> dict[str, tuple[str, int]]:
    """The folders of splits: split, and the number of folders above the class folders.

    A folder of images is a class whatever its name; one for training has class folders.
    """
    below: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for image in images:
        *folders, _ = PurePosixPath(image).relative_to(base).parts
        if folders:
            below[folders[0]].append(tuple(folders))
    depths = {top: _count_outer_folders(inner) for top, inner in below.items()}
    for find in (lambda top: SPLIT_WORDS.get(top.lower()), find_split):
        found = {top: (split, depths[top]) for top in below if (split := find(top))}
        if any(
            split == 'train' and any(len(folders) > depth for folders in below[top])
            for top, (split, depth) in found.items()
        ):
            return found
    return {}


def _count_outer_folders(folders: Sequence[tuple[str, ...]]) -> int:
    """The folders around the classes of a split: itself, in itself or over images/."""
    depth = 1
    while len({path[: depth + 1] for path in folders}) == 1 and len(folders[0]) > depth:
        inner = folders[0][depth]
        has_folders = any(len(path) > depth + 1 for path in folders)
        if inner != folders[0][0] and not (has_folders and is_role(inner)):
            break
        depth += 1
    return depth


def _collect_classes(splits: dict[str, dict[str, list[str]]]) -> tuple[str, ...]:
    names = sorted({name for found in splits.values() for name in found})
    folded: dict[str, str] = {}
    for name in names:
        other = folded.setdefault(fold(name_class(name)), name)
        if other != name:
            raise UserError(
                f'--data: the class folders {other!r} and {name!r} differ in case, '
                'accents or blanks only. Give them one name.'
            )
    return tuple(names)
