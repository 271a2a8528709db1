"""``--demo``: the user's own config, checked on a laptop within minutes.

Data, sizes, batch and schedule shrink; the model, the steps of the pipelines, the losses,
the kind of optimizer and every hook stay.
"""

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from ..config.image_sizes import MULTIPLE, largest_train_side, shrink
from ..config.preflight import lacks_accelerator
from ..config.tree import SLIDING_WINDOW_KEYS, iter_sizes, leaf_datasets, type_name
from ..tasks import Task
from .data import LOADERS, output_names, use_mini_data
from .model import drop_missing_pretrained, reduce_regions, supports_size
from .schedule import is_epoch_based, length_key, rescale_learning_rate, shorten

NUM_DRAWN_IMAGES = 6
SEED = 0
#: Parts of a config, next to the model, that contain image sizes.
SIZED_PARTS = (*LOADERS, 'tta_pipeline', 'data_preprocessor', 'custom_hooks')


def to_demo(
    cfg: Config, task: Task, planned: int | None, options: Mapping | None = None
) -> str:
    """Turn a config into its demo, in place.

    Args:
        cfg (Config): Config of mmseg, mmdet or mmpretrain, with the user's options.
        task (Task): Its task.
        planned (int, optional): Length of the training as the file plans it, to which
            its schedule refers; None without a training.
        options (Mapping, optional): The user's options, by dotted names. They are in
            ``cfg`` already; the demo does not change them. Defaults to None.

    Returns:
        str: One paragraph for the user with all changes, old -> new.

    Raises:
        UserError: If the config cannot be turned into a demo.
    """
    options = dict(options or {})
    changes = {'data': use_mini_data(cfg, task)}
    changes['pretrained weights'] = ', '.join(drop_missing_pretrained(cfg))
    if changes['pretrained weights']:
        changes['pretrained weights'] += ' -> none'
    changes['sizes'], batch_size = _shrink_sizes(cfg, task)
    changes['batch'] = _shrink_batch(cfg, batch_size)
    changes['regions'] = reduce_regions(cfg)
    if planned:
        asked = options.get(f'train_cfg.{length_key(cfg.train_cfg)}')
        changes['schedule'] = _shorten(cfg, task, planned, asked)
        changes['optimizer'] = rescale_learning_rate(cfg, task)
        changes['precision'] = _use_full_precision(cfg)
    _show_progress(cfg, task)
    changes['intervals'] = 'evaluation, logging, drawing and checkpoints fit the length'
    cfg.randomness = dict(seed=SEED)
    # The user's options take precedence over the demo's changes.
    cfg.merge_from_dict(options)
    listed = '; '.join(f'{part}: {change}' for part, change in changes.items() if change)
    return (
        f'Demo of {task.name}: the config is checked on generated data. Changed: '
        f'{listed}; seed {SEED}. Everything else is as in the config: the model, the '
        'steps of the pipelines, the losses, the kinds of optimizer, schedule and hooks.'
    )


def _shrink_sizes(cfg: Config, task: Task) -> tuple[str, int]:
    """The change of image sizes, and the batch size that goes with it."""
    demo = task.demo
    old = largest_train_side(cfg.get('train_dataloader'))
    if old is None or old <= demo.side:
        return 'unchanged', demo.batch_size
    rounded = max(round(old / MULTIPLE), 1) * MULTIPLE
    if not supports_size(cfg, task, demo.side, rounded):
        reason = f'unchanged, since this model works at {old:g} px only'
        return reason, demo.full_size_batch_size
    factor = demo.side / old
    before = _train_sizes(cfg)
    for name in SIZED_PARTS:
        if cfg.get(name):
            cfg[name] = shrink(cfg[name], factor)
    model = cfg.model
    if model.get('data_preprocessor'):
        model['data_preprocessor'] = shrink(model['data_preprocessor'], factor)
    if any(iter_sizes(model.get('test_cfg'), keys=SLIDING_WINDOW_KEYS)):
        model['test_cfg'] = shrink(model['test_cfg'], factor)
    pairs = dict(zip(before, _train_sizes(cfg)))
    listed = ', '.join(f'{old} -> {new}' for old, new in pairs.items())
    return f'all times {factor:.3g} ({listed})', demo.batch_size


