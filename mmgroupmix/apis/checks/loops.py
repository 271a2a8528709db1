"""Checks of loaders, loops, batches and loggers of a config."""

import importlib.util
import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.registry import OPTIMIZERS

from ..config.mistakes import MistakeReport
from ..config.preflight import find_worker_keys
from ..config.tree import as_list, type_name, walk
from ..data_scan import DataScan

#: Constructors that hand all arguments to the optimizer; the first is the default.
CONSTRUCTORS = ('DefaultOptimWrapperConstructor', 'GroupedOptimWrapperConstructor')
#: The packages that mmengine's backends for logs import.
LOGGER_PACKAGES = dict(
    TensorboardVisBackend=('tensorboard', 'tensorboardX'),
    WandbVisBackend=('wandb',),
    MLflowVisBackend=('mlflow',),
    ClearMLVisBackend=('clearml',),
    NeptuneVisBackend=('neptune',),
    DVCLiveVisBackend=('dvclive',),
    AimVisBackend=('aim',),
)
#: Decode heads that pool to one value per channel before a norm, and the argument that
#: does so if it contains 1.
POOLING_HEADS = dict(
    PSPHead='pool_scales',
    UPerHead='pool_scales',
    APCHead='pool_scales',
    DMHead='filter_sizes',
    ASPPHead='',
    DepthwiseSeparableASPPHead='',
)
DEFAULT_POOL_SCALES = (1, 2, 3, 6)
#: Norms that need more than one value per channel while they train.
BATCH_NORMS = ('BN', 'BN1d', 'BN2d', 'BN3d', 'SyncBN', 'MMSyncBN', 'NaiveSyncBN')


def check_loaders(cfg: Config, loaders: Iterable[str], report: MistakeReport) -> None:
    """Check the settings of data loaders that PyTorch refuses together.

    Args:
        cfg (Config): The config.
        loaders (Iterable[str]): Names of the data loaders that will be used.
        report (MistakeReport): Receives what is wrong.
    """
    for name in loaders:
        loader = cfg.get(name) or {}
        for key in find_worker_keys(loader):
            off = dict(persistent_workers='False', timeout='0').get(key, 'None')
            report.add_error(
                '',
                f'{name}.{key} is {loader[key]}, which needs worker processes, and '
                f'num_workers is 0. Add --cfg-options {name}.{key}={off}, or set '
                f'{name}.num_workers.',
            )


def check_loops(cfg: Config, trains: bool, report: MistakeReport) -> None:
    """Check that loops have all their parts, and hooks the validation that they need.

    mmengine's runner checks the loops that will not run as well.

    Args:
        cfg (Config): The config.
        trains (bool): Whether the run is a training.
        report (MistakeReport): Receives what is missing.
    """
    for mode in ('train', 'val', 'test'):
        keys = [f'{mode}_dataloader', f'{mode}_cfg']
        keys.append('optim_wrapper' if mode == 'train' else f'{mode}_evaluator')
        # An empty val_cfg means a loop with the defaults.
        missing = [key for key in keys if cfg.get(key) is None]
        if len(missing) == 3:
            if mode == 'train' and trains:
                text = f'{", ".join(keys)} are not set: the config describes no training.'
                report.add_error('', text)
        elif missing:
            present = [key for key in keys if key not in missing]
            report.add_error(
                '',
                f'{" and ".join(missing)} {"are" if len(missing) > 1 else "is"} not set, '
                f'but {" and ".join(present)} {"are" if len(present) > 1 else "is"}. '
                f'mmengine needs all of {", ".join(keys)}, or none: set what is missing, '
                'or the others to None.',
            )
    if not trains or cfg.get('val_dataloader'):
        return
    hooks = [
        *(cfg.get('default_hooks') or {}).values(),
        *as_list(cfg.get('custom_hooks')),
    ]
    for hook in filter(None, hooks):
        if hook.get('save_best') or 'EarlyStopping' in type_name(hook):
            hook_name = 'save_best' if hook.get('save_best') else type_name(hook)
            report.add_warning(
                'validation',
                f'{hook_name} needs a score, but there is no validation '
                '(val_dataloader): no best checkpoint is kept, and nothing stops early',
            )


