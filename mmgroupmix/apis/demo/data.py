"""The mini data set in place of a config's own, under the person's pipelines."""

from pathlib import Path

from mmengine.dist import barrier, get_rank

from ...errors import UserError
from ..config.task import TASK_NAMES, num_outputs, predicts_masks
from ..config.tree import as_list, leaf_datasets, replace_leaf_datasets, type_name, walk

MINI_ROOT = Path('data/mini')
# Training and validation.
NUM_IMAGES = dict(seg=(240, 24), det=(240, 24), cls=(400, 100))
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# These need more than images with the task's own annotations.
UNSUPPORTED_TRANSFORMS = (
    'LoadProposals',
    'LoadPanopticAnnotations',
    'LoadDepthAnnotation',
    'LoadMultipleRSImageFromFile',
    'LoadImageFromNpyFile',
    'MultiBranch',
    'TransformBroadcaster',
    'LoadTrackAnnotations',
    'RandomSamplingNegPos',
)


def use_mini_data(cfg, task):
    """Replace the data sets and what evaluates them, in place.

    Args:
        cfg (Config): The config.
        task (str): 'seg', 'det' or 'cls'.

    Returns:
        str: What was changed, for a person.

    Raises:
        UserError: If the config needs data of another kind than the mini data sets.
    """
    _check_supported(cfg, task)
    old = sorted(
        {
            type_name(leaf)
            for name in LOADERS
            if cfg.get(name)
            for _, leaf in leaf_datasets(cfg[name].get('dataset'))
        }
    )
    root = _written(task, num_outputs(cfg.model, task))
    for name in LOADERS:
        if cfg.get(name):
            split = 'train' if name.startswith('train') else 'val'
            cfg[name]['dataset'] = replace_leaf_datasets(
                cfg[name]['dataset'],
                lambda leaf, split=split: _mini_dataset(leaf, cfg, task, root, split),
            )
    if cfg.get('tta_pipeline'):
        cfg.tta_pipeline = _fitting_pipeline(cfg.tta_pipeline, task)
    _use_mini_evaluators(cfg, task, root)
    return f'{", ".join(old)} -> the mini data set {root}'


def class_names(cfg, task):
    """tuple[str]: A name for every output, for drawing predictions of unused ones."""
    from ...mini_data import mini_metainfo

    outputs = num_outputs(cfg.model, task)
    names = mini_metainfo(task, outputs)['classes']
    return names + tuple(f'unused {i}' for i in range(len(names), outputs or 0))


def _written(task, outputs):
    from ...mini_data import (
        SEG_CLASSES,
        write_mini_ade20k,
        write_mini_coco,
        write_mini_imagenet,
    )

    writer, layout, classes = dict(
        seg=(write_mini_ade20k, 'ade20k', min(outputs or 11, len(SEG_CLASSES))),
        det=(write_mini_coco, 'coco', outputs or 10),
        cls=(write_mini_imagenet, 'imagenet', min(outputs or 10, 10)),
    )[task]
    num_train, num_val = NUM_IMAGES[task]
    root = MINI_ROOT / f'{layout}_{classes}_classes_{num_train}_images'
    if get_rank() == 0:
        _write(writer, root, num_train, num_val, classes)
    barrier()
    # On another machine the first rank's disk is not ours.
    return _write(writer, root, num_train, num_val, classes)


def _write(writer, root, num_train, num_val, classes):
    try:
        return writer(root, num_train=num_train, num_val=num_val, num_classes=classes)
    except (FileExistsError, ValueError) as error:
        raise UserError(f'--demo cannot make its data set: {error}') from error


