"""``--demo``: a person's own config, checked on a laptop within minutes.

The data, the sizes, the batch and the schedule shrink; the model, the pipelines' steps,
the losses, the kind of optimizer and every hook stay.
"""

from ..config.accelerator import lacks_accelerator
from ..config.image_sizes import MULTIPLE, largest_train_side, shrink
from ..config.task import (
    TASK_NAMES,
    TOOLBOXES,
    VISUALIZATION_HOOKS,
    VISUALIZERS,
    infer_task,
)
from ..config.tree import SLIDING_WINDOW_KEYS, iter_sizes, leaf_datasets, type_name
from .data import NUM_IMAGES, class_names, use_mini_data
from .model import drop_missing_pretrained, take_fewer_regions, takes_size
from .schedule import is_epoch_based, rescale_learning_rate, shorten

# Largest side of what the model is fed, in pixels.
SIDE = dict(seg=64, det=256, cls=64)
BATCH_SIZE = dict(seg=4, det=2, cls=16)
# A model bound to a large size gets fewer images at a time, for memory and time.
BATCH_SIZE_AT_FULL_SIZE = dict(seg=2, det=2, cls=4)
ITERATIONS = dict(seg=110, det=240, cls=250)
LOG_INTERVAL = dict(seg=10, det=4, cls=10)
DRAWN_IMAGES = 6
SEED = 0

SIZED_PARTS = (
    'train_dataloader',
    'val_dataloader',
    'test_dataloader',
    'tta_pipeline',
    'data_preprocessor',
    'custom_hooks',
)


def to_demo(cfg, options=None):
    """Turn a config into its demo, in place.

    Args:
        cfg (Config): Config of mmseg, mmdet or mmpretrain, as its file says.
        options (dict, optional): What the command line sets. It wins over the demo.

    Returns:
        str: One paragraph for a person: what was changed, old -> new.

    Raises:
        UserError: If there is no demo for such a config.
    """
    planned = _planned_length(cfg)
    cfg.merge_from_dict(options or {})
    task = infer_task(cfg)
    changes = [('data', use_mini_data(cfg, task))]
    dropped = drop_missing_pretrained(cfg)
    if dropped:
        changes.append(('pretrained weights', f'{", ".join(dropped)} -> none'))
    sizes, batch_size = _shrink_sizes(cfg, task)
    changes.append(('sizes', sizes))
    changes.append(('batch', _shrink_batch(cfg, task, batch_size)))
    regions = take_fewer_regions(cfg)
    if regions:
        changes.append(('regions', regions))
    if planned:
        changes.append(('schedule', _shorten(cfg, task, planned, options or {})))
        rate = rescale_learning_rate(cfg, task)
        if rate:
            changes.append(('optimizer', rate))
        changes += _without_accelerator(cfg)
    _show_progress(cfg, task)
    changes.append(
        ('intervals', 'evaluation, logging, drawing and checkpoints fit the length')
    )
    cfg.randomness = dict(seed=SEED)
    cfg.merge_from_dict(options or {})
    told = '; '.join(f'{what}: {change}' for what, change in changes)
    return (
        f'Demo of {TASK_NAMES[task]}: the config is checked on generated data. '
        f'Changed: {told}; seed {SEED}. Everything else is as in the config: the '
        'model, the steps of the pipelines, the losses, the kinds of optimizer, '
        'schedule and hooks.'
    )


def _planned_length(cfg):
    train_cfg = cfg.get('train_cfg')
    if not train_cfg:
        return None
    return train_cfg['max_epochs' if is_epoch_based(train_cfg) else 'max_iters']


def _shrink_sizes(cfg, task):
    """(str, int): What was changed, and the batch size that goes with it."""
    old = largest_train_side(cfg.get('train_dataloader'))
    if old is None or old <= SIDE[task]:
        return 'as they are', BATCH_SIZE[task]
    factor = SIDE[task] / old
    if not takes_size(cfg, TOOLBOXES[task], SIDE[task], _multiple(old)):
        return (
            f'as they are, since this model works at {old:g} px only',
            BATCH_SIZE_AT_FULL_SIZE[task],
        )
    before = _train_sizes(cfg)
    for name in SIZED_PARTS:
        if cfg.get(name):
            cfg[name] = shrink(cfg[name], factor)
    model = cfg.model
    for key in ('data_preprocessor', 'test_cfg'):
        if model.get(key) and (
            key != 'test_cfg' or any(iter_sizes(model[key], keys=SLIDING_WINDOW_KEYS))
        ):
            model[key] = shrink(model[key], factor)
    pairs = dict(zip(before, _train_sizes(cfg)))
    told = ', '.join(f'{old} -> {new}' for old, new in pairs.items())
    return f'all times {factor:.3g} ({told})', BATCH_SIZE[task]


