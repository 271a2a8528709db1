"""Walking a toolbox's config: types, datasets, pipelines and sizes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: Each of these is a length in pixels, in a transform, a data preprocessor or a
#: segmentor's ``test_cfg``.
SIZE_KEYS = (
    'crop_size',
    'scale',
    'scales',
    'size',
    'img_scale',
    'max_size',
    'second_size',
    'random_size_range',
    'random_sizes',
)
#: Colour types and backends of mmcv that turn an image as its EXIF orientation says.
TURNING_COLOURS = ('color', 'grayscale')
TURNING_BACKENDS = ('cv2', 'pillow', None)
SLIDING_WINDOW_KEYS = ('crop_size', 'stride')


def type_name(node: Any) -> str:
    """The name in ``node['type']`` without its scope, '' if there is none.

    New-style configs hold the class itself, the others a name like 'mmdet.RetinaNet'.
    """
    kind = node.get('type', '') if isinstance(node, Mapping) else ''
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', str(kind))
    return name.split('.')[-1]


def get_scope(node: Any) -> str:
    """The toolbox that ``node['type']`` names explicitly, or ''."""
    if not isinstance(node, Mapping):
        return ''
    kind = node.get('type', '')
    name = kind if isinstance(kind, str) else getattr(kind, '__module__', '') + '.'
    return name.split('.')[0] if '.' in name else node.get('_scope_', '')


def walk(node: Any, place: str = '') -> Iterator[tuple[str, Any]]:
    """Yield every dict in part of a config with its place, the outermost first.

    Args:
        node (dict | list | tuple | Any): Part of a config.
        place (str): The place of ``node``, such as 'train_dataloader.dataset'.
            Defaults to ''.

    Yields:
        tuple[str, dict]: Place and dict.
    """
    if isinstance(node, Mapping):
        yield place, node
        for key, child in node.items():
            yield from walk(child, f'{place}.{key}' if place else str(key))
    elif isinstance(node, (list, tuple)):
        for index, child in enumerate(node):
            yield from walk(child, f'{place}[{index}]')


def leaf_datasets(dataset: Any, place: str = 'dataset') -> Iterator[tuple[str, Any]]:
    """Yield the datasets on disk inside wrappers of any kind, with their places.

    ``RepeatDataset``, ``ClassBalancedDataset`` and ``MultiImageMixDataset`` hold one
    under ``dataset``; ``ConcatDataset`` holds several under ``datasets``.
    """
    if isinstance(dataset, (list, tuple)):
        for index, child in enumerate(dataset):
            yield from leaf_datasets(child, f'{place}[{index}]')
    elif isinstance(dataset, Mapping):
        inner = [key for key in ('dataset', 'datasets') if key in dataset]
        if not inner:
            yield place, dataset
        for key in inner:
            yield from leaf_datasets(dataset[key], f'{place}.{key}')


def iter_sizes(
    node: Any, place: str = '', keys: Sequence[str] = SIZE_KEYS
) -> Iterator[tuple[str, Any, str, Any]]:
    """Yield every size in part of a config.

    Args:
        node (dict | list | Any): Part of a config.
        place (str): The place of ``node``. Defaults to ''.
        keys (Sequence[str]): Keys whose values are sizes. Defaults to ``SIZE_KEYS``.

    Yields:
        tuple[str, dict, str, Any]: The place, such as
        'train_dataloader.dataset.pipeline[3] RandomCrop.crop_size', the dict that holds
        the size, its key and its value.
    """
    for where, transform in walk(node, place):
        for key in keys:
            if transform.get(key) is None or isinstance(transform[key], Mapping):
                continue
            name = type_name(transform)
            full_place = f'{where} {name}.{key}' if name else f'{where}.{key}'
            yield full_place, transform, key, transform[key]


def iter_numbers(value: Any) -> Iterator[float]:
    """Yield the numbers of a size: of an int, a pair, or a list of pairs."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from iter_numbers(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def as_list(value: Any) -> list:
    """A list or tuple as a list, None as an empty one, anything else as its only item."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def list_optim_wrappers(cfg: Mapping) -> list[Any]:
    """The configs of the optimizer wrappers: one, or one for each part of a GAN."""
    wrapper = cfg.get('optim_wrapper') or {}
    parts = [one for one in wrapper.values() if isinstance(one, Mapping)]
    return [one for one in parts if 'optimizer' in one] or [wrapper]


def is_remote(node: Mapping) -> bool:
    """Whether the files of a dataset or metric are elsewhere than on a local disk."""
    backend = node.get('backend_args') or dict(backend='local')
    return backend.get('backend', 'local') != 'local'


def turns_images(pipeline: Any) -> bool:
    """Whether a pipeline loads images as their EXIF orientation says.

    Args:
        pipeline (list | None): Configs of the transforms.
    """
    for _, step in walk(list(pipeline or [])):
        if type_name(step) == 'LoadImageFromFile':
            return (
                step.get('color_type', 'color') in TURNING_COLOURS
                and step.get('imdecode_backend', 'cv2') in TURNING_BACKENDS
            )
    return True
