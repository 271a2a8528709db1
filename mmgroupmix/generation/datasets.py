"""Labelled images that GANs are trained on, in the layouts in which they are published.

Folders of a class each, ``data_prefix/CLASS/*.png``, are read by mmpretrain's
``CustomDataset``.
"""

import os
from pathlib import Path
from typing import Any, ClassVar

from mmengine.dataset import BaseDataset

from ..arguments import check_choice
from ..errors import UserError
from ..registry import DATASETS
from .cifar10_files import CLASSES, SIDE, find_files, read_file

#: Of Tiny-ImageNet's images.
SUFFIX = '.JPEG'


class SplitDataset(BaseDataset):
    """A dataset with named splits.

    Args:
        data_root (str): Its folder.
        split (str): One of ``splits``. Defaults to 'train'.
        **kwargs: As for mmengine's ``BaseDataset``.

    Raises:
        UserError: If ``split`` is not one of them.
    """

    splits: tuple[str, ...]

    def __init__(self, data_root: str = '', split: str = 'train', **kwargs: Any):
        check_choice(f'{type(self).__name__}: split', split, self.splits)
        self.split = split
        # Metrics say in their names against which images they compare.
        metainfo = dict(dict(split=split), **(kwargs.pop('metainfo', None) or {}))
        super().__init__(data_root=data_root, metainfo=metainfo, **kwargs)


@DATASETS.register_module()
class CIFAR10Images(SplitDataset):
    """CIFAR-10 in its published form, 'cifar-10-batches-py' or 'cifar-10-batches-bin'.

    Nothing is downloaded, and no code in the pickles is run. Samples hold ``img``, BGR as
    mmcv loads files, and ``gt_label``.

    Args:
        data_root (str): One of the two folders, or the one that contains it.
        split (str): 'train' (50 000 images) or 'test' (10 000). Defaults to 'train'.
        **kwargs: As for mmengine's ``BaseDataset``.

    Raises:
        UserError: If a file is missing, damaged, or has a label beyond the ten classes.
    """

    METAINFO: ClassVar[dict] = dict(classes=CLASSES)
    splits = ('train', 'test')

    def load_data_list(self) -> list[dict]:
        """Read the files of the split."""
        data_list = []
        for path in find_files(self.data_root, self.split):
            images, labels = read_file(path)
            data_list += [
                dict(
                    img=image[..., ::-1],
                    ori_shape=(SIDE, SIDE),
                    img_shape=(SIDE, SIDE),
                    gt_label=int(label),
                )
                for image, label in zip(images, labels)
            ]
        return data_list


@DATASETS.register_module()
class TinyImageNet(SplitDataset):
    """Tiny-ImageNet in its published form.

    Training images are ``train/WNID/images/*.JPEG``; those for validation are
    ``val/images/*.JPEG`` with ``val/val_annotations.txt``. The classes are the folders
    below ``train`` in alphabetical order.

    Args:
        data_root (str): The folder ``tiny-imagenet-200``.
        split (str): 'train' (100 000 images) or 'val' (10 000). Defaults to 'train'.
        **kwargs: As for mmengine's ``BaseDataset``.

    Raises:
        UserError: If folders, images or annotations are missing.
    """

    splits = ('train', 'val')

    def load_data_list(self) -> list[dict]:
        """List the images of the split."""
        folder = Path(self.data_root) / 'train'
        classes = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
        if not classes:
            raise UserError(
                f'no Tiny-ImageNet in {self.data_root or os.curdir}: expected '
                'train/WNID/images/*.JPEG, val/images/*.JPEG and '
                'val/val_annotations.txt, from tiny-imagenet-200.zip. Set data_root of '
                'the dataset.'
            )
        self._metainfo['classes'] = tuple(classes)
        pairs = self._list_train(classes) if self.split == 'train' else self._list_val()
        labels = {name: label for label, name in enumerate(classes)}
        for path, name in pairs:
            if name not in labels:
                raise UserError(
                    f'{path} is of class {name}, expected one of the {len(classes)} '
                    f'folders below {folder}. Unpack the archive again.'
                )
        return [dict(img_path=str(path), gt_label=labels[name]) for path, name in pairs]

    def _list_train(self, classes: list[str]) -> list[tuple[Path, str]]:
        pairs = []
        for name in classes:
            folder = Path(self.data_root) / 'train' / name / 'images'
            images = sorted(folder.glob(f'*{SUFFIX}'))
            if not images:
                raise UserError(
                    f'{folder} has no {SUFFIX} files: unpack the archive again.'
                )
            pairs += [(path, name) for path in images]
        return pairs

    def _list_val(self) -> list[tuple[Path, str]]:
        folder = Path(self.data_root) / 'val'
        file = folder / 'val_annotations.txt'
        if not file.is_file():
            raise UserError(f'{file} does not exist: it holds the classes of val/images.')
        pairs = []
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            name, *rest = line.split('\t')
            path = folder / 'images' / name
            if not rest or not path.is_file():
                problem = f'{path} does not exist' if rest else 'it names no class'
                raise UserError(
                    f'{file}, line {number}: {problem}. Expected the name of an image in '
                    'val/images, a tab and its class, in every line.'
                )
            pairs.append((path, rest[0]))
        return pairs
