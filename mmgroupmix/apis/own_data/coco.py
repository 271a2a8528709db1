"""Objects in COCO JSON: categories, entries and the files that the config reads."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .coco_categories import (
    category_name,
    category_names,
    collect_categories,
    iter_annotations,
    iter_categories,
    make_key,
)
from .coco_completion import complete, is_box, is_size
from .coco_files import (
    CocoFile,
    describe_tool,
    find_coco_files,
    find_common_folder,
    find_images,
    sort_into_splits,
)
from .listing import Listing, format_names
from .own_data import OwnData, read_size
from .written_files import write_json


@dataclass
class CocoItem:
    """An image with its annotations, as in the file.

    Attributes:
        path (Path): The image.
        name (str): The image, relative to the folder of the data.
        image (dict): Its entry in 'images'.
        annotations (list[dict]): Its annotations.
        labels (list[int]): The class of each annotation, as an index; -1 for a category
            that stands for no object.
    """

    path: Path
    name: str
    image: dict
    annotations: list[dict] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)


@dataclass
class CocoData(OwnData):
    """Objects in COCO JSON.

    Attributes:
        category_ids (list[int]): The id of each class, of the training file.
        usable (dict[str, tuple[str, str]]): Of a split whose own file can be read as it
            is, the file and the folder of its images.
        rewritten (dict[str, str]): Why another split needs a file of its own.
    """

    category_ids: list[Any] = field(default_factory=list)
    usable: dict[str, tuple[str, str]] = field(default_factory=dict)
    rewritten: dict[str, str] = field(default_factory=dict)
    toolbox = 'mmdet'
    unit = 'objects'

    def get_image(self, item: CocoItem) -> Path:
        """The image of an item."""
        return item.path

    def get_labels(self, item: CocoItem) -> Collection[int]:
        """The classes of the objects in an image."""
        return {label for label in item.labels if label >= 0}

    def count_classes(self, items: Sequence[CocoItem]) -> Counter:
        """The number of objects of each class."""
        return Counter(label for item in items for label in item.labels if label >= 0)

    def has_masks(self) -> bool:
        """Whether any object has a mask."""
        items = (item for split in self.splits.values() for item in split)
        return any(a.get('segmentation') for item in items for a in item.annotations)

    def boxes(self) -> list[tuple[tuple[float, float], tuple[float, float]]]:
        """Size of the image and of the box, of each training object."""
        return [
            (
                (item.image['width'], item.image['height']),
                (entry['bbox'][2], entry['bbox'][3]),
            )
            for item in self.splits['train']
            for entry, label in zip(item.annotations, item.labels)
            if label >= 0 and is_box(entry.get('bbox')) and is_size(item.image)
        ]

    def write(self, folder: Path) -> dict[str, dict]:
        """Write the files of splits that the user's own files do not serve."""
        configs = {}
        for split, items in self.splits.items():
            file, prefix = self.usable.get(split, ('', ''))
            if self.made_split and split != 'test':
                file = ''
            ann_file = file
            if not file:
                ann_file, prefix = str(folder / f'{split}.json'), ''
                write_json(Path(ann_file), self.build_file(items))
            configs[split] = dict(
                type='mmdet.CocoDataset',
                ann_file=ann_file,
                data_prefix=dict(img=prefix),
            )
        return configs

    def build_file(self, items: Sequence[CocoItem]) -> dict:
        """The content of an annotation file of some images, with the ids of the user's.

        What an export leaves out and mmdet or pycocotools needs is added.
        """
        images: list[dict] = []
        annotations: list[dict] = []
        ids = [item.image.get('id') for item in items]
        numbers = all(isinstance(number, int) for number in ids)
        unique = numbers and len(set(ids)) == len(ids)
        for number, item in enumerate(items, 1):
            image = dict(item.image, file_name=item.name)
            image['id'] = item.image['id'] if unique else number
            if not is_size(image) and (size := read_size(item.path)):
                image['width'], image['height'] = size
            images.append(image)
            for entry, label in zip(item.annotations, item.labels):
                if label >= 0:
                    changed = dict(id=len(annotations) + 1, image_id=image['id'])
                    changed['category_id'] = self.category_ids[label]
                    annotations.append(complete(dict(entry, **changed)))
        categories = [
            dict(id=number, name=name)
            for number, name in zip(self.category_ids, self.classes)
        ]
        return dict(images=images, annotations=annotations, categories=categories)


