"""``--demo``: the user's own config, checked on a laptop within minutes.

Data, sizes, batch and schedule shrink; the model, the steps of the pipelines, the losses,
the kind of optimizer and every hook stay.
"""

from collections.abc import Mapping

from mmengine.config import Config

from ...mini_data import mini_metainfo
from ..config.tree import type_name
from ..tasks import Task
from .data import LOADERS, count_classes, use_mini_data
from .model import drop_missing_pretrained, reduce_regions
from .schedule import shorten_training
from .sizes import shrink_sizes

NUM_DRAWN_IMAGES = 6
SEED = 0


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
    changes = {
        **use_mini_data(cfg, task),
        'pretrained weights': drop_missing_pretrained(cfg),
        'regions': reduce_regions(cfg),
    }
    changes |= task.adapt_demo(cfg)
    changes['sizes'], batch_size = shrink_sizes(cfg, task)
    changes['points'] = task.shrink(cfg)
    changes['batch'] = _shrink_batch(cfg, batch_size)
    if planned:
        changes |= shorten_training(cfg, task, planned, options)
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


def _show_progress(cfg: Config, task: Task) -> None:
    """Log a line every few seconds, and draw a handful of predictions."""
    interval = task.demo.log_interval
    hooks = cfg.setdefault('default_hooks', {})
    hooks.setdefault('logger', dict(type='LoggerHook'))['interval'] = interval
    processor = cfg.get('log_processor') or dict(type='LogProcessor')
    cfg.log_processor = dict(processor, window_size=interval)

    drawing = hooks.setdefault('visualization', dict(type=task.visualization_hook))
    # A name for every output, for drawing predictions of unused ones.
    num_outputs = task.num_outputs(cfg.model)
    classes = count_classes(task, num_outputs)
    names = mini_metainfo(task.demo.layout, classes)['classes']
    unused = (f'unused {i}' for i in range(len(names), num_outputs or 0))
    every = max(task.demo.num_images[1] // NUM_DRAWN_IMAGES, 1)
    drawing['interval'] = min(drawing.get('interval', every), every)
    task.enable_drawing(drawing, (*names, *unused))
    if not cfg.get('visualizer'):
        cfg.visualizer = dict(type=task.visualizer)
    backends = cfg.visualizer.get('vis_backends') or []
    if not any(type_name(backend) == 'LocalVisBackend' for backend in backends):
        cfg.visualizer['vis_backends'] = [*backends, dict(type='LocalVisBackend')]
