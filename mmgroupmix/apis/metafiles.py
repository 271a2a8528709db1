"""Metadata of the model index that can be read or counted from a config."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml
from mmengine.config import Config

from ..errors import UserError
from ..model_index import METAFILES, find_index_folder, read_metafile
from .complexity import count
from .config.read import read_config
from .config.tree import leaf_datasets, type_name
from .tasks import (
    CLOUD_CLASSIFICATION,
    DETECTION,
    GENERATION,
    PART_SEGMENTATION,
    SEGMENTATION,
    infer_task,
)

#: Names of datasets in model indices, by their classes.
DATASETS = dict(
    ImageNet='ImageNet-1k',
    CocoDataset='COCO',
    ADE20KDataset='ADE20K',
    CityscapesDataset='Cityscapes',
    PascalVOCDataset='Pascal VOC 2012',
    CIFAR10Images='CIFAR-10',
    TinyImageNet='Tiny-ImageNet',
    ModelNet40='ModelNet40',
    ShapeNetPart='ShapeNet part',
)
#: Height and width at which papers count the operations of detectors.
DETECTOR_SIZE = (800, 1280)


def update_metafiles(names: Collection[str] = ()) -> list[Path]:
    """Fill in the metadata of entries and write the metafiles that change.

    Args:
        names (Collection[str]): Entries to fill in again. Defaults to (): only those
            without counts.

    Returns:
        list[Path]: The files that were written.

    Raises:
        UserError: If this is not a checkout, or a name has no entry.
    """
    folder = get_checkout()
    contents = {path: read_metafile(folder / path) for path in METAFILES.values()}
    known = [model['Name'] for index in contents.values() for model in index['Models']]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UserError(
            f'{", ".join(unknown)}: not in the model index. Add an entry to one of '
            f'{", ".join(METAFILES.values())} with Name, In Collection, Config and, if '
            'the paper reports a figure, Results.'
        )
    written = []
    for path, content in contents.items():
        for model in content['Models']:
            metadata = model.setdefault('Metadata', {})
            if model['Name'] in names or 'FLOPs' not in metadata:
                cfg = read_config(folder / model['Config'])
                model['Metadata'] = {**describe_config(cfg), **_drop_counts(metadata)}
                _write(folder / path, content)  # counting all of them takes long
                written.append(folder / path)
    return list(dict.fromkeys(written))


def describe_config(cfg: Config) -> dict[str, Any]:
    """Return the metadata of a config's model, under the names of model indices."""
    size = infer_input_size(cfg)
    stats = count(cfg, size)
    length = 'max_epochs' if 'max_epochs' in cfg.train_cfg else 'max_iters'
    _, dataset = next(leaf_datasets(cfg.train_dataloader.dataset))
    return {
        'Training Data': DATASETS[type_name(dataset)],
        dict(max_epochs='Epochs', max_iters='Iterations')[length]: cfg.train_cfg[length],
        'Input Size': f'{size[0]}x{size[1]}',
        'Parameters': round(stats['params'] * 1e6),
        'FLOPs': round(stats['flops'] * 1e9),
    }


def infer_input_size(cfg: Config) -> tuple[int, int]:
    """Return the height and width at which the papers count a model's operations.

    Of point clouds, these are points and coordinates.
    """
    task = infer_task(cfg)
    if task is DETECTION:
        return DETECTOR_SIZE
    if task is SEGMENTATION:
        height, width = cfg.model.data_preprocessor.size
        return height, width
    if task is GENERATION:
        return cfg.model.generator.img_size, cfg.model.generator.img_size
    _, dataset = next(leaf_datasets(cfg.test_dataloader.dataset))
    if task in (CLOUD_CLASSIFICATION, PART_SEGMENTATION):
        return dataset.pipeline[0].num_points, 3
    (side,) = (step.crop_size for step in dataset.pipeline if 'crop_size' in step)
    return side, side


def get_checkout() -> Path:
    """Return the folder of this checkout.

    Raises:
        UserError: If the package is installed without one.
    """
    folder = find_index_folder()
    if folder is None or folder.name == '.mim':
        raise UserError('--write needs a checkout of the repository: start it from one')
    return folder


def _drop_counts(metadata: dict[str, Any]) -> dict[str, Any]:
    """What is stated by hand, such as the figures of the papers."""
    counted = ('Epochs', 'Iterations', 'Input Size', 'Parameters', 'FLOPs')
    return {name: value for name, value in metadata.items() if name not in counted}


def _write(path: Path, content: dict[str, Any]) -> None:
    lines = path.read_text(encoding='utf-8').splitlines(keepends=True)
    comments = ''.join(line for line in lines if line.startswith('#'))
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(comments + text, encoding='utf-8')
