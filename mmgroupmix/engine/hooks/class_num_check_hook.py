"""A label that no output of the model stands for is named before it does harm.

On a GPU such a label ends in 'device-side assert triggered' far from its cause, on the
CPU in an index error that names no file.
"""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from ...errors import UserError
from ...registry import HOOKS

# Its targets are edges that it derives itself, two classes whatever the data.
HEADS_WITH_OWN_TARGETS = ('STDCHead',)


# The second name is in configs that earlier versions wrote into work directories.
@HOOKS.register_module(name=['ClassNumCheckHook', 'LabelCheckHook'])
class ClassNumCheckHook(Hook):
    """Compare every training batch's labels with the model's class count.

    Costs one pass over the label maps on the CPU, before the batch is moved.

    Raises:
        UserError: (a ``ValueError``) Naming the value, the file and the allowed ones.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner):
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self.num_classes, self.ignore_index = _allowed_labels(model)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        batch = data_batch if isinstance(data_batch, dict) else {}
        samples = batch.get('data_samples')
        if self.num_classes is None or not isinstance(samples, (list, tuple)):
            return
        for sample in samples:
            labels = _labels_of(sample)
            if labels is not None and labels.numel():
                self._check(labels, sample)

    def _check(self, labels, sample):
        # Two reductions without a copy settle most maps; one with ignored pixels, or
        # with an error, is looked at more closely.
        high, low = int(labels.max()), int(labels.min())
        if low >= 0 and high < self.num_classes:
            return
        wrong = labels[(labels >= self.num_classes) | (labels < 0)]
        if self.ignore_index is not None:
            wrong = wrong[wrong != self.ignore_index]
        if not wrong.numel():
            return
        meta = sample.metainfo
        place = meta.get('seg_map_path') or meta.get('img_path') or 'an unnamed sample'
        values = ', '.join(str(value) for value in wrong.unique().tolist()[:5])
        ignored = (
            ''
            if self.ignore_index is None
            else f', and {self.ignore_index} to be ignored'
        )
        raise UserError(
            f'label {values} in {place}: the model has {self.num_classes} classes, so '
            f'labels must be 0 to {self.num_classes - 1}{ignored}. Check num_classes '
            'of the heads, the classes of the data set and, for segmentation, '
            'reduce_zero_label.'
        )


def _allowed_labels(model):
    """(int or None, int or None): The class count and the label to ignore."""
    if getattr(model, 'decode_head', None) is not None:
        heads = _heads(model.decode_head)[-1:]
        heads += _heads(getattr(model, 'auxiliary_head', None))
        heads = [
            head for head in heads if type(head).__name__ not in HEADS_WITH_OWN_TARGETS
        ]
        counts = [count for count in map(_class_count, heads) if count]
        ignore_index = getattr(heads[0], 'ignore_index', 255) if heads else 255
        return min(counts, default=None), ignore_index
    roi_head = getattr(model, 'roi_head', None)
    for head in (
        getattr(roi_head, 'bbox_head', None),
        getattr(model, 'bbox_head', None),
        getattr(model, 'panoptic_head', None),
        getattr(model, 'mask_head', None),
        getattr(model, 'head', None),
    ):
        counts = [count for count in map(_class_count, _heads(head)) if count]
        if counts:
            return min(counts), None
    return None, None


def _heads(head):
    if head is None:
        return []
    return list(head) if type(head).__name__ in ('ModuleList', 'Sequential') else [head]


def _class_count(head):
    """A region proposal head counts one class, whatever the data's labels are."""
    if 'RPN' in type(head).__name__:
        return None
    return getattr(head, 'num_classes', None)


def _labels_of(sample):
    if 'gt_sem_seg' in sample:
        return sample.gt_sem_seg.data
    if 'gt_instances' in sample and 'labels' in sample.gt_instances:
        return sample.gt_instances.labels
    return sample.gt_label if 'gt_label' in sample else None