def check_optimizer(cfg: Config, report: MistakeReport) -> None:
    """Check that the optimizer takes the arguments that the config gives to it.

    Another type over a base config keeps the arguments of the old one, such as betas.

    Args:
        cfg (Config): The config.
        report (MistakeReport): Receives the arguments that it does not have.
    """
    wrapper = cfg.get('optim_wrapper') or {}
    constructor = type_name(dict(type=wrapper.get('constructor') or CONSTRUCTORS[0]))
    if constructor not in CONSTRUCTORS:
        return  # it may use some of them itself
    optimizer = wrapper.get('optimizer') or {}
    kind = optimizer.get('type')
    if isinstance(kind, str):
        with OPTIMIZERS.switch_scope_and_registry(None) as registry:
            kind = registry.get(kind)
    if not inspect.isclass(kind):
        return
    parameters = inspect.signature(kind).parameters
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    unknown = [key for key in optimizer if key not in (*parameters, 'type', '_scope_')]
    if unknown and not takes_any:
        report.add_error(
            '',
            f'optim_wrapper.optimizer: {kind.__name__} has no argument '
            f'{", ".join(unknown)}; it has {", ".join(parameters)}. Arguments of a base '
            'config stay unless the config says optimizer=dict(_delete_=True, '
            f"type='{kind.__name__}', ...).",
        )


def check_loggers(cfg: Config, report: MistakeReport) -> None:
    """Check that the packages of the backends for logs are installed.

    Args:
        cfg (Config): The config.
        report (MistakeReport): Receives those that are not.
    """
    places = [(key, cfg.get(key)) for key in ('visualizer', 'vis_backends')]
    missing: dict[str, tuple[str, ...]] = {}
    for start, part in places:
        for _, node in walk(part, start):
            packages = LOGGER_PACKAGES.get(type_name(node), ())
            if packages and not any(map(importlib.util.find_spec, packages)):
                missing[type_name(node)] = packages
    if missing and not cfg.get('visualizer'):
        return  # a list that nothing uses
    for name, packages in missing.items():
        report.add_error(
            '',
            f'visualizer: {name} needs {packages[0]}, which is not installed. Install it '
            f'(pip install {packages[0]}), or remove {name} from vis_backends.',
        )


def check_batch_norm(
    cfg: Config, rows: Sequence[DataScan], report: MistakeReport
) -> None:
    """Check that no batch norm behind a global pooling gets a single image.

    Args:
        cfg (Config): The config.
        rows (Sequence[DataScan]): What is in the data.
        report (MistakeReport): Receives what would fail.
    """
    loader = cfg.get('train_dataloader') or {}
    batch = loader.get('batch_size', 1)
    place = 'train_dataloader.dataset'
    images = count_images(loader.get('dataset'), place, {r.place: r.images for r in rows})
    images = math.ceil(images / get_world_size())
    is_cut = (cfg.get('train_cfg') or {}).get('max_epochs') and not loader.get(
        'drop_last'
    )
    leaves_one = bool(is_cut and images > 1 and images % batch == 1)
    if batch != 1 and not leaves_one:
        return
    for place, head in walk(cfg.get('model'), 'model'):
        norm = type_name(head.get('norm_cfg'))
        is_single = norm in BATCH_NORMS and _pools_to_one(head)
        if is_single and (norm == 'BN' or get_world_size() == 1):
            reason = (
                'train_dataloader.batch_size is 1'
                if batch == 1
                else f'the last batch of {images} images in batches of {batch} has one'
            )
            report.add_error(
                'batch-norm',
                f'{reason}, and {place} ({type_name(head)}) pools an image to one value '
                f'per channel, of which {norm} cannot take statistics. Set batch_size to '
                '2 or more and train_dataloader.drop_last=True, or norm_cfg of the head '
                "to dict(type='GN', num_groups=32).",
            )


def count_images(dataset: Any, place: str, images: Mapping[str, int]) -> int:
    """Count the images of an epoch, repetitions included.

    Args:
        dataset (Any): Config of a dataset, which may wrap others.
        place (str): Its place in the config.
        images (Mapping[str, int]): Images of the datasets on disk, by their places.

    Returns:
        int: 0 where a wrapper chooses the images.
    """
    if not isinstance(dataset, Mapping):
        return 0
    if 'datasets' in dataset:
        places = [f'{place}.datasets[{i}]' for i in range(len(dataset['datasets']))]
        inner = [count_images(*one, images) for one in zip(dataset['datasets'], places)]
        return sum(inner) if all(inner) else 0
    if 'dataset' not in dataset:
        return images.get(place, 0)
    if type_name(dataset) not in ('RepeatDataset', 'MultiImageMixDataset'):
        return 0
    inner_images = count_images(dataset['dataset'], f'{place}.dataset', images)
    return inner_images * int(dataset.get('times', 1))


def _pools_to_one(head: Mapping) -> bool:
    key = POOLING_HEADS.get(type_name(head))
    if key is None:
        return False
    return not key or 1 in as_list(head.get(key, DEFAULT_POOL_SCALES))
