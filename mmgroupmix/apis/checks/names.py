"""Checks of the names of classes as a config states them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS

from ..config.class_names import read_class_names
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
            if not isinstance(stated, Mapping):
                continue
            metainfo = dict(getattr(kind, 'METAINFO', None) or {}, **stated)
            if leaf.get('classes'):  # mmpretrain's datasets have an argument for them
                metainfo['classes'] = leaf['classes']
            if 'classes' in metainfo:
                metainfo['classes'] = read_class_names(metainfo['classes'])
            yield place, metainfo


def check_stated_names(
    metainfo: Mapping[str, Mapping], report: MistakeReport, may_be_none: bool = False
) -> list[str]:
    """Check that the names of classes are a list, under the key that is read.

    Args:
        metainfo (Mapping[str, Mapping]): Metadata of each dataset, by its place.
        report (MistakeReport): Receives what is wrong.
        may_be_none (bool): Whether the datasets take None for no names, as mmpretrain's
            do. Defaults to False.

    Returns:
        list[str]: Places of datasets whose names cannot be used.
    """
    wrong = []
    for place, stated in metainfo.items():
        classes = read_class_names(stated.get('classes'))
        if classes is None and 'classes' in stated and not may_be_none:
            wrong.append(place)
            report.add_error(
                'class-names',
                f'{place}.metainfo.classes is None, which leaves no class to learn: '
                "expected a list or tuple of names, such as ('cat', 'dog'). Without the "
                'key, the names of the type of dataset count.',
            )
        elif isinstance(classes, str):
            wrong.append(place)
            report.add_error(
                'class-names',
                f'{place}.metainfo.classes is the text {classes!r}, and neither a list '
                f'nor a file with a name in each line. For one class, write '
                f'classes=({classes!r}, ) with a comma.',
            )
        elif classes is not None and not _is_list_of_names(classes):
            wrong.append(place)
            report.add_error(
                'class-names',
                f'{place}.metainfo.classes is {classes!r}: expected a list or tuple of '
                "names, whose order is that of the labels, such as ('cat', 'dog').",
            )
        elif stated.get('CLASSES'):
            wrong.append(place)
            report.add_error(
                'class-names',
                f'{place}.metainfo.CLASSES is not read: since mmdet 3, mmseg 1 and '
                'mmpretrain 1 the key is metainfo.classes. Rename it.',
            )
        if _is_list_of_names(classes):
            blank = [i for i, name in enumerate(classes) if not str(name).strip()]
            if blank:
                report.add_warning(
                    'class-names',
                    f'{place}.metainfo.classes: name {blank[0]} of {len(classes)} is '
                    'empty, and counts as a class. If the names are those of a file, a '
                    'blank line is one of them: remove it.',
                )
    return wrong


def _is_list_of_names(classes: Any) -> bool:
    return isinstance(classes, (list, tuple)) and all(
        isinstance(name, (str, int)) for name in classes
    )


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
        if _is_list_of_names(classes):
            names[place] = tuple(classes or ())
    return names
