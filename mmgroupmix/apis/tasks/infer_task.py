"""Finding the task of a config."""

from collections.abc import Iterator

from mmengine.config import Config

from ...compat import require_toolbox
from ...errors import UserError
from ..config.tree import get_scope, leaf_datasets, type_name
from .classification import CLASSIFICATION
from .detection import DETECTION
from .generation import GENERATION
from .point_clouds import CLOUD_CLASSIFICATION, PART_SEGMENTATION
from .segmentation import SEGMENTATION
from .task import Task

#: Tasks of this package's own models.
OWN_TASKS = (CLOUD_CLASSIFICATION, PART_SEGMENTATION)
#: Of two tasks of one toolbox, its scope means the last one.
TASKS = (SEGMENTATION, DETECTION, GENERATION, CLASSIFICATION, *OWN_TASKS)

DETECTOR_KEYS = ('bbox_head', 'roi_head', 'rpn_head', 'panoptic_head', 'mask_head')


def infer_task(cfg: Config) -> Task:
    """Find the task of a config and make sure that its toolbox is installed.

    Args:
        cfg (Config): Config of mmseg, mmdet or mmpretrain.

    Returns:
        Task: The task.

    Raises:
        UserError: If the config does not say or is about something else, or the toolbox
            is missing or does not import.
    """
    model = cfg.get('model')
    if not model:
        raise UserError(f'{cfg.filename or "the config"} has no `model`')
    own = [task for task in OWN_TASKS if type_name(model) in task.models]
    if own:
        return own[0]
    scopes = {task.toolbox: task for task in TASKS if task not in OWN_TASKS}
    # The model says more than the scope: mmdet ships configs of classifiers too.
    if 'decode_head' in model:
        task: Task | None = SEGMENTATION
    elif any(key in model for key in DETECTOR_KEYS):
        task = DETECTION
    elif 'generator' in model and 'discriminator' in model:
        task = GENERATION
    elif type_name(model).endswith('Classifier'):
        task = CLASSIFICATION
    else:
        task = next((scopes[name] for name in _iter_scopes(cfg) if name in scopes), None)
    if task is None:
        raise UserError(
            f'cannot determine the task of {cfg.filename or "the config"}: its model is '
            f'a {type_name(model)!r} and default_scope is {cfg.get("default_scope")!r}. '
            'Set default_scope to mmseg, mmdet or mmpretrain.'
        )
    try:
        require_toolbox(task.toolbox)
    except ImportError as error:
        raise UserError(str(error)) from error
    return task


def _iter_scopes(cfg: Config) -> Iterator[str]:
    """Scopes that a config names, the most specific first."""
    yield get_scope(cfg.model)
    yield cfg.get('default_scope') or ''
    loader = cfg.get('train_dataloader') or cfg.get('test_dataloader') or {}
    for _, dataset in leaf_datasets(loader.get('dataset', {})):
        yield get_scope(dataset)
