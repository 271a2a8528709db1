"""Images with label maps: their classes, splits and the lists that the config reads."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from PIL import Image

from ...checkpoints.atomic_files import replace_atomically
from .class_names import read_class_list
from .label_classes import choose_encoding
from .label_encoding import Encoding
from .label_pairs import Pair, find_pair_split, pair_label_maps
from .label_values import MapValues, read_values
from .listing import SPLIT_WORDS, Listing, fold
from .own_data import OwnData
from .written_files import write_list

#: Label maps that are read to find the classes; of more, a sample.
MAX_READ = 2000


@dataclass
class LabelMapData(OwnData):
    """Images with label maps.

    Attributes:
        encoding (Encoding): What values mean.
        values (dict[str, MapValues]): What the label maps that were read hold.
    """

    encoding: Encoding = field(default_factory=lambda: Encoding([], ''))
    values: dict[str, MapValues] = field(default_factory=dict)
    toolbox = 'mmseg'
    unit = 'images'

    def get_image(self, item: Pair) -> Path:
        """The image of a pair."""
        return self.root / item.image

    def get_labels(self, item: Pair) -> Collection[int]:
        """The classes in a label map, none if it was not read."""
        values = self.values.get(item.label_map)
        return set(self.encoding.count(values)) if values else set()

    def count_classes(self, items: Sequence[Pair]) -> Counter:
        """The number of images in which each class occurs."""
        return Counter(label for item in items for label in self.get_labels(item))

    def needs_conversion(self) -> bool:
        """Whether mmsegmentation would not read the files as they are meant."""
        modes = {values.mode for values in self.values.values()}
        return self.encoding.table is not None or not modes <= {'L', 'P', '1', 'I;16'}

    def write(self, folder: Path) -> dict[str, dict]:
        """Write lists of the splits, and label maps where values are not labels."""
        configs = {}
        convert = self.needs_conversion()
        for split, items in self.splits.items():
            layout = None if convert else find_layout(items)
            if layout is None:
                maps = folder / 'label_maps'
                for item in items:
                    self._write_map(item, maps / f'{item.image}.png')
                names = [item.image for item in items]
                layout = Layout('', str(maps), '', '.png', names)
            write_list(folder / f'{split}.txt', layout.names)
            configs[split] = dict(
                type='mmseg.BaseSegDataset',
                ann_file=str(folder / f'{split}.txt'),
                data_prefix=dict(img_path=layout.images, seg_map_path=layout.maps),
                img_suffix=layout.image_suffix,
                seg_map_suffix=layout.map_suffix,
            )
        return configs

    def _write_map(self, item: Pair, path: Path) -> None:
        labels = Image.fromarray(self.encoding.convert(self.root / item.label_map))
        with replace_atomically(path) as temporary:
            labels.save(temporary, format='PNG')


@dataclass(frozen=True)
class Layout:
    """Where mmsegmentation finds the pairs of a list: two folders and two suffixes."""

    images: str
    maps: str
    image_suffix: str
    map_suffix: str
    names: list[str]


def find_layout(pairs: Sequence[Pair]) -> Layout | None:
    """Describe pairs as mmsegmentation does, None if names or suffixes are irregular."""
    found, names = set(), []
    for pair in pairs:
        image, label_map = PurePosixPath(pair.image), PurePosixPath(pair.label_map)
        below = _common_end(image.parent.parts, label_map.parent.parts)
        stem = image.stem
        if not label_map.name.startswith(stem):
            return None
        name = '/'.join((*below, stem))
        if name != name.strip():
            return None
        names.append(name)
        found.add(
            (
                '/'.join(image.parent.parts[: len(image.parent.parts) - len(below)]),
                '/'.join(
                    label_map.parent.parts[: len(label_map.parent.parts) - len(below)]
                ),
                image.suffix,
                label_map.name.removeprefix(stem),
            )
        )
    return Layout(*found.pop(), names) if len(found) == 1 else None


def recognize_label_maps(listing: Listing) -> LabelMapData | None:
    """Recognise images with label maps.

    Args:
        listing (Listing): The folder.

    Returns:
        LabelMapData | None: None if no image has one.

    Raises:
        UserError: If it is open which files belong together or what values mean.
    """
    pairs, notes = pair_label_maps(listing)
    if not pairs:
        return None
    classes = read_class_list(listing)
    step = -(-len(pairs) // MAX_READ)
    values = {
        pair.label_map: read_values(listing.root / pair.label_map)
        for pair in pairs[::step]
    }
    if step > 1:
        notes.append(f'{len(values)} of {len(pairs)} label maps were read')
    encoding = choose_encoding(list(values.values()), classes)
    example = str(PurePosixPath(pairs[0].label_map).parent)
    names = f', names in {classes.file}' if classes else ''
    if classes and classes.file in encoding.description:
        names = ''
    return LabelMapData(
        listing.root,
        f'label maps ({encoding.description}{names}) in {example}/',
        tuple(encoding.names),
        _find_splits(listing, pairs, notes),
        palette=encoding.colours,
        notes=notes + encoding.notes,
        encoding=encoding,
        values=values,
    )


def _find_splits(
    listing: Listing, pairs: Sequence[Pair], notes: list[str]
) -> dict[str, list[Pair]]:
    """The splits that folders name, or lists such as ImageSets/Segmentation/train.txt."""
    splits: dict[str, list[Pair]] = {}
    for pair in pairs:
        splits.setdefault(find_pair_split(pair) or 'all', []).append(pair)
    if set(splits) != {'all'}:
        rest = splits.pop('all', [])
        if rest:
            notes.append(f'{len(rest)} pairs in no folder of a split are left out')
        return {s: splits[s] for s in ('train', 'val', 'test') if s in splits}
    lists = _read_lists(listing)
    if not lists.get('train'):
        return splits
    by_stem: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_stem.setdefault(fold(PurePosixPath(pair.image).stem), []).append(pair)
    found: dict[str, list[Pair]] = {}
    for split, names in lists.items():
        stems = dict.fromkeys(name for name in names if name in by_stem)
        if stems:
            found[split] = [pair for name in stems for pair in by_stem[name]]
    used = {pair for items in found.values() for pair in items}
    if 'train' not in found:
        return splits
    if len(used) < len(pairs):
        notes.append(f'{len(pairs) - len(used)} pairs are in no list and are left out')
    return found


def _read_lists(listing: Listing) -> dict[str, list[str]]:
    """Names of images in train.txt, val.txt and test.txt, by split."""
    lists: dict[str, list[str]] = {}
    for name in listing.text_files:
        path = PurePosixPath(name)
        split = SPLIT_WORDS.get(path.stem.lower())
        if path.suffix != '.txt' or split is None or path.stem.lower() == 'trainval':
            continue
        text = (listing.root / name).read_text('utf-8-sig', errors='replace')
        # A line may name the label map too: 'images/a.jpg labels/a.png'.
        first = (
            re.split(r'(?<=\.\w{3})\s|(?<=\.\w{4})\s', line.strip())[0]
            for line in text.splitlines()
        )
        lists.setdefault(split, [_strip_path(line) for line in first if line])
    return lists


def _strip_path(line: str) -> str:
    path = PurePosixPath(line)
    is_image = bool(re.fullmatch(r'\.(jpe?g|png|bmp|tiff?|webp)', path.suffix.lower()))
    return fold(path.stem if is_image else path.name)


def _common_end(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """The parts at the end that two paths have in common."""
    count = 0
    while (
        count < min(len(first), len(second)) and first[-1 - count] == second[-1 - count]
    ):
        count += 1
    return first[len(first) - count :]
