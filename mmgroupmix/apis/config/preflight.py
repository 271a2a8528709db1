"""Checks of a config before anything is built: data, sizes, mixed precision."""

import os
from collections.abc import Mapping, Sequence

from mmengine.config import Config
from mmengine.device import get_device

from ...errors import UserError
from .tree import (
    SLIDING_WINDOW_KEYS,
    is_remote,
    iter_numbers,
    iter_sizes,
    leaf_datasets,
    list_optim_wrappers,
    type_name,
)

#: Layout on disk and source of the datasets of this package's configs.
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
    CIFAR10Images=(
        'data/cifar10/cifar-10-batches-py/ or data/cifar10/cifar-10-batches-bin/',
        'CIFAR-10: cifar-10-python.tar.gz or cifar-10-binary.tar.gz of '
        'www.cs.toronto.edu/~kriz/cifar.html',
    ),
    TinyImageNet=(
        'data/tiny-imagenet-200/{train/<class>/images,val/images}/ and '
        'val/val_annotations.txt',
        'Tiny-ImageNet: tiny-imagenet-200.zip of cs231n.stanford.edu',
    ),
    ImageNet=(
        'data/imagenet/{train,val}/<class>/',
        'ImageNet: ILSVRC2012 from image-net.org, the validation images sorted into '
        'one folder per class',
    ),
    ModelNet40=(
        'data/modelnet40_ply_hdf5_2048/ply_data_{train,test}*.h5',
        'ModelNet40: modelnet40_ply_hdf5_2048.zip of PointNet (shapenet.cs.stanford.edu)',
    ),
    ShapeNetPart=(
        'data/shapenet_part_seg_hdf5_data/ply_data_{train,val,test}*.h5, or a folder '
        'with SYNSET/*.txt, synsetoffset2category.txt and train_test_split/',
        'ShapeNet part: shapenet_part_seg_hdf5_data.zip of PointNet, or '
        'shapenetcore_partanno_segmentation_benchmark_v0_normal.zip',
    ),
)
#: These download their files at first use.
DOWNLOADED_DATASETS = ('CIFAR10', 'CIFAR100', 'MNIST', 'FashionMNIST')


def check_mixed_precision(cfg: Config) -> None:
    """Refuse mixed precision on a machine without an accelerator.

    Args:
        cfg (Config): The config.

    Raises:
        UserError: If the config asks for ``AmpOptimWrapper`` and no device supports it.
    """
    kinds = {type_name(wrapper) for wrapper in list_optim_wrappers(cfg)}
    if 'AmpOptimWrapper' in kinds and lacks_accelerator():
        raise UserError(
            'mixed precision in float16 (--amp, AmpOptimWrapper) needs a CUDA, NPU, MLU '
            'or MUSA device, and mmengine finds none here. Train in bfloat16, by --amp '
            'bfloat16; or without it: --cfg-options optim_wrapper.type=OptimWrapper, or '
            '--demo, which falls back to float32.'
        )


def lacks_accelerator() -> bool:
    """Whether mmengine finds no device here that its mixed precision supports."""
    return get_device() in ('cpu', 'mps')


def find_worker_keys(loader: Mapping) -> list[str]:
    """The settings of a data loader that need worker processes, if it has none."""
    keys = ('persistent_workers', 'prefetch_factor', 'timeout')
    return [key for key in keys if loader.get(key) and not loader.get('num_workers', 0)]


def check_sizes(cfg: Config, loaders: Sequence[str]) -> None:
    """Check that every size in use is larger than 0.

    Args:
        cfg (Config): The config.
        loaders (Sequence[str]): Names of the data loaders that will be used.

    Raises:
        UserError: Naming the value, its place and what is allowed.
    """
    model = cfg.get('model') or {}
    found: list[tuple] = []
    for name in (*loaders, 'data_preprocessor', 'tta_pipeline', 'custom_hooks'):
        found += iter_sizes(cfg.get(name), name)
    found += iter_sizes(model.get('data_preprocessor'), 'model.data_preprocessor')
    found += iter_sizes(model.get('test_cfg'), 'model.test_cfg', SLIDING_WINDOW_KEYS)
    for place, _, _, value in found:
        # `not all(> 0)` refuses NaN as well.
        if not all(number > 0 for number in iter_numbers(value)):
            raise UserError(
                f'{place} = {value}: every size must be larger than 0 (pixels, or a '
                'fraction where the transform takes one)'
            )


def check_files(cfg: Config, loaders: Sequence[str]) -> None:
    """Check that the files and folders of the data in use exist.

    Args:
        cfg (Config): The config.
        loaders (Sequence[str]): Names of the data loaders that will be used.

    Raises:
        UserError: Naming the missing paths, the expected layout and the source.
    """
    for loader in loaders:
        dataset = (cfg.get(loader) or {}).get('dataset')
        for place, leaf in leaf_datasets(dataset, f'{loader}.dataset'):
            missing = [path for path in dataset_paths(leaf) if not _has_content(path)]
            if missing:
                raise UserError(_missing_data_message(place, leaf, missing))


def dataset_paths(dataset: Mapping) -> list[str]:
    """The local files and folders that a dataset on disk reads.

    Args:
        dataset (dict): Config of a dataset that is not a wrapper.

    Returns:
        list[str]: Paths.
    """
    name = type_name(dataset)
    if name in DOWNLOADED_DATASETS or is_remote(dataset):
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


def _has_content(path: str) -> bool:
    if not os.path.isdir(path):
        return os.path.exists(path)
    with os.scandir(path) as entries:
        return next(entries, None) is not None


def _missing_data_message(place: str, dataset: Mapping, missing: Sequence[str]) -> str:
    name = type_name(dataset)
    lines = [f'no data for {place} ({name}); looked for:']
    for path in missing:
        state = 'empty' if os.path.isdir(path) else 'does not exist'
        lines.append(f'    {path}  ({state})')
    if name in KNOWN_DATASETS:
        layout, source = KNOWN_DATASETS[name]
        lines += [f'  expected layout: {layout}', f'  source: {source}']
    lines += [
        f'  paths are relative to {os.getcwd()}; another place: --cfg-options '
        f'{place}.data_root=DIR',
        '  no data at hand? --demo generates a mini dataset and needs none',
    ]
    return '\n'.join(lines)
