"""Which of the three tasks a config is about, and the toolbox that does it."""

from ...errors import UserError
from .tree import leaf_datasets, scope_of, type_name

TOOLBOXES = dict(seg='mmseg', det='mmdet', cls='mmpretrain')
TASK_NAMES = dict(
    seg='semantic segmentation', det='object detection', cls='image classification'
)

VISUALIZERS = dict(
    seg='mmseg.SegLocalVisualizer',
    det='mmdet.DetLocalVisualizer',
    cls='mmpretrain.UniversalVisualizer',
)
VISUALIZATION_HOOKS = dict(
    seg='mmseg.SegVisualizationHook',
    det='mmdet.DetVisualizationHook',
    cls='mmpretrain.VisualizationHook',
)
SEGMENTOR_KEYS = ('decode_head',)
DETECTOR_KEYS = ('bbox_head', 'roi_head', 'rpn_head', 'panoptic_head', 'mask_head')
DETECTION_DATASETS = ('CocoDataset', 'VOCDataset', 'LVISV1Dataset', 'CityscapesDataset')


def infer_task(cfg):
    """Find the task of a config.

    Args:
        cfg (Config): Config of mmseg, mmdet or mmpretrain.

    Returns:
        str: 'seg', 'det' or 'cls'.

    Raises:
        UserError: If the config does not say, or is about something else.
    """
    model = cfg.get('model')
    if not model:
        raise UserError(f'{cfg.filename or "the config"} has no `model`')
    # A model's own keys say more than the scope: mmdet ships classifier configs too.
    if any(key in model for key in SEGMENTOR_KEYS):
        return 'seg'
    if any(key in model for key in DETECTOR_KEYS):
        return 'det'
    if type_name(model).endswith('Classifier'):
        return 'cls'
    by_toolbox = {toolbox: task for task, toolbox in TOOLBOXES.items()}
    scopes = [scope_of(model), cfg.get('default_scope') or '']
    loader = cfg.get('train_dataloader') or cfg.get('test_dataloader') or {}
    for _, dataset in leaf_datasets(loader.get('dataset', {})):
        scopes.append(scope_of(dataset))
    for scope in scopes:
        if scope in by_toolbox:
            return by_toolbox[scope]
    raise UserError(
        f'cannot tell the task of {cfg.filename or "the config"}: its model is a '
        f'{type_name(model)!r} and default_scope is {cfg.get("default_scope")!r}. Set '
        'default_scope to mmseg, mmdet or mmpretrain.'
    )


def num_outputs(model, task):
    """The number of classes that the heads of a model config predict.

    Args:
        model (dict): The config's ``model``.
        task (str): 'seg', 'det' or 'cls'.

    Returns:
        int or None: None if no head names it (such as a region proposal network).
    """
    heads = dict(
        seg=('decode_head',),
        det=('bbox_head', 'roi_head', 'panoptic_head', 'mask_head'),
        cls=('head',),
    )[task]
    for head in heads:
        found = _num_classes(model.get(head))
        if found:
            return found
    return None


def _num_classes(node):
    """The first ``num_classes``; the last head of a cascade has the final say."""
    if isinstance(node, (list, tuple)):
        return _num_classes(node[-1]) if node else None
    if not hasattr(node, 'items'):
        return None
    for key in ('num_things_classes', 'num_classes'):
        if node.get(key):
            return node[key]
    return next(
        filter(
            None,
            (
                _num_classes(node[key])
                for key in ('bbox_head', 'mask_head')
                if key in node
            ),
        ),
        None,
    )


def predicts_masks(cfg):
    """bool: Whether a detector also predicts instance masks."""
    model = cfg['model']
    if 'mask_head' in model or 'mask_head' in (model.get('roi_head') or {}):
        return True
    head = type_name(model.get('panoptic_head') or {})
    return 'Mask' in head
