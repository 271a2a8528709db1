"""Images and their label maps, paired by the names of folders and files."""

import os
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...errors import UserError
from .listing import Listing, find_split, format_names

#: Paths by a key that images and their label maps have in common.
Files = dict[tuple, list[str]]
#: Parts of a path that say that a file is a label map.
LABEL_WORDS = re.compile(
    r'labelmaps?|label_maps?|labels?|masks?|annotations?|annots?|annot|ann_dir|anns?|'
    r'segmentationclass(png|raw)?|segmentations?|segs?|seg_maps?|ground_?truths?|gt|gtfine|'
    r'targets?|labelids|labeltrainids'
)
#: Parts that say nothing: folders of images.
IMAGE_WORDS = re.compile(
    r'jpegimages|images?|imgs?|img_dir|leftimg8bit|photos?|pictures?|rgb|inputs?|originals?'
)
#: Pictures of label maps that are not for training.
NOT_FOR_TRAINING = re.compile(
    r'segmentationobject(png)?|.*visuali[sz]ation.*|overlays?|previews?|.*instanceids.*'
)
#: Suffixes of files that keep every value.
LOSSLESS = ('.png', '.bmp', '.tif', '.tiff', '.gif', '.ppm', '.pgm')
#: Folders of which one is preferred if an image has a label map in both.
PREFERRED = re.compile(
    r'segmentationclass(png|raw)|label_?ids|labelmaps?|masks_machine', re.IGNORECASE
)
#: The suffix of a photo inside of the name of its label map (x.jpg.png).
INNER_SUFFIX = re.compile(r'\.(jpe?g|png|bmp|tiff?|webp)$')


@dataclass(frozen=True)
class Pair:
    """An image and its label map, relative to the folder of the data."""

    image: str
    label_map: str


def pair_label_maps(listing: Listing) -> tuple[list[Pair], list[str]]:
    """Pair images with label maps.

    Folders may be named by role and split in any order (images/train, train/masks,
    trainannot); in one folder, label maps have a suffix (x_mask.png) or, beside
    photographs, the same name as PNG. If no pair is found so, words for the role count
    nowhere in a name (image_1.png and mask_1.png).

    Args:
        listing (Listing): The folder.

    Returns:
        tuple[list[Pair], list[str]]: The pairs, and notes on what has no partner.

    Raises:
        UserError: If an image has several label maps, or label maps are JPEG files.
    """
    images, maps = _sort_by_role(listing, classify)
    if not maps:
        images, maps = _pair_in_one_folder(images)
    pairs, unclear = _join(images, maps)
    if not pairs and not unclear:
        images, maps = _sort_by_role(listing, classify_by_words)
        pairs, unclear = _join(images, maps)
        if unclear:
            return [], []
    if unclear:
        found, same = unclear
        raise UserError(
            f'--data: {format_names(found)} and {format_names(same)} belong together by '
            'their names, and it is open which is the image and which its label map. '
            'Keep one folder of images and one of label maps.'
        )
    lossy = [p.label_map for p in pairs if not p.label_map.lower().endswith(LOSSLESS)]
    if lossy:
        raise UserError(
            f'--data: {len(lossy)} label maps are JPEG or WebP files ({lossy[0]}, ...), '
            'whose compression changes labels. Export them as PNG.'
        )
    return pairs, _describe_unpaired(images, maps, pairs)


def _sort_by_role(
    listing: Listing, find_role: Callable[[str], tuple[str, tuple]]
) -> tuple[Files, Files]:
    """Images and label maps, by the keys that both have in common."""
    images: Files = defaultdict(list)
    maps: Files = defaultdict(list)
    # What all files lie in, such as Kvasir-SEG/, says nothing about any of them.
    outer = os.path.commonpath([PurePosixPath(path).parent for path in listing.images])
    for path in listing.images:
        role, key = find_role(str(PurePosixPath(path).relative_to(outer)))
        if role == 'image':
            images[key].append(path)
        elif role == 'label':
            maps[key].append(path)
    return images, _match_by_name(images, maps)


def _join(
    images: Files, maps: Files
) -> tuple[list[Pair], tuple[list[str], list[str]] | None]:
    """Pairs of the same key, and the files of the first key that has too many."""
    pairs: list[Pair] = []
    for key, found in images.items():
        same = maps.get(key, [])
        if len(same) > 1:
            same = [path for path in same if PREFERRED.search(path)] or same
        if same and (len(found) > 1 or len(same) > 1):
            return pairs, (found, same)
        if same:
            pairs.append(Pair(found[0], same[0]))
    return pairs, None