def _train_sizes(cfg: Config) -> list[str]:
    """The sizes in the training pipeline and of the sliding window, for the user."""
    sizes = [
        f'{type_name(transform)} {value}'
        for _, transform, _, value in iter_sizes(cfg.get('train_dataloader'))
    ]
    window = cfg.model.get('test_cfg') or {}
    if window.get('crop_size'):
        sizes.append(f'window {window["crop_size"]}')
    return [text if len(text) < 60 else f'{text[:57]}...' for text in sizes]


def _shrink_batch(cfg: Config, batch_size: int) -> str:
    change = 'unchanged'
    for name in LOADERS:
        loader = cfg.get(name)
        if not loader:
            continue
        old = loader.get('batch_size', 1)
        loader.batch_size = min(old, batch_size)
        if name.startswith('train'):
            loader.batch_size = batch_size
            change = f'{old} images per device -> {batch_size}, loaded without workers'
        # Generated images are tiny: a worker would cost more than it saves.
        loader.num_workers = 0
        loader.persistent_workers = False
        loader.pop('prefetch_factor', None)
        loader.pop('num_batch_per_epoch', None)
    if cfg.get('auto_scale_lr'):
        cfg.auto_scale_lr.enable = False
    return change


def _shorten(cfg: Config, task: Task, planned: int, asked: int | None) -> str:
    dataset = cfg.train_dataloader.dataset
    num_images = task.demo.num_images[0] * len(list(leaf_datasets(dataset)))
    epoch_length = max(num_images // cfg.train_dataloader.get('batch_size', 1), 1)
    length, unrepeated = task.demo.iterations, False
    if is_epoch_based(cfg.train_cfg):
        unrepeated = _drop_repetition(dataset)
        length = max(round(length / epoch_length), 2)
    change = shorten(cfg, planned, asked or min(length, planned), epoch_length)
    return f'{change}, a repeated dataset used once' if unrepeated else change


def _drop_repetition(dataset: Any) -> bool:
    """Use a repeated dataset once, in place: repetition only stretches the epoch."""
    repeated = False
    while isinstance(dataset, dict):
        if dataset.get('times', 1) > 1:
            dataset['times'], repeated = 1, True
        dataset = dataset.get('dataset')
    return repeated


def _use_full_precision(cfg: Config) -> str:
    """Replace mixed precision where no device supports it, in place."""
    wrapper = cfg.optim_wrapper
    if type_name(wrapper) != 'AmpOptimWrapper' or not lacks_accelerator():
        return ''
    wrapper['type'] = 'OptimWrapper'
    for key in ('loss_scale', 'dtype', 'use_fsdp'):
        wrapper.pop(key, None)
    return 'mixed -> float32, as no accelerator is available'


def _show_progress(cfg: Config, task: Task) -> None:
    """Log a line every few seconds, and draw a handful of predictions."""
    interval = task.demo.log_interval
    hooks = cfg.setdefault('default_hooks', {})
    hooks.setdefault('logger', dict(type='LoggerHook'))['interval'] = interval
    processor = cfg.get('log_processor') or dict(type='LogProcessor')
    cfg.log_processor = dict(processor, window_size=interval)

    drawing = hooks.setdefault('visualization', dict(type=task.visualization_hook))
    names = output_names(task, task.num_outputs(cfg.model))
    task.enable_drawing(drawing, names)
    every = max(task.demo.num_images[1] // NUM_DRAWN_IMAGES, 1)
    drawing['interval'] = min(drawing.get('interval', every), every)
    if not cfg.get('visualizer'):
        cfg.visualizer = dict(type=task.visualizer)
    backends = cfg.visualizer.get('vis_backends') or []
    if not any(type_name(backend) == 'LocalVisBackend' for backend in backends):
        cfg.visualizer['vis_backends'] = [*backends, dict(type='LocalVisBackend')]
