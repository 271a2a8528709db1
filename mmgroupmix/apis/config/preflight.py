"""What can be known to be wrong before a model is built: missing data, odd sizes."""

import os

from ...errors import UserError
from .tree import SLIDING_WINDOW_KEYS, iter_numbers, iter_sizes, leaf_datasets, type_name

# The layout on disk and the source of the data sets that the configs here are about.
KNOWN_DATASETS = dict(
    ADE20KDataset=(
        'data/ade/ADEChallengeData2016/{images,annotations}/{training,validation}/',
        'ADE20K: ADEChallengeData2016.zip of the MIT scene parsing benchmark, '
        'sceneparsing.csail.mit.edu',
    ),
    CocoDataset=(
        'data/coco/{train2017,val2017}/ and '
        'data/coco/annotations/instances_{train,val}2017.json',
        'COCO 2017: images and train/val annotations from cocodataset.org',
    ),
    PascalVOCDataset=(
        'data/VOCdevkit/VOC2012/{JPEGImages,SegmentationClass,SegmentationClassAug,'
        'ImageSets/Segmentation}/',
        'Pascal VOC 2012: VOCtrainval_11-May-2012.tar of host.robots.ox.ac.uk; the "Aug" '
        "labels by mmsegmentation's tools/dataset_converters/voc_aug.py",
    ),
    CityscapesDataset=(
        'data/cityscapes/{leftImg8bit,gtFine}/{train,val}/<city>/',
        'Cityscapes: leftImg8bit and gtFine of cityscapes-dataset.com; labels by '
        "mmsegmentation's tools/dataset_converters/cityscapes.py",
    ),
    ImageNet=(
        'data/imagenet/{train,val}/<class>/',
        'ImageNet: ILSVRC2012 from image-net.org, the validation images sorted into '
        'one folder a class',
    ),
)
# These fetch their own files at first use.
DOWNLOADED_DATASETS = ('CIFAR10', 'CIFAR100', 'MNIST', 'FashionMNIST')


def check_sizes(cfg, loaders):
    """Every size that will be used is larger than 0.

    Args:
        cfg (Config): The config.
        loaders (Sequence[str]): Names of the data loaders that will be used.

    Raises:
        UserError: Naming the value, its place and what is allowed.
    """
    model = cfg.get('model') or {}
    found = []
    for name in (*loaders, 'data_preprocessor', 'tta_pipeline', 'custom_hooks'):
        found += iter_sizes(cfg.get(name), name)
    found += iter_sizes(model.get('data_preprocessor'), 'model.data_preprocessor')
    found += iter_sizes(model.get('test_cfg'), 'model.test_cfg', SLIDING_WINDOW_KEYS)
    for place, _, _, value in found:
        # Written so that NaN is refused as well.
        if not all(number > 0 for number in iter_numbers(value)):
            raise UserError(
                f'{place} = {value}: every size must be larger than 0 (pixels, or a '
                'fraction where the transform takes one)'
            )


def check_data(cfg, loaders):
    """The files and folders of the data that will be used exist.

    Args:
        cfg (Config): The config.
        loaders (Sequence[str]): Names of the data loaders that will be used.

    Raises:
        UserError: Naming what was looked for, the layout and the source.
    """
    for loader in loaders:
        dataset = (cfg.get(loader) or {}).get('dataset')
        for place, leaf in leaf_datasets(dataset, f'{loader}.dataset'):
            missing = [path for path in dataset_paths(leaf) if not _holds_something(path)]
            if missing:
                raise UserError(_missing_data_message(place, leaf, missing))


def dataset_paths(dataset):
    """list[str]: The local files and folders that a data set on disk reads.

    Args:
        dataset (dict): Config of a data set that is no wrapper.
    """
    name = type_name(dataset)
    if name in DOWNLOADED_DATASETS or dataset.get('backend_args'):
        return []
    root = dataset.get('data_root') or ''
    prefix = dataset.get('data_prefix') or ''
    if name.startswith('ImageNet') and not prefix:
        prefix = dataset.get('split') or ''
    parts = list(prefix.values()) if isinstance(prefix, dict) else [prefix]
    if dataset.get('ann_file'):
        parts.append(dataset['ann_file'])
    paths = [os.path.join(root, part) for part in parts if isinstance(part, str)]
    return [path for path in paths if path and '://' not in path]


def _holds_something(path):
    if not os.path.isdir(path):
        return os.path.exists(path)
    with os.scandir(path) as entries:
        return next(entries, None) is not None


def _missing_data_message(place, dataset, missing):
    name = type_name(dataset)
    lines = [f'no data for {place} ({name}); looked for:']
    lines += [f'    {path}  ({_state_of(path)})' for path in missing]
    if name in KNOWN_DATASETS:
        layout, source = KNOWN_DATASETS[name]
        lines += [f'  expected layout: {layout}', f'  where it comes from: {source}']
    lines.append(
        f'  paths are relative to {os.getcwd()}; another place: --cfg-options '
        f'{place}.data_root=DIR'
    )
    lines.append('  no data at hand? --demo makes a mini data set and needs none')
    return '\n'.join(lines)


def _state_of(path):
    return 'empty' if os.path.isdir(path) else 'does not exist'
