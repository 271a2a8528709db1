"""What lies in a folder of data: images, JSON files, lists, and names of splits."""

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from ...errors import UserError

IMAGE_SUFFIXES = (
    '.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.gif', '.ppm', '.pgm',
)  # fmt: skip
TEXT_SUFFIXES = ('.txt', '.csv', '.yaml', '.yml', '.names')
#: Folders that hold no data: of archivers, file servers and earlier runs.
SKIPPED_FOLDERS = ('__MACOSX', '@eaDir', 'work_dirs', '__pycache__', 'node_modules')
#: Names of a split in the folders and files of labelling tools.
SPLIT_WORDS = dict(
    train='train',
    training='train',
    trainval='train',
    val='val',
    valid='val',
    validation='val',
    eval='val',
    dev='val',
    test='test',
    testing='test',
)
#: The folder in a work directory for lists, converted labels and the record of both.
MADE_FOLDER = 'own_data'
RECORD = 'record.json'
ARCHIVES = ('.zip', '.tar', '.gz', '.tgz', '.7z', '.rar')


@dataclass
class Listing:
    """The files of a folder, by kind, as paths relative to it with '/'.

    Attributes:
        root (Path): The folder, absolute.
        images (list[str]): Files that are images by their suffix, sorted.
        json_files (list[str]): JSON files, those at the top first.
        text_files (list[str]): Text files and tables, those at the top first.
        other (dict[str, int]): Number of other files by suffix.
    """

    root: Path
    images: list[str] = field(default_factory=list)
    json_files: list[str] = field(default_factory=list)
    text_files: list[str] = field(default_factory=list)
    other: dict[str, int] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> dict[str, list[str]]:
        """The images by their names, without case and in one form of accents."""
        names: dict[str, list[str]] = {}
        for image in self.images:
            names.setdefault(fold(PurePosixPath(image).name), []).append(image)
        return names

    def describe(self) -> str:
        """What was found, for a message."""
        parts = [
            f'{len(self.images)} images',
            f'{len(self.json_files)} JSON files',
            f'{len(self.text_files)} text files',
            *(f'{count} {suffix or "other"} files' for suffix, count in self._common()),
        ]
        return ', '.join(parts)

    def _common(self) -> list[tuple[str, int]]:
        return sorted(self.other.items(), key=lambda item: -item[1])[:3]


def list_data(path: str | Path, excluded: Path | None = None) -> Listing:
    """List a folder with all folders below it, without hidden files.

    Args:
        path (str | Path): The folder. Of a file, the folder is listed that holds its
            images: its own, or for one in ``annotations/`` the folder above.
        excluded (Path, optional): A folder to leave out, that of the run. Defaults to
            None.

    Returns:
        Listing: The files.

    Raises:
        UserError: If it does not exist, is empty, or is the work directory.
    """
    if not str(path).strip():
        raise UserError('--data: an empty path was given; expected a folder')
    given = path = Path(path)
    if not path.exists():
        parent = next((p for p in path.absolute().parents if p.is_dir()), Path('/'))
        present = format_names(sorted(entry.name for entry in parent.iterdir()), 8)
        raise UserError(f'--data {path}: does not exist; {parent} holds {present or "-"}')
    if path.is_file():
        if path.suffix.lower() in ARCHIVES:
            raise UserError(f'--data {path}: is an archive. Unpack it; give the folder.')
        if path.suffix.lower() != '.json':
            raise UserError(
                f'--data {path}: is a file; expected a folder, or a JSON file of COCO'
            )
        above = path.parent.name.lower() in ('annotations', 'annotation', 'labels')
        path = path.absolute().parent.parent if above else path.absolute().parent
    # Links in the path stay, as the user knows it by them.
    listing = Listing(Path(os.path.abspath(path)))
    skipped = {os.path.realpath(excluded)} if excluded else set()
    if os.path.realpath(listing.root) in skipped:
        raise UserError(
            f'--data {given}: is the folder of the run too, into which outputs are '
            'written. Give another --work-dir.'
        )
    seen: set[str] = set()
    for folder, folders, names in os.walk(listing.root, followlinks=True):
        real = os.path.realpath(folder)
        is_earlier_run = os.path.isfile(os.path.join(folder, MADE_FOLDER, RECORD))
        if real in seen or real in skipped or is_earlier_run:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith('.') and name not in SKIPPED_FOLDERS
        )
        relative = os.path.relpath(folder, listing.root).replace(os.sep, '/')
        prefix = '' if relative == '.' else f'{relative}/'
        for name in sorted(names):
            if not name.startswith('.'):
                _add(listing, prefix + name)
    listing.images.sort()
    for found in (listing.json_files, listing.text_files):
        found.sort(key=lambda name: (name.count('/'), name))
    if not (listing.images or listing.json_files):
        raise UserError(
            f'--data {given}: no images ({", ".join(IMAGE_SUFFIXES)}) and no JSON files '
            f'in it or below; found {listing.describe()}'
        )
    return listing


def find_split(path: str) -> str | None:
    """The split that a path names, by its last part that names one.

    Args:
        path (str): A path relative to the folder of the data.

    Returns:
        str | None: 'train', 'val', 'test', or None.
    """
    for part in reversed(PurePosixPath(path).parts):
        words = re.split(r'[^a-z]+', PurePosixPath(part).stem.lower())
        words = [re.sub(r'(?<=.)(set|data|images|imgs)$', '', word) for word in words]
        found = {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
        if len(found) == 1:
            return found.pop()
    return None


def fold(name: str) -> str:
    """A name without case and in one form of accents, to compare it with others."""
    return unicodedata.normalize('NFC', name).casefold()


def format_names(names: Iterable[object], limit: int = 5) -> str:
    """The first names of many, for a message."""
    texts = [str(name) for name in names]
    more = f' and {len(texts) - limit} more' if len(texts) > limit else ''
    return ', '.join(texts[:limit]) + more


def _add(listing: Listing, name: str) -> None:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        listing.images.append(name)
    elif suffix == '.json':
        listing.json_files.append(name)
    elif suffix in TEXT_SUFFIXES:
        listing.text_files.append(name)
    else:
        listing.other[suffix] = listing.other.get(suffix, 0) + 1