def _multiple(side):
    return max(round(side / MULTIPLE), 1) * MULTIPLE


def _train_sizes(cfg):
    """What the training pipeline and the sliding window say, for the paragraph."""
    found = list(iter_sizes(cfg.get('train_dataloader')))
    told = [f'{type_name(transform)} {value}' for _, transform, _, value in found]
    window = cfg.model.get('test_cfg') or {}
    if window.get('crop_size'):
        told.append(f'window {window["crop_size"]}')
    return [text if len(text) < 60 else f'{text[:57]}...' for text in told]


def _shrink_batch(cfg, task, batch_size):
    told = []
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(name)
        if not loader:
            continue
        old = loader.get('batch_size', 1)
        training = name.startswith('train')
        loader.batch_size = batch_size if training else min(old, batch_size)
        # Generated images are tiny: a worker would cost more than it saves.
        loader.num_workers = 0
        loader.persistent_workers = False
        loader.pop('prefetch_factor', None)
        loader.pop('num_batch_per_epoch', None)
        if training:
            told.append(
                f'{old} images a device -> {loader.batch_size}, loaded without workers'
            )
    if cfg.get('auto_scale_lr'):
        cfg.auto_scale_lr.enable = False
    return ', '.join(told) or 'as it is'


def _shorten(cfg, task, planned, options):
    batch_size = cfg.train_dataloader.get('batch_size', 1)
    leaves = list(leaf_datasets(cfg.train_dataloader.dataset))
    epoch_length = max(NUM_IMAGES[task][0] * len(leaves) // batch_size, 1)
    by_epoch = is_epoch_based(cfg.train_cfg)
    wanted, repeated = ITERATIONS[task], False
    if by_epoch:
        repeated = _repeat_once(cfg.train_dataloader.dataset)
        wanted = max(round(wanted / epoch_length), 2)
    asked = options.get(f'train_cfg.{"max_epochs" if by_epoch else "max_iters"}')
    told = shorten(cfg, planned, asked or min(wanted, planned), epoch_length)
    return f'{told}, a repeated data set counted once' if repeated else told


def _repeat_once(dataset):
    """Whether a data set was repeated, which only stretches the epoch: now it is not."""
    repeated = False
    while isinstance(dataset, dict):
        if dataset.get('times', 1) > 1:
            dataset['times'], repeated = 1, True
        dataset = dataset.get('dataset')
    return repeated


def _without_accelerator(cfg):
    """Mixed precision needs a device that mmengine knows it for."""
    wrapper = cfg.optim_wrapper
    if type_name(wrapper) != 'AmpOptimWrapper' or not lacks_accelerator():
        return []
    wrapper['type'] = 'OptimWrapper'
    for key in ('loss_scale', 'dtype', 'use_fsdp'):
        wrapper.pop(key, None)
    return [('precision', 'mixed -> float32, since there is no accelerator')]


def _show_progress(cfg, task):
    """A line every few seconds, and pictures of a handful of predictions."""
    hooks = cfg.setdefault('default_hooks', {})
    logger = hooks.setdefault('logger', dict(type='LoggerHook'))
    logger['interval'] = LOG_INTERVAL[task]
    processor = dict(cfg.get('log_processor') or dict(type='LogProcessor'))
    cfg.log_processor = dict(processor, window_size=LOG_INTERVAL[task])

    every = max(NUM_IMAGES[task][1] // DRAWN_IMAGES, 1)
    drawing = hooks.setdefault('visualization', dict(type=VISUALIZATION_HOOKS[task]))
    switch = 'enable' if task == 'cls' else 'draw'
    drawing[switch] = True
    drawing['interval'] = min(drawing.get('interval', every), every)
    if task == 'cls':
        # mmpretrain looks up a name for whatever output wins.
        drawing['classes'] = class_names(cfg, task)
    visualizer = cfg.get('visualizer')
    if not visualizer:
        visualizer = cfg.visualizer = dict(type=VISUALIZERS[task])
    backends = visualizer.get('vis_backends') or []
    if not any(type_name(one) == 'LocalVisBackend' for one in backends):
        cfg.visualizer['vis_backends'] = [*backends, dict(type='LocalVisBackend')]
