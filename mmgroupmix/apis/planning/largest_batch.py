"""The largest batch of a training: a few steps of random sizes rarely meet it."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mmengine.registry import DATASETS
from mmengine.runner import Runner

from ..config.tree import iter_numbers, type_name, walk
from .generated_data import NUM_TRAIN


def has_random_size(dataset: Mapping) -> bool:
    """Whether images of several sizes reach the model.

    Args:
        dataset (Mapping): Config of a dataset.

    Returns:
        bool: False if the sizes are fixed, or every image is cropped to one size.
    """
    return not _crops(dataset) and largest_dataset(dataset) != dataset


def largest_dataset(dataset: Mapping) -> dict:
    """A dataset whose random sizes are always the largest.

    Args:
        dataset (Mapping): Its config, which is not changed.

    Returns:
        dict: A copy with one scale in each transform.
    """
    copy: Any = deepcopy(dataset)
    for _, node in walk(copy):
        name = type_name(node)
        if name == 'RandomChoiceResize' and node.get('scales'):
            node['scales'] = [max(node['scales'], key=_area)]
        elif name == 'RandomResize' and node.get('ratio_range'):
            node['ratio_range'] = (max(node['ratio_range']),) * 2
        elif name == 'RandomResize' and isinstance(node.get('scale'), (list, tuple)):
            nested = [one for one in node['scale'] if isinstance(one, (list, tuple))]
            node['scale'] = max(nested, key=_area) if nested else node['scale']
        elif name == 'RandomChoice' and node.get('transforms'):
            node['transforms'] = [max(node['transforms'], key=_largest_size)]
            node.pop('prob', None)
    return copy


def build_largest_batch(runner: Runner, dataset: Mapping) -> Any:
    """Build a batch of the largest images of a dataset.

    Args:
        runner (Runner): A runner that has trained a step.
        dataset (Mapping): Config of its training data.

    Returns:
        Any: What the runner's data loader would yield.
    """
    loader = runner.train_loop.dataloader
    size = loader.batch_size or getattr(loader.batch_sampler, 'batch_size', 1)
    built = DATASETS.build(largest_dataset(dataset))
    samples = [built[index] for index in range(min(len(built), NUM_TRAIN))]
    samples.sort(key=lambda sample: sample['inputs'].numel(), reverse=True)
    return loader.collate_fn([samples[index % len(samples)] for index in range(size)])


def _crops(dataset: Mapping) -> bool:
    """Whether a pipeline ends in images of one size."""
    optional = [
        id(inner)
        for _, node in walk(dataset)
        if type_name(node) == 'RandomChoice'
        for _, inner in walk(node.get('transforms'))
    ]
    return any(
        'Crop' in type_name(node) and 'relative' not in node.get('crop_type', '')
        for _, node in walk(dataset)
        if id(node) not in optional
    )


def _area(scale: Any) -> float:
    numbers = list(iter_numbers(scale))
    return max(numbers) * min(numbers)


def _largest_size(transforms: Any) -> float:
    """The largest scale of a list of transforms, or its largest factor."""
    sizes = [
        _area(node[key])
        for _, node in walk(transforms)
        for key in ('scales', 'scale', 'scale_factor')
        if node.get(key)
    ]
    return max(sizes, default=0)
