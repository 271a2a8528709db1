"""Reading of COCO JSON as labelling tools export it: files, splits and images."""

import codecs
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from ...errors import UserError
from ..config.coco_annotations import load_coco
from .listing import Listing, find_split, fold, format_names

#: Of a folder with one JSON file per image, only the first are read.
MAX_JSON_FILES = 50
#: COCO's own folder has these beside instances_*.json.
OTHER_COCO_FILES = re.compile(r'(captions|person_keypoints|stuff|panoptic|image_info)_')


@dataclass
class CocoFile:
    """One annotation file.

    Attributes:
        name (str): Its path, relative to the folder of the data.
        content (dict): What it holds.
        images (dict): The image of each entry of 'images', by the entry's position,
            relative to the folder of the data.
        missing (list[str]): Names of images that are not there.
        has_mark (bool): Whether it begins with a byte order mark. Defaults to False.
    """

    name: str
    content: dict[str, Any]
    images: dict[int, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    has_mark: bool = False


def find_coco_files(listing: Listing, only: str | None) -> list[CocoFile]:
    """The JSON files in COCO's format with annotations, of instances where COCO has more.

    Args:
        listing (Listing): The folder.
        only (str, optional): The one file that the user named, relative to the folder.

    Returns:
        list[CocoFile]: The files; none if there are none.

    Raises:
        UserError: If a file is not complete, or the one that the user named is not in
            COCO's format.
    """
    if only:
        return [_read(listing, only)]
    names = listing.json_files[:MAX_JSON_FILES]
    others = [x for x in names if OTHER_COCO_FILES.match(PurePosixPath(x).name)]
    instances = [name for name in names if name not in others]
    # A tool may write boxes into person_keypoints_default.json alone.
    return _read_coco(listing, instances) or [
        file for file in _read_coco(listing, others) if _has_objects(file)
    ]


def _read_coco(listing: Listing, names: list[str]) -> list[CocoFile]:
    found = []
    for name in names:
        try:
            file = _read(listing, name)
        except UserError as error:
            if error.__cause__ is not None:  # it cannot be read at all
                raise
            continue  # JSON of another kind
        if 'annotations' in file.content:
            found.append(file)
    return found


def _read(listing: Listing, name: str) -> CocoFile:
    path = listing.root / name
    content = load_coco(str(path), accepts_mark=True)
    with path.open('rb') as file:
        return CocoFile(name, content, has_mark=file.read(3) == codecs.BOM_UTF8)


def sort_into_splits(files: list[CocoFile]) -> dict[str, CocoFile]:
    """The annotation file of each split.

    Args:
        files (list[CocoFile]): At least one.

    Returns:
        dict[str, CocoFile]: By 'train', 'val' and 'test'; or one file by 'all'.

    Raises:
        UserError: If two files are of the same split, or of none that is known.
    """
    splits: dict[str, list[CocoFile]] = {}
    for file in files:
        splits.setdefault(find_split(file.name) or 'all', []).append(file)
    if len(splits) > 1 and 'all' in splits:
        # An export of the whole beside its splits.
        del splits['all']
    for split, same in splits.items():
        # Datumaro writes labels_train.json, without an object, beside instances_*.json.
        same[:] = [file for file in same if _has_objects(file)] or same
        if len(same) > 1:
            what = 'without the name of a split' if split == 'all' else f'for {split}'
            raise UserError(
                f'--data: {len(same)} files in COCO format {what}: '
                f'{format_names(file.name for file in same)}. Give the one that is meant '
                '(--data FILE.json), or name them train.json, val.json and test.json.'
            )
    order = ('train', 'val', 'test', 'all')
    return {split: splits[split][0] for split in order if split in splits}


def _has_objects(file: CocoFile) -> bool:
    """Whether any annotation of a file has a box or an outline."""
    return any(
        isinstance(entry, Mapping) and (entry.get('bbox') or entry.get('segmentation'))
        for entry in file.content['annotations']
    )


def find_images(listing: Listing, file: CocoFile, split: str) -> None:
    """Find the images that an annotation file names, in place.

    A name may be a path from any folder, of another machine or a URL: its last parts
    count.

    Args:
        listing (Listing): The folder.
        file (CocoFile): The file; ``images`` and ``missing`` are set.
        split (str): Its split, for images of the same name in several folders.

    Raises:
        UserError: If no image is found, or two that could be meant.
    """
    for i, entry in enumerate(file.content['images']):
        given = entry.get('file_name') if isinstance(entry, Mapping) else None
        if not isinstance(given, str):
            continue  # reported with its place by the check of the file
        matches = _match(listing, given, file.name, split)
        if not matches:
            file.missing.append(given)
        elif len(matches) > 1:
            raise UserError(
                f'--data: {file.name} names the image {given}, which may be '
                f'{format_names(matches)}. Write paths into file_name that tell them '
                'apart, relative to the folder of the data.'
            )
        else:
            file.images[i] = matches[0]
    if file.content['images'] and not file.images:
        raise UserError(
            f'--data: none of the {len(file.content["images"])} images of {file.name} is '
            f'in {listing.root} or below ({format_names(file.missing, 3)}; '
            f'there: {format_names(listing.images, 3) or "no images"}). Export the '
            'images too, or copy them there.'
        )


def find_common_folder(file: CocoFile) -> str | None:
    """The folder to which every name in a file is relative, as mmdet needs it.

    Returns:
        str | None: Relative to the folder of the data; None if there is none such.
    """
    folders = set()
    for i, image in file.images.items():
        given = file.content['images'][i]['file_name']
        head = image.removesuffix(given)
        if head == image or (head and not head.endswith('/')):
            return None
        folders.add(head)
        if len(folders) > 1:
            return None
    return folders.pop() if folders else None


def describe_tool(listing: Listing, files: Mapping[str, CocoFile]) -> str:
    """Which tool the export seems to come from, '' if unknown."""
    names = [PurePosixPath(file.name).name for file in files.values()]
    if all(name == '_annotations.coco.json' for name in names):
        return " in Roboflow's folders"
    if any(re.match(r'instances_(default|[A-Z]\w*)\.json', name) for name in names):
        return " in CVAT's folders"
    if names == ['result.json']:
        return ' of Label Studio'
    if any(image.startswith('JPEGImages/') for image in listing.images):
        return ' of labelme2coco'
    return ''


def find_other_formats(listing: Listing) -> list[str]:
    """Formats of labels that are not read here, with what to do, for a message."""
    found = []
    for name in listing.json_files[:3]:
        try:
            with open(listing.root / name, encoding='utf-8-sig') as file:
                content = json.load(file)
        except (OSError, ValueError, RecursionError):
            continue
        first = content[0] if isinstance(content, list) and content else content
        if not isinstance(first, dict):
            continue
        if 'shapes' in first and 'imagePath' in first:
            found.append(
                f"{name} is LabelMe's own JSON: convert the folder by labelme2coco.py or "
                'labelme2voc.py of its examples'
            )
        elif '_via_img_metadata' in first or 'regions' in str(first)[:2000]:
            found.append(f'{name} is of the VGG Image Annotator: export COCO format')
        elif isinstance(content, list) and 'data' in first:
            found.append(f"{name} is Label Studio's own JSON: export COCO format")
        elif isinstance(content, list) and 'image' in first:
            found.append(f'{name} is in CreateML format: export COCO JSON')
    if listing.other.get('.xml'):
        found.append(
            'XML files: if they are in Pascal VOC format, export COCO JSON, or use '
            "mmdet's XMLDataset in a config of your own"
        )
    yolo = [name for name in listing.text_files if 'labels/' in f'/{name}']
    if yolo or any(name.endswith(('data.yaml', '.names')) for name in listing.text_files):
        found.append('YOLO files: export COCO JSON, which the same tools offer')
    if listing.other.get('.npy'):
        found.append('.npy files: save label maps as PNG')
    return list(dict.fromkeys(found))


def _match(listing: Listing, given: str, json_name: str, split: str) -> list[str]:
    parts = _split_name(given)
    candidates = listing.by_name.get(fold(parts[-1]), []) if parts else []
    if not candidates and parts:
        # Label Studio puts a hash in front of the name of an upload: 1a2b3c4d-name.jpg.
        shorter = re.sub(r'^[0-9a-f]{8}-', '', parts[-1])
        candidates = listing.by_name.get(fold(shorter), [])
    folder = PurePosixPath(json_name).parent
    for keep in (
        lambda image: _count_common(parts, image),
        lambda image: find_split(image) == split,
        lambda image: PurePosixPath(image).name == parts[-1],
        lambda image: PurePosixPath(image).parent == folder,
        lambda image: PurePosixPath(json_name).stem in PurePosixPath(image).parts,
        lambda image: not _is_label_like(image),
    ):
        if len(candidates) < 2:
            break
        scores = [keep(image) for image in candidates]
        candidates = [c for c, score in zip(candidates, scores) if score == max(scores)]
    return candidates


def _split_name(given: str) -> list[str]:
    """The parts of a name: of a path, a URL, or a local file of Label Studio."""
    if '://' in given or '/?d=' in given:
        url = urlparse(given)
        given = parse_qs(url.query).get('d', [unquote(url.path)])[0]
    return [part for part in re.split(r'[\\/]+', given) if part not in ('', '.', '..')]


def _count_common(parts: list[str], image: str) -> int:
    """Number of parts at the end of a name that an image has too."""
    count = 0
    for part, other in zip(reversed(parts), reversed(image.split('/'))):
        if fold(part) != fold(other):
            break
        count += 1
    return count


def _is_label_like(image: str) -> bool:
    return bool(re.search(r'mask|label|annot|segmentation', image.lower()))
