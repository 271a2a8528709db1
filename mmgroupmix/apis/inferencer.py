"""The toolboxes' inferencers, built from a config and a checkpoint that is read once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from mmengine.device import get_device
from mmengine.infer import BaseInferencer
from mmengine.runner import CheckpointLoader

from ..checkpoints.file_checks import check_file
from ..checkpoints.finite_weights import check_finite_weights
from ..checkpoints.inert_objects import drop_inert
from ..checkpoints.loaded_weights import LoadedWeights
from ..checkpoints.reading import read_content, unwrap
from ..checkpoints.resuming import CONFIG_ADVICE, check_shapes
from ..engine.image_reading import take_loading_step
from ..engine.inferencers import read_images
from ..errors import CheckpointError, UserError
from .config.generation import check_generation
from .config.preprocessor import check_preprocessor
from .config.read import merge_options, read_config
from .config.tree import leaf_datasets
from .dataset_meta import resolve_dataset_meta
from .tasks import Task, infer_task

_MEMORY = 'mmgroupmix-memory://'
_in_memory: dict[str, Mapping] = {}


def build_inferencer(
    config: str | Path,
    checkpoint: str | Path,
    device: str | None = None,
    options: Mapping | None = None,
) -> tuple[Task, BaseInferencer]:
    """Build the inferencer of a config's task, with the weights of a checkpoint.

    Args:
        config (str | Path): Config of mmseg, mmdet or mmpretrain.
        checkpoint (str | Path): A file that ``tools/train.py`` saved.
        device (str, optional): As ``'cuda:0'``. Defaults to None: a GPU if there is one.
        options (Mapping, optional): Settings that replace those of the config.
            Defaults to None.

    Returns:
        tuple[Task, BaseInferencer]: The task and its inferencer.

    Raises:
        UserError: If a file, the toolbox or the device is missing, or the checkpoint is
            of another model or holds weights that are not finite.
    """
    if '://' not in str(checkpoint):
        checkpoint = check_file(checkpoint)
    cfg = read_config(config)
    check_generation(cfg)
    merge_options(cfg, options or {})
    task = infer_task(cfg)
    task.check_inference()
    check_preprocessor(cfg, task.toolbox)
    if not cfg.get('test_dataloader'):
        raise UserError(
            f'{cfg.filename} has no test_dataloader, whose pipeline prepares the images'
        )
    device = device or get_device()
    check_device(device)
    # The inferencers find no pipeline in a wrapper such as ConcatDataset.
    cfg.test_dataloader.dataset = next(
        leaf for _, leaf in leaf_datasets(cfg.test_dataloader.dataset)
    )
    reader = take_loading_step(cfg.test_dataloader.dataset.pipeline, task.toolbox)
    # Results are stored here, and not by backends of the visualiser as well.
    cfg.visualizer = dict(cfg.get('visualizer') or dict(type=task.visualizer))
    cfg.visualizer.vis_backends = None

    loaded = read_content(checkpoint)
    weights = unwrap(loaded, str(checkpoint))
    drop_inert(loaded)
    meta = loaded.get('meta') if isinstance(loaded, Mapping) else None
    meta = dict(meta) if isinstance(meta, Mapping) else {}
    meta['dataset_meta'] = dataset_meta = resolve_dataset_meta(cfg, meta, task)
    content = dict(state_dict=weights, meta=meta)
    with _served_from_memory(content) as address:
        inferencer = task.build_inferencer(cfg, address, device)
    if not dataset_meta.get('classes'):
        # The toolboxes would name classes of COCO or Cityscapes.
        inferencer.model.dataset_meta = dict(classes=(), palette=[])
    read_images(inferencer, cfg, reader)
    # The inferencers load what fits, and only log the rest.
    _check_weights(inferencer.model, weights, f'{checkpoint} does not fit {config}')
    check_finite_weights(inferencer.model, str(checkpoint))
    return task, inferencer


def check_device(device: str) -> None:
    """Raise a UserError unless this machine has a device."""
    try:
        torch.empty(1, device=torch.device(device))
    except Exception as error:
        # The type of the exception depends on the kind of device.
        reason = str(error).splitlines()[0]
        raise UserError(
            f'--device {device}: {reason}. Give cpu, or a device of this machine such as '
            'cuda:0.'
        ) from error


@contextmanager
def _served_from_memory(checkpoint: Mapping) -> Iterator[str]:
    """Give mmengine's loader an address of a checkpoint that is in memory already."""
    address = f'{_MEMORY}{id(checkpoint)}'
    _in_memory[address] = checkpoint
    try:
        yield address
    finally:
        del _in_memory[address]


@CheckpointLoader.register_scheme(prefixes=_MEMORY, force=True)
def _load_from_memory(filename: str, map_location: str | None = None) -> Mapping:
    return _in_memory[filename]


def _check_weights(model: torch.nn.Module, weights: Mapping, subject: str) -> None:
    record = LoadedWeights(model)
    try:
        model.load_state_dict(weights, strict=False)
    except CheckpointError as error:
        raise CheckpointError(f'{subject}: {error}') from error
    except RuntimeError:
        pass  # other shapes, which are recorded
    finally:
        record.close()
    misfit = record.find_misfit()
    if misfit:
        raise CheckpointError(f'{subject}: {misfit}. {CONFIG_ADVICE}')
    # A backbone adapts an RGB stem, which is for weights to start a training from.
    check_shapes(dict(state_dict=weights), model, subject)