def recognize_coco(listing: Listing, only: str | None = None) -> CocoData | None:
    """Recognise COCO JSON.

    Args:
        listing (Listing): The folder.
        only (str, optional): The one file that the user named. Defaults to None.

    Returns:
        CocoData | None: None if there is no such file.

    Raises:
        UserError: If files, images or names of classes leave open what is meant.
    """
    found = find_coco_files(listing, only)
    if not found:
        return None
    files = sort_into_splits(found)
    for split, file in files.items():
        find_images(listing, file, split)
    categories = collect_categories(files)
    names = ', '.join(file.name for file in files.values())
    data = CocoData(
        listing.root,
        f'COCO JSON{describe_tool(listing, files)}: {names}',
        tuple(categories),
        {},
        category_ids=list(categories.values()),
    )
    for split, file in files.items():
        data.splits[split] = _collect_items(data, file)
        reason = _find_reason_to_rewrite(data, file, data.splits[split])
        if reason:
            data.rewritten[split] = reason
        else:
            data.usable[split] = file.name, find_common_folder(file) or ''
        if file.missing:
            data.notes.append(
                f'{file.name}: {len(file.missing)} of its images are missing and left '
                f'out ({format_names(file.missing, 3)})'
            )
    used = {image for file in files.values() for image in file.images.values()}
    if len(used) < len(listing.images):
        data.notes.append(f'{len(listing.images) - len(used)} images are not in the JSON')
    return data


def _collect_items(data: CocoData, file: CocoFile) -> list[CocoItem]:
    names = category_names(file)
    index = {name: i for i, name in enumerate(data.classes)}
    items: dict[Any, CocoItem] = {}
    num_unknown = 0
    for i, image in file.images.items():
        entry = file.content['images'][i]
        items[make_key(entry.get('id'))] = CocoItem(data.root / image, image, entry)
    for annotation in iter_annotations(file):
        item = items.get(make_key(annotation.get('image_id')))
        if item is not None:
            item.annotations.append(annotation)
            name = names.get(make_key(annotation.get('category_id')))
            num_unknown += name is None
            item.labels.append(index.get(name or '', -1))
    if num_unknown:
        data.notes.append(
            f'{file.name}: {num_unknown} annotations have a category_id that it does not '
            'list; they are left out'
        )
    listed = [x for x in file.content['images'] if isinstance(x, Mapping)]
    known = {make_key(entry.get('id')) for entry in listed}
    orphans = [
        a for a in iter_annotations(file) if make_key(a.get('image_id')) not in known
    ]
    if orphans:
        data.notes.append(
            f'{file.name}: {len(orphans)} annotations belong to images that it does not '
            f'list (image_id {orphans[0].get("image_id")}, ...); they are left out'
        )
    return list(items.values())


def _find_reason_to_rewrite(
    data: CocoData, file: CocoFile, items: Sequence[CocoItem]
) -> str:
    """Why mmdet would not read a file as it is meant, '' if it would."""
    if file.has_mark:
        return 'it begins with a byte order mark, at which mmdet stops'
    listed = [
        (name, number) for name, number in iter_categories(file) if name in data.classes
    ]
    ids = dict(listed)
    if [name for name, _ in listed] != list(data.classes):
        return 'its categories are not those of training, once each and in their order'
    if [ids[name] for name in data.classes] != data.category_ids:
        return 'its categories have other ids than for training'
    if any(
        c.get('name') != category_name(c)
        for c in file.content['categories']
        if isinstance(c, Mapping)
    ):
        return 'names of categories have blanks at their ends'
    parts = ('images', 'annotations', 'categories')
    if any(not isinstance(x, Mapping) for part in parts for x in file.content[part]):
        return 'entries are not objects'
    if file.missing:
        return 'images are missing'
    if find_common_folder(file) is None:
        return 'its file names are not relative to one folder'
    if len(items) < len(file.images):
        return 'ids of images are not unique'
    numbers: set = set()
    for item in items:
        if not is_size(item.image):
            return 'sizes of images are missing'
        for entry in item.annotations:
            if entry['image_id'] != item.image['id'] or isinstance(item.image['id'], str):
                return 'ids of images are texts'
            if 'id' not in entry or complete(dict(entry)) != entry:
                return 'annotations lack an id, a box, an area or iscrowd'
            if entry['id'] == 0:
                return 'pycocotools cannot match an annotation with the id 0'
            numbers.add(make_key(entry['id']))
    if len(numbers) < sum(len(item.annotations) for item in items):
        return 'ids of annotations are not unique'
    return ''
