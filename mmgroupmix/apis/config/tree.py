"""Finding one's way in a toolbox's config: types, data sets, pipelines, sizes."""

from collections.abc import Mapping

# Each of these names a length in pixels, in a transform, a data preprocessor or a
# segmentor's ``test_cfg``.
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
SLIDING_WINDOW_KEYS = ('crop_size', 'stride')


def type_name(node):
    """str: The name behind ``node['type']``, without scope; '' if there is none.

    New-style configs hold the class itself, the others a name like 'mmdet.RetinaNet'.
    """
    kind = node.get('type', '') if isinstance(node, Mapping) else ''
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', str(kind))
    return name.split('.')[-1]


def scope_of(node):
    """str: The toolbox that ``node['type']`` names explicitly, or ''."""
    kind = node.get('type', '') if isinstance(node, Mapping) else ''
    name = kind if isinstance(kind, str) else getattr(kind, '__module__', '') + '.'
    return name.split('.')[0] if '.' in name else node.get('_scope_', '')


def walk(node, place=''):
    """Yield ``(place, dict)`` for ``node`` and every dict inside it, outermost first.

    Args:
        node (dict | list | tuple | Any): Part of a config.
        place (str): Where it stands, such as 'train_dataloader.dataset'.
    """
    if isinstance(node, Mapping):
        yield place, node
        for key, child in node.items():
            yield from walk(child, f'{place}.{key}' if place else str(key))
    elif isinstance(node, (list, tuple)):
        for index, child in enumerate(node):
            yield from walk(child, f'{place}[{index}]')


def leaf_datasets(dataset, place='dataset'):
    """Yield ``(place, dict)`` for the data sets on disk below wrappers of any kind.

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


def replace_leaf_datasets(dataset, replace):
    """The same wrappers around ``replace(leaf)`` for every data set on disk."""
    if isinstance(dataset, (list, tuple)):
        return [replace_leaf_datasets(child, replace) for child in dataset]
    inner = [key for key in ('dataset', 'datasets') if key in dataset]
    if not inner:
        return replace(dataset)
    return dict(
        dataset, **{key: replace_leaf_datasets(dataset[key], replace) for key in inner}
    )


def iter_sizes(node, place='', keys=SIZE_KEYS):
    """Yield ``(place, transform, key, value)`` for every size given below ``node``.

    ``transform`` is the dict that holds ``key``; ``place`` reads like
    'train_dataloader.dataset.pipeline[3] RandomCrop.crop_size'.
    """
    for where, transform in walk(node, place):
        for key in keys:
            if transform.get(key) is None or isinstance(transform[key], Mapping):
                continue
            name = type_name(transform)
            yield (
                f'{where} {name}.{key}' if name else f'{where}.{key}',
                transform,
                key,
                transform[key],
            )


def iter_numbers(value):
    """Yield the numbers of a size: an int, a pair, or a list of pairs."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from iter_numbers(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def as_list(value):
    """list: ``value`` if it is a list or tuple, else the list of it alone."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
