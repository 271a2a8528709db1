"""The mini dataset in place of a config's datasets, with the config's pipelines."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import barrier, get_rank

from ...errors import UserError
from ...mini_data import mini_metainfo
from ..config.tree import as_list, leaf_datasets, type_name, walk
from ..tasks import TASKS, Task

MINI_ROOT = Path('data/mini')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
EVALUATORS = ('val_evaluator', 'test_evaluator')
#: These need more than images with the task's own annotations.
UNSUPPORTED_TRANSFORMS = (
    'LoadProposals',
    'LoadPanopticAnnotations',
    'LoadDepthAnnotation',
    'LoadMultipleRSImageFromFile',
    'LoadImageFromNpyFile',
    'MultiBranch',
    'TransformBroadcaster',
    'LoadTrackAnnotations',
    'RandomSamplingNegPos',
)  # as well as any with `with_seg`: label maps next to boxes


def use_mini_data(cfg: Config, task: Task) -> str:
    """Replace the datasets and their evaluators, in place.

    Args:
        cfg (Config): The config.
        task (Task): Its task.

    Returns:
        str: The change, for the user.

    Raises:
        UserError: If the config needs data of another kind than the mini datasets, or
            the mini dataset cannot be written.
    """
    loaders = {name: cfg[name] for name in LOADERS if cfg.get(name)}
    _check_supported(loaders)
    num_outputs = task.num_outputs(cfg.model)
    root = _write_mini_data(task, num_outputs)
    common = dict(
        data_root=str(root), metainfo=mini_metainfo(task.demo.layout, num_outputs)
    )
    replaced = set()
    for name, loader in loaders.items():
        split = 'train' if name.startswith('train') else 'val'
        for _, leaf in list(leaf_datasets(loader['dataset'])):
            replaced.add(type_name(leaf))
            pipeline = _adapt_pipeline(leaf.get('pipeline') or [], task)
            mini = task.mini_dataset(leaf, split) | common | dict(pipeline=pipeline)
            leaf.clear()
            leaf.update(mini)
    if cfg.get('tta_pipeline'):
        cfg.tta_pipeline = _adapt_pipeline(cfg.tta_pipeline, task)
    for name in EVALUATORS:
        evaluators = as_list(cfg.get(name))
        if evaluators:
            cfg[name] = task.mini_evaluators(evaluators, cfg, root)
    return f'{", ".join(sorted(replaced))} -> the mini dataset {root}'


def _write_mini_data(task: Task, num_outputs: int | None) -> Path:
    demo = task.demo
    classes = num_outputs or demo.default_classes
    if demo.max_classes is not None:
        classes = min(classes, demo.max_classes)
    num_train, num_val = demo.num_images
    root = MINI_ROOT / f'{demo.layout}_{classes}_classes_{num_train}_images'
    if get_rank() != 0:
        barrier()
    try:
        # Every rank: the first rank of another machine has another disk.
        demo.write_data(root, num_train=num_train, num_val=num_val, num_classes=classes)
    except (FileExistsError, ValueError) as error:
        raise UserError(f'--demo cannot write its dataset: {error}') from error
    finally:
        if get_rank() == 0:
            barrier()
    return root


def _adapt_pipeline(pipeline: list, task: Task) -> list[dict]:
    """The config's pipeline, reading local files with ADE20K's label convention."""
    adapted = [dict(transform) for transform in pipeline]
    for _, transform in walk(adapted):
        # The mini images are not on the image servers of the real data.
        if transform.get('backend_args'):
            transform['backend_args'] = None
        if (
            type_name(transform) == 'LoadAnnotations'
            and transform.get('reduce_zero_label') is not None
        ):
            transform['reduce_zero_label'] = True
    return task.adapt_pipeline(adapted)


def _check_supported(loaders: Mapping[str, Any]) -> None:
    for name, loader in loaders.items():
        for place, node in walk(loader, name):
            kind = type_name(node)
            if kind in UNSUPPORTED_TRANSFORMS or node.get('with_seg'):
                names = ', '.join(known.name for known in TASKS)
                raise UserError(
                    f'--demo has no mini data for {place} ({kind}). It supports {names} '
                    '(boxes and instance masks) from single images.'
                )
