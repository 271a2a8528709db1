"""The mini dataset in place of a config's datasets, with the config's pipelines."""

from dataclasses import asdict
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import barrier, get_rank
from mmengine.registry import MODELS, DefaultScope

from ...errors import UserError
from ...mini_data import mini_metainfo
from ...mini_data.scenes import SUFFIXES
from ..config.tree import as_list, leaf_datasets, type_name, walk
from ..tasks import DETECTION, TASKS, Task
from .images import ImageKind, choose_images

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
    'LoadBiomedicalImageFromFile',
    'LoadBiomedicalData',
    'LoadMultiChannelImageFromFiles',
    'CleanCaption',
    'MultiBranch',
    'TransformBroadcaster',
    'LoadTrackAnnotations',
    'RandomSamplingNegPos',
)  # as well as any with `with_seg`: label maps next to boxes

#: Modules of models that learn from pairs of images or from texts ...
OTHER_MODELS = (
    'mmpretrain.models.retrievers',
    'mmpretrain.models.multimodal',
    'mmpretrain.utils.dependency',  # stands in for the latter without its packages
)
#: ... except for these, which classify images.
ZERO_SHOT = ('CLIPZeroShot', 'ChineseCLIP')


def use_mini_data(cfg: Config, task: Task) -> dict[str, str]:
    """Replace the datasets and their evaluators, in place.

    Args:
        cfg (Config): The config.
        task (Task): Its task.

    Returns:
        dict[str, str]: The changes, for the user.

    Raises:
        UserError: If the config needs data of another kind than the mini datasets, or
            the mini dataset cannot be written.
    """
    check_supported(cfg, '--demo')
    images = choose_images(cfg, task.toolbox, '--demo')
    root = _write_mini_data(task, task.num_outputs(cfg.model), images)
    before = describe_metrics(cfg)
    replaced = replace_datasets(cfg, task, root, images)
    after = describe_metrics(cfg)
    if after != before:
        _release_best_score(cfg)
    changed = [f'{old} -> {new}' for old, new in zip(before, after) if old != new]
    return {
        'data': f'{", ".join(replaced)} -> the mini dataset {root}',
        'metrics': ', '.join(changed),
    }


def describe_metrics(cfg: Config) -> list[str]:
    """The metrics of a config, such as 'Accuracy of top 1, 5', each once."""
    names = []
    for evaluator in (one for name in EVALUATORS for one in as_list(cfg.get(name))):
        best = ', '.join(map(str, as_list(evaluator.get('topk'))))
        names.append(type_name(evaluator) + f' of top {best}' * bool(best))
    return list(dict.fromkeys(names))


def _release_best_score(cfg: Config) -> None:
    """Let the best checkpoint be that of whichever score comes first, in place."""
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    if hook.get('save_best'):
        hook['save_best'] = 'auto'
        hook.pop('rule', None)


def replace_datasets(cfg: Config, task: Task, root: Path, images: ImageKind) -> list[str]:
    """Replace the datasets and their evaluators by a mini dataset, in place.

    Args:
        cfg (Config): The config.
        task (Task): Its task.
        root (Path): The folder of the mini dataset.
        images (ImageKind): Its images.

    Returns:
        list[str]: Types of the datasets that were replaced.
    """
    loaders = {name: cfg[name] for name in LOADERS if cfg.get(name)}
    classes = count_classes(task, task.num_outputs(cfg.model))
    common = dict(data_root=str(root), metainfo=mini_metainfo(task.demo.layout, classes))
    suffix = SUFFIXES.get(images.image_format)
    replaced = set()
    for name, loader in loaders.items():
        split = 'train' if name.startswith('train') else 'val'
        for _, leaf in list(leaf_datasets(loader['dataset'])):
            replaced.add(type_name(leaf))
            pipeline = _adapt_pipeline(leaf.get('pipeline') or [], task)
            mini = (
                task.mini_dataset(leaf, split, suffix) | common | dict(pipeline=pipeline)
            )
            leaf.clear()
            leaf.update(mini)
    if cfg.get('tta_pipeline'):
        cfg.tta_pipeline = _adapt_pipeline(cfg.tta_pipeline, task)
    for name in EVALUATORS:
        evaluators = as_list(cfg.get(name))
        if evaluators:
            cfg[name] = task.mini_evaluators(evaluators, cfg, root)
    return sorted(replaced)


def count_classes(task: Task, num_outputs: int | None) -> int:
    """Classes of the mini dataset for a model with so many outputs."""
    classes = max(num_outputs or task.demo.default_classes, task.demo.min_classes)
    limit = task.demo.max_classes
    return classes if limit is None else min(classes, limit)


def _write_mini_data(task: Task, num_outputs: int | None, images: ImageKind) -> Path:
    demo = task.demo
    classes = count_classes(task, num_outputs)
    num_train, num_val = demo.num_images
    name = f'{demo.layout}_{classes}_classes_{num_train}_images{images.name}'
    root = MINI_ROOT / name
    if get_rank() != 0:
        barrier()
    try:
        # Every rank: the first rank of another machine has another disk.
        demo.write_data(
            root,
            num_train=num_train,
            num_val=num_val,
            num_classes=classes,
            **(asdict(images) if images.name else {}),
        )
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


def check_supported(cfg: Config, option: str) -> None:
    """Check that the generated images are of the kind that a config reads.

    Args:
        cfg (Config): The config.
        option (str): The option that asks for generated images, for the message.

    Raises:
        UserError: If the config needs data of another kind.
    """
    found = [
        (place, type_name(node))
        for name in LOADERS
        for place, node in walk(cfg.get(name), name)
        if type_name(node) in UNSUPPORTED_TRANSFORMS or node.get('with_seg')
    ]
    if _needs_other_data(cfg):
        found.insert(0, ('model', type_name(cfg.model)))
    if found:
        place, kind = found[0]
        *names, last = (
            known.name + ' (boxes and instance masks)' * (known is DETECTION)
            for known in TASKS
            if not known.models
        )
        raise UserError(
            f'{option} has no mini data for {place} ({kind}). It supports '
            f'{", ".join(names)} and {last}, from single images.'
        )


def _needs_other_data(cfg: Config) -> bool:
    """Whether a model learns from pairs of images or from texts."""
    kind = cfg.model.get('type')
    if isinstance(kind, str):
        with (
            DefaultScope.overwrite_default_scope(cfg.get('default_scope')),
            MODELS.switch_scope_and_registry(None) as registry,
        ):
            kind = registry.get(kind)
    module = getattr(kind, '__module__', '')
    return module.startswith(OTHER_MODELS) and type_name(cfg.model) not in ZERO_SHOT