def classify(path: str) -> tuple[str, tuple]:
    """The role of a file, and a key that an image and its label map have in common.

    Args:
        path (str): The file, relative to the folder of the data.

    Returns:
        tuple[str, tuple]: 'image', 'label' or '' (for neither), and the key.
    """
    *folders, name = PurePosixPath(path.lower()).parts
    stem = PurePosixPath(name).stem
    role, key = 'image', []
    for folder in folders:
        if NOT_FOR_TRAINING.fullmatch(folder):
            return '', ()
        rest, is_label = _strip_role(folder)
        role = 'label' if is_label else role
        key += [rest] if rest else []
    rest, is_label = _strip_suffix(stem)
    if is_label:
        role = 'label'
    return role, (*key, rest)


def classify_by_words(path: str) -> tuple[str, tuple]:
    """The role and the key of a file, whose name may say its role anywhere.

    Args:
        path (str): As for :func:`classify`.

    Returns:
        tuple[str, tuple]: As for :func:`classify`; the folders count first.
    """
    *folders, name = PurePosixPath(path.lower()).parts
    if any(NOT_FOR_TRAINING.fullmatch(folder) for folder in folders):
        return '', ()
    stripped = [_strip_role(folder) for folder in folders]
    stem = INNER_SUFFIX.sub('', PurePosixPath(name).stem)
    words = re.findall(r'[^\W\d_]+|\d+', stem)
    is_label = any(label for _, label in stripped)
    if not is_label and all(rest for rest, _ in stripped):
        is_label = any(LABEL_WORDS.fullmatch(word) for word in words)
    rest = [
        word
        for word in words
        if not (LABEL_WORDS.fullmatch(word) or IMAGE_WORDS.fullmatch(word) or word == 'l')
    ]
    key = (*(folder for folder, _ in stripped if folder), '_'.join(rest))
    return 'label' if is_label else 'image', key


def find_pair_split(pair: Pair) -> str | None:
    """The split that the folders of an image name."""
    return find_split(str(PurePosixPath(pair.image).parent)) or find_split(
        re.sub(LABEL_WORDS, '_', str(PurePosixPath(pair.label_map).parent).lower())
    )


def is_role(folder: str) -> bool:
    """Whether the name of a folder says only that it holds images, or label maps."""
    return not _strip_role(folder.lower())[0]


def _strip_role(folder: str) -> tuple[str, bool]:
    """A folder without the word for its role, and whether it holds label maps."""
    words = re.split(r'[ _\-.]+', folder)
    if LABEL_WORDS.fullmatch(folder):
        return '', True
    if IMAGE_WORDS.fullmatch(folder):
        return '', False
    # CamVid's trainannot; CVAT's defaultannot.
    match = re.fullmatch(
        r'(train|val|test|default)(annot|labels?|masks?|images?)', folder
    )
    if match:
        return match[1], not IMAGE_WORDS.fullmatch(match[2])
    is_label = any(LABEL_WORDS.fullmatch(word) for word in words)
    rest = [
        word
        for word in words
        if not LABEL_WORDS.fullmatch(word) and not IMAGE_WORDS.fullmatch(word)
    ]
    return '_'.join(rest), is_label


def _strip_suffix(stem: str) -> tuple[str, bool]:
    """A stem without ``_mask`` and the like, and whether it had that."""
    rest, is_label = INNER_SUFFIX.sub('', stem), False
    while match := re.fullmatch(r'(.+)[ _\-.]+([a-z0-9]+)', rest):
        if LABEL_WORDS.fullmatch(match[2]):
            rest, is_label = match[1], True
        elif match[2] in ('leftimg8bit', 'image', 'img', 'rgb'):
            rest = match[1]
        else:
            break
    return rest, is_label


def _pair_in_one_folder(
    images: Files,
) -> tuple[Files, Files]:
    """Take x.png beside x.jpg as its label map."""
    photos: Files = {}
    maps: Files = {}
    for key, found in images.items():
        lossless = [path for path in found if path.lower().endswith(LOSSLESS)]
        others = [path for path in found if path not in lossless]
        if len(lossless) == 1 and len(others) == 1:
            photos[key], maps[key] = others, lossless
    return photos, maps


def _match_by_name(images: Files, maps: Files) -> Files:
    """Give label maps in folders that mean nothing the key of the image of their name."""
    stems: dict[str, list[tuple]] = defaultdict(list)
    for key in images:
        stems[key[-1]].append(key)
    matched: Files = defaultdict(list)
    for key, found in maps.items():
        same = stems.get(key[-1], [])
        matched[same[0] if key not in images and len(same) == 1 else key] += found
    return matched


def _describe_unpaired(images: Files, maps: Files, pairs: list[Pair]) -> list[str]:
    if not pairs:
        return []
    notes = []
    for what, files, others in (
        ('images have no label map', images, maps),
        ('label maps have no image', maps, images),
    ):
        alone = [
            path for key, found in files.items() if key not in others for path in found
        ]
        if alone:
            notes.append(
                f'{len(alone)} {what} and are left out ({format_names(alone, 3)})'
            )
    return notes
