"""The toolboxes' own inferencers, one way to build them."""

from pathlib import Path

from mmengine.config import Config
from mmengine.infer import BaseInferencer

from ..compat import require_toolbox
from ..errors import UserError
from .command_line import read_config
from .task import TOOLBOXES, outputs_of, task_of


def build_inferencer(
    config: str | Path, checkpoint: str | Path, device: str | None = None,
    options: dict | None = None
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
        UserError: If a file or the toolbox is missing.
    """
    if not Path(checkpoint).is_file():
        raise UserError(f'checkpoint not found: {checkpoint}')
    cfg = read_config(str(config))
    cfg.merge_from_dict(options or {})
    task = task_of(cfg)
    try:
        require_toolbox(TOOLBOXES[task])
    except ImportError as error:
        raise UserError(str(error)) from error
    build = dict(seg=_segmentation, det=_detection, cls=_classification)[task]
    return task, build(cfg, str(checkpoint), device)


def _segmentation(cfg: Config, checkpoint: str, device: str | None) -> BaseInferencer:
    from mmseg.apis import MMSegInferencer
    return MMSegInferencer(cfg, checkpoint, device=device)


def _detection(cfg: Config, checkpoint: str, device: str | None) -> BaseInferencer:
    from mmdet.apis import DetInferencer
    return DetInferencer(cfg, checkpoint, device=device)


def _classification(cfg: Config, checkpoint: str, device: str | None) -> BaseInferencer:
    from mmpretrain.apis import ImageClassificationInferencer
    inferencer = ImageClassificationInferencer(cfg, checkpoint, device=device)
    if inferencer.classes:
        # A demo's data have fewer classes than the model has outputs; any may win.
        known = len(inferencer.classes)
        unnamed = range(known, outputs_of(cfg.model, 'cls') or known)
        inferencer.classes = (*inferencer.classes, *(f'class {i}' for i in unnamed))
    return inferencer
