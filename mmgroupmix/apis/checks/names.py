"""Checks of the names of classes as a config states them."""

import os
from collections.abc import Iterator, Mapping, Sequence

from mmengine.config import Config
from mmengine.registry import DATASETS

from ..config.mistakes import MistakeReport
from ..config.tree import leaf_datasets


def iter_metainfo(cfg: Config, loaders: Sequence[str]) -> Iterator[tuple[str, Mapping]]:
    """Yield the metadata of datasets as their config or class states it.

    Args:
        cfg (Config): The config.
        loaders (Sequence[str]): Names of the data loaders that will be used.

    Yields:
        tuple[str, Mapping]: Place and metadata.
    """
    for loader in loaders:
        dataset = (cfg.get(loader) or {}).get('dataset')
        for place, leaf in leaf_datasets(dataset, f'{loader}.dataset'):
            kind = leaf.get('type')
            if isinstance(kind, str):
                with DATASETS.switch_scope_and_registry(None) as registry:
                    kind = registry.get(kind)
            stated = leaf.get('metainfo') or {}
            if isinstance(stated, Mapping):
                yield place, dict(getattr(kind, 'METAINFO', None) or {}, **stated)


def check_stated_names(
    metainfo: Mapping[str, Mapping], report: MistakeReport
) -> list[str]:
    """Check that the names of classes are a list, under the key that is read.

    Args:
        metainfo (Mapping[str, Mapping]): Metadata of each dataset, by its place.
        report (MistakeReport): Receives what is wrong.

    Returns:
        list[str]: Places of datasets whose names cannot be used.
    """
    wrong = []
    for place, stated in metainfo.items():
        classes = stated.get('classes')
        if isinstance(classes, str) and not os.path.isfile(classes):
            wrong.append(place)
            report.add_error(
                'class-names',
                f'{place}.metainfo.classes is the text {classes!r}, and neither a list '
                f'nor a file with a name in each line. For one class, write '
                f'classes=({classes!r}, ) with a comma.',
            )
        elif stated.get('CLASSES'):
            wrong.append(place)
            report.add_error(
                'class-names',
                f'{place}.metainfo.CLASSES is not read: since mmdet 3, mmseg 1 and '
                'mmpretrain 1 the key is metainfo.classes. Rename it.',
            )
    return wrong


def get_class_names(metainfo: Mapping[str, Mapping]) -> dict[str, tuple]:
    """The names of the classes of each dataset that has a list of them.

    Args:
        metainfo (Mapping[str, Mapping]): Metadata of each dataset, by its place.

    Returns:
        dict[str, tuple]: Names by place; of a panoptic dataset those of the things,
        whose boxes heads predict.
    """
    names = {}
    for place, stated in metainfo.items():
        classes = stated.get('thing_classes') or stated.get('classes')
        if isinstance(classes, (list, tuple)):
            names[place] = tuple(classes)
    return names
