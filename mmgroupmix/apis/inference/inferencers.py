"""The toolboxes' own inferencers, one way to build them."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.infer import BaseInferencer

from ...checkpoints.reading import read_checkpoint
from ...compat import require_toolbox
from ...errors import UserError
from ..config.read import read_config
from ..config.task import TOOLBOXES, VISUALIZERS, infer_task, num_outputs
from ..config.tree import leaf_datasets


def build_inferencer(
    config: str | Path,
    checkpoint: str | Path,
    device: str | None = None,
    options: dict | None = None,
) -> tuple[str, BaseInferencer]:
    """Build the inferencer of a config's task, with the weights of a checkpoint.

    Args:
        config (str | Path): Config of mmseg, mmdet or mmpretrain.
        checkpoint (str | Path): What ``tools/train.py`` saved.
        device (str, optional): As ``'cuda:0'``. Defaults to None: a GPU if there is one.
        options (dict, optional): Settings that replace those of the config.

    Returns:
        tuple[str, BaseInferencer]: 'seg', 'det' or 'cls', and the inferencer.

    Raises:
        UserError: If a file, the toolbox or the device is missing, or the checkpoint is
            another model's.
    """
    if not Path(checkpoint).is_file():
        raise UserError(f'checkpoint not found: {checkpoint}')
    cfg = read_config(str(config))
    cfg.merge_from_dict(options or {})
    task = infer_task(cfg)
    try:
        require_toolbox(TOOLBOXES[task])
    except ImportError as error:
        raise UserError(str(error)) from error
    device = device or get_device()
    _check_device(device)
    weights = read_checkpoint(checkpoint)
    _prepare(cfg, task)
    build = dict(seg=_segmentation, det=_detection, cls=_classification)[task]
    inferencer = build(cfg, str(checkpoint), device)
    # The inferencers load what fits, and only log the rest.
    _check_weights(inferencer.model, weights, f'{checkpoint} does not fit {config}')
    return task, inferencer


def _check_device(device: str) -> None:
    try:
        wanted = torch.device(device)
        torch.empty(1, device=wanted)
    except Exception as error:
        # What is raised depends on the kind of device.
        reason = str(error).splitlines()[0]
        raise UserError(
            f'--device {device}: {reason}. Give cpu, or a device of this machine such as '
            'cuda:0.'
        ) from error


def _prepare(cfg: Config, task: str) -> None:
    """One data set whose pipeline the images pass, and no storage beside our own."""
    if not cfg.get('test_dataloader'):
        raise UserError(
            f'{cfg.filename} has no test_dataloader, whose pipeline prepares the images'
        )
    # Of a wrapped one, such as ConcatDataset, the inferencers find no pipeline.
    cfg.test_dataloader.dataset = next(
        leaf for _, leaf in leaf_datasets(cfg.test_dataloader.dataset)
    )
    if not cfg.get('visualizer'):
        cfg.visualizer = dict(type=VISUALIZERS[task])
    cfg.visualizer.vis_backends = None


def _check_weights(model: torch.nn.Module, weights: dict, subject: str) -> None:
    try:
        missing = model.load_state_dict(weights, strict=False).missing_keys
    except RuntimeError as error:
        raise UserError(f'{subject}: {error}') from error
    if missing:
        more = f' and {len(missing) - 4} more' if len(missing) > 4 else ''
        raise UserError(
            f'{subject}: it lacks {", ".join(missing[:4])}{more} of the model. Give the '
            'config that it was trained with; one is in its work directory.'
        )


def _segmentation(cfg: Config, checkpoint: str, device: str) -> BaseInferencer:
    from mmseg.apis import MMSegInferencer

    return MMSegInferencer(cfg, checkpoint, device=device)


def _detection(cfg: Config, checkpoint: str, device: str) -> BaseInferencer:
    from mmdet.apis import DetInferencer

    return DetInferencer(cfg, checkpoint, device=device)


def _classification(cfg: Config, checkpoint: str, device: str) -> BaseInferencer:
    from mmpretrain.apis import ImageClassificationInferencer

    inferencer = ImageClassificationInferencer(cfg, checkpoint, device=device)
    if inferencer.classes:
        # A demo's data have fewer classes than the model has outputs; any may win.
        known = len(inferencer.classes)
        unnamed = range(known, num_outputs(cfg.model, 'cls') or known)
        inferencer.classes = (*inferencer.classes, *(f'class {i}' for i in unnamed))
    return inferencer