def _mini_dataset(leaf, cfg, task, root, split):
    from ...mini_data import mini_metainfo

    common = dict(
        data_root=str(root),
        metainfo=mini_metainfo(task, num_outputs(cfg.model, task)),
        pipeline=_fitting_pipeline(leaf.get('pipeline') or [], task),
    )
    if task == 'seg':
        folder = dict(train='training', val='validation')[split]
        # ADE20KDataset reads the same layout, but takes a subset of its own 150 class
        # names only.
        return dict(
            type='mmseg.BaseSegDataset',
            reduce_zero_label=True,
            data_prefix=dict(
                img_path=f'images/{folder}', seg_map_path=f'annotations/{folder}'
            ),
            **common,
        )
    if task == 'cls':
        return dict(type='mmpretrain.ImageNet', split=split, **common)
    kept = {key: leaf[key] for key in ('filter_cfg', 'test_mode') if key in leaf}
    return dict(
        type='mmdet.CocoDataset',
        data_prefix=dict(img=f'{split}2017/'),
        ann_file=f'annotations/instances_{split}2017.json',
        **kept,
        **common,
    )


def _fitting_pipeline(pipeline, task):
    """The person's pipeline, reading local files with ADE20K's label convention."""
    pipeline = [dict(transform) for transform in pipeline]
    for _, transform in walk(pipeline):
        # Image servers of the real data do not have the mini images.
        if transform.get('backend_args'):
            transform['backend_args'] = None
        if (
            type_name(transform) == 'LoadAnnotations'
            and transform.get('reduce_zero_label') is not None
        ):
            transform['reduce_zero_label'] = True
    if (
        task == 'seg'
        and pipeline
        and not any(type_name(node) == 'LoadAnnotations' for _, node in walk(pipeline))
    ):
        pipeline = _with_labels(pipeline)
    if task == 'cls' and not any(
        type_name(transform).startswith('Load') for transform in pipeline
    ):
        pipeline = _with_loading(pipeline)
    return pipeline


def _with_labels(pipeline):
    """Test sets without public labels load none; the mini data set has them."""
    labels = dict(type='LoadAnnotations', reduce_zero_label=True)
    *before, last = pipeline
    if type_name(last) == 'TestTimeAug':
        *steps, pack = last['transforms']
        return [*before, dict(last, transforms=[*steps, [labels], pack])]
    return [*before, labels, last]


def _with_loading(pipeline):
    """Data sets such as CIFAR hand over images of one size, already in memory."""
    sizes = [t['crop_size'] for t in pipeline if t.get('crop_size')]
    side = sizes[0] if sizes and isinstance(sizes[0], int) else 32
    return [
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale=(side, side)),
        *pipeline,
    ]


def _use_mini_evaluators(cfg, task, root):
    for name in ('val_evaluator', 'test_evaluator'):
        evaluators = as_list(cfg.get(name))
        if not evaluators or task == 'cls':
            continue
        if task == 'seg':
            cfg[name] = [_mini_iou(one) for one in evaluators]
        else:
            cfg[name] = _mini_coco_metric(evaluators, cfg, root)


def _mini_iou(evaluator):
    """IoUMetric knows its classes from the data; others are replaced by it."""
    if type_name(evaluator) != 'IoUMetric':
        return dict(type='mmseg.IoUMetric', iou_metrics=['mIoU'])
    kept = {
        key: value
        for key, value in evaluator.items()
        if key not in ('format_only', 'output_dir')
    }
    return dict(kept, iou_metrics=as_list(evaluator.get('iou_metrics', ['mIoU'])))


def _mini_coco_metric(evaluators, cfg, root):
    kept = next((one for one in evaluators if type_name(one) == 'CocoMetric'), {})
    metric = ['bbox', 'segm'] if predicts_masks(cfg) else ['bbox']
    dropped = ('type', 'ann_file', 'format_only', 'outfile_prefix', 'backend_args')
    settings = {key: kept[key] for key in kept if key not in dropped}
    return dict(
        dict(
            type='mmdet.CocoMetric',
            metric=metric,
            ann_file=str(root / 'annotations' / 'instances_val2017.json'),
        ),
        **settings,
    )


def _check_supported(cfg, task):
    for name in LOADERS:
        for place, node in walk(cfg.get(name), name):
            found = type_name(node)
            needs_maps = (
                found == 'LoadAnnotations' and task == 'det' and node.get('with_seg')
            )
            if found in UNSUPPORTED_TRANSFORMS or needs_maps:
                raise UserError(
                    f'--demo has no mini data for {place} ({found}). It knows '
                    + ', '.join(TASK_NAMES.values())
                    + ' (boxes and instance masks) from single images.'
                )
