"""Sizes, batch, learning rate and length of a training, for the size of the data."""

import math
from collections.abc import Mapping

from mmengine.config import Config
from mmengine.dist import get_world_size

from ..config.tree import type_name, walk
from ..demo.schedule import planned_length, shorten
from ..demo.sizes import largest_train_side, shrink_to
from ..tasks import Task
from .adapt_data import Reasons
from .own_data import OwnData

#: Images are enlarged up to twofold: small objects gain by it, more adds nothing.
MAX_ENLARGEMENT = 2
#: Steps of a training on few images, and the times that many images are seen.
MIN_STEPS = dict(mmdet=1500, mmseg=2000, mmpretrain=2000)
PASSES = dict(mmdet=12, mmseg=50, mmpretrain=100)
#: At least so many steps in an epoch, so that batches differ.
MIN_BATCHES = 4
NUM_EVALUATIONS = 10
NUM_DRAWN_IMAGES = 12


def fit_sizes(cfg: Config, task: Task, data: OwnData) -> Reasons:
    """Shrink crops and scales that would enlarge the images more than twofold, in place.

    Args:
        cfg (Config): The config, with the new datasets.
        task (Task): Its task.
        data (OwnData): The data.

    Returns:
        Reasons: What was changed and why, by place.
    """
    old = largest_train_side(cfg.get('train_dataloader'))
    sizes = data.measure_sizes()
    longest = float(sorted(sizes.max(1))[len(sizes) // 2])
    side = max(math.ceil(MAX_ENLARGEMENT * longest / 32) * 32, 64)
    if old is None or not longest or side >= old:
        return {}
    change = shrink_to(cfg, task, side)
    if change is None:
        return {}
    return {
        'train_dataloader.dataset': f'half of the images have a side of at most '
        f'{longest:g} pixels. Sizes: {change}'
    }


def fit_batch(cfg: Config, data: OwnData) -> Reasons:
    """Reduce the batch for few images and the learning rate with it, in place.

    Args:
        cfg (Config): The config.
        data (OwnData): The data.

    Returns:
        Reasons: What was changed and why, by place.
    """
    reasons = {}
    loader, number = cfg.train_dataloader, len(data.splits['train'])
    old = loader.get('batch_size', 1)
    largest = max(number // MIN_BATCHES, 2)
    batch = min(old, 2 ** int(math.log2(largest)), max(number, 1))
    if batch < old:
        loader['batch_size'] = batch
        reasons['train_dataloader.batch_size'] = (
            f'{old} -> {batch}: {number} training images, at least {MIN_BATCHES} batches'
        )
    if number % batch == 1 and batch > 1 and not loader.get('batch_sampler'):
        loader['drop_last'] = True
        reasons['train_dataloader.drop_last'] = 'batch norm fails on a batch of one image'
    for name in ('val', 'test'):
        other = cfg.get(f'{name}_dataloader')
        if other and other.get('batch_size', 1) > 1:
            items = data.splits.get(name) or data.splits['val']
            other['batch_size'] = min(other['batch_size'], max(len(items), 1))
    scaling = cfg.get('auto_scale_lr') or {}
    total, base = batch * get_world_size(), scaling.get('base_batch_size', old)
    optimizer = (cfg.get('optim_wrapper') or {}).get('optimizer') or {}
    rate = optimizer.get('lr')
    if isinstance(rate, (int, float)) and total < base:
        linear = 'SGD' in type_name(optimizer)
        ratio = total / base
        optimizer['lr'] = float(f'{rate * (ratio if linear else math.sqrt(ratio)):.3g}')
        reasons['optim_wrapper.optimizer.lr'] = (
            f'{rate:g} is for a batch of {base}; with {total}, it goes with '
            f'{"the batch" if linear else "the square root of the batch"}'
        )
        if scaling:
            cfg.auto_scale_lr['base_batch_size'] = total
            reasons['auto_scale_lr'] = 'the learning rate is for this batch'
    return reasons


def fit_schedule(cfg: Config, task: Task, data: OwnData, options: Mapping) -> Reasons:
    """Set the length of the training and everything that goes with it, in place.

    Args:
        cfg (Config): The config, with its final batch.
        task (Task): Its task.
        data (OwnData): The data.
        options (Mapping): The user's options, which may name a length.

    Returns:
        Reasons: What was changed and why, by place.
    """
    planned = planned_length(cfg)
    if not planned:
        return {}
    by_epoch = 'max_epochs' in cfg.train_cfg
    key = 'max_epochs' if by_epoch else 'max_iters'
    number = len(data.splits['train']) * _times(cfg.train_dataloader.dataset)
    batch = cfg.train_dataloader.get('batch_size', 1) * get_world_size()
    dropped = cfg.train_dataloader.get('drop_last', False)
    epoch = max(number // batch if dropped else math.ceil(number / batch), 1)
    steps = max(MIN_STEPS[task.toolbox], PASSES[task.toolbox] * epoch)
    given = options.get(f'train_cfg.{key}')
    if by_epoch:
        length = given or max(round(steps / epoch), 1)
        reason = f'{length} epochs of {epoch} steps'
    else:
        length = given or min(steps, planned)
        reason = f'{length} steps, each image {length * batch / number:.3g} times'
    reasons = {
        'train_cfg': f'{planned} -> {reason}, for {number} training images'
        + ', as given on the command line' * bool(given),
        'param_scheduler': 'warm-up, milestones and ends follow the length',
    }
    shorten(cfg, planned, length, epoch)
    interval = math.ceil(length / NUM_EVALUATIONS)
    cfg.train_cfg['val_interval'] = interval
    hooks = cfg.default_hooks
    if hooks.get('checkpoint'):
        hooks['checkpoint']['interval'] = interval
    for hook in cfg.get('custom_hooks') or []:
        # PipelineSwitchHook: the last epochs without strong augmentation.
        if isinstance(hook.get('switch_epoch'), int):
            hook['switch_epoch'] = max(round(hook['switch_epoch'] * length / planned), 1)
    _show_progress(cfg, task, data, epoch if by_epoch else length)
    reasons['default_hooks'] = 'logging, evaluation and drawing fit the length'
    return reasons


def _show_progress(cfg: Config, task: Task, data: OwnData, steps: int) -> None:
    """Log several times, and draw about a dozen validation images, in place."""
    logger = cfg.default_hooks.get('logger')
    if logger:
        logger['interval'] = max(min(logger.get('interval', 10), steps // 4), 1)
    drawing = cfg.default_hooks.get('visualization')
    if drawing:
        task.enable_drawing(drawing, data.classes)
        every = max(len(data.splits['val']) // NUM_DRAWN_IMAGES, 1)
        drawing['interval'] = min(drawing.get('interval', every), every)
    visualizer = cfg.get('visualizer')
    backends = (visualizer or {}).get('vis_backends') or []
    local = any(type_name(node) == 'LocalVisBackend' for _, node in walk(backends))
    if visualizer and not local:
        cfg.visualizer['vis_backends'] = [*backends, dict(type='LocalVisBackend')]


def _times(dataset: Mapping) -> int:
    """How often wrappers repeat the dataset."""
    times = 1
    while 'dataset' in dataset:
        times *= dataset.get('times', 1)
        dataset = dataset['dataset']
    return times
