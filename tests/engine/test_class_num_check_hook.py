"""Labels outside the model's classes are reported before training uses them."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import HOOKS
from mmengine.structures import BaseDataElement, InstanceData, PixelData

from mmgroupmix.engine import ClassNumCheckHook
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke


def build_hook(skip_checks=(), **heads):
    hook = ClassNumCheckHook()
    cfg = dict(skip_checks=skip_checks)
    hook.before_train(SimpleNamespace(model=SimpleNamespace(**heads), cfg=cfg))
    return hook


def make_seg_batch(*labels):
    sample = BaseDataElement(metainfo=dict(seg_map_path='maps/3.png'))
    sample.gt_sem_seg = PixelData(data=torch.tensor(labels).view(1, 1, -1))
    return dict(data_samples=[sample])


def make_det_batch(*labels):
    sample = BaseDataElement(metainfo=dict(img_path='a.jpg'))
    sample.gt_instances = InstanceData(labels=torch.tensor(labels))
    return dict(data_samples=[sample])


def test_a_segmentation_label_above_the_class_count_names_value_and_file():
    hook = build_hook(decode_head=SimpleNamespace(num_classes=11, ignore_index=255))
    hook.before_train_iter(None, 0, make_seg_batch(0, 10, 255))
    with pytest.raises(ValueError) as raised:
        hook.before_train_iter(None, 0, make_seg_batch(0, 11, 255))
    for part in ('label 11', 'maps/3.png', '0 to 10', '255'):
        assert part in str(raised.value)


def test_the_check_can_be_switched_off_and_says_so():
    head = SimpleNamespace(num_classes=11, ignore_index=255)
    batch = make_seg_batch(0, 11, 255)
    with pytest.raises(ValueError, match='--skip-check label-range'):
        build_hook(decode_head=head).before_train_iter(None, 0, batch)
    build_hook(['label-range'], decode_head=head).before_train_iter(None, 0, batch)


def test_the_ignored_label_is_that_of_the_head():
    hook = build_hook(decode_head=SimpleNamespace(num_classes=11, ignore_index=100))
    hook.before_train_iter(None, 0, make_seg_batch(0, 10, 100))
    with pytest.raises(UserError, match='label 255 in'):
        hook.before_train_iter(None, 0, make_seg_batch(0, 255))


def test_a_negative_label_is_reported():
    hook = build_hook(decode_head=SimpleNamespace(num_classes=11, ignore_index=255))
    with pytest.raises(UserError, match='label -1 in maps/3.png'):
        hook.before_train_iter(None, 0, make_seg_batch(0, -1))


def test_every_sample_of_a_batch_is_checked():
    hook = build_hook(decode_head=SimpleNamespace(num_classes=11, ignore_index=255))
    samples = [make_seg_batch(label)['data_samples'][0] for label in (0, 11)]
    with pytest.raises(UserError, match='label 11'):
        hook.before_train_iter(None, 0, dict(data_samples=samples))


def test_an_auxiliary_head_with_fewer_classes_counts():
    hook = build_hook(
        decode_head=SimpleNamespace(num_classes=11, ignore_index=255),
        auxiliary_head=SimpleNamespace(num_classes=5),
    )
    with pytest.raises(ValueError, match='label 7'):
        hook.before_train_iter(None, 0, make_seg_batch(7))


def test_in_a_cascade_the_last_decode_head_counts():
    heads = torch.nn.ModuleList(torch.nn.Identity() for _ in range(2))
    for head, num_classes, ignore_index in zip(heads, (5, 11), (255, 100)):
        head.num_classes, head.ignore_index = num_classes, ignore_index
    hook = build_hook(decode_head=heads)
    assert (hook.num_classes, hook.ignore_index) == (11, 100)


def test_the_model_in_a_data_parallel_wrapper_is_checked():
    model = torch.nn.Module()
    model.head = torch.nn.Identity()
    model.head.num_classes = 10
    hook = ClassNumCheckHook()
    hook.before_train(SimpleNamespace(model=torch.nn.DataParallel(model), cfg={}))
    assert hook.num_classes == 10


def test_a_head_that_derives_its_targets_does_not_count():
    head = type('STDCHead', (), dict(num_classes=2))()
    hook = build_hook(
        decode_head=SimpleNamespace(num_classes=11, ignore_index=255),
        auxiliary_head=head,
    )
    assert hook.num_classes == 11


def test_a_model_without_class_count_is_not_checked():
    hook = build_hook(
        roi_head=SimpleNamespace(bbox_head=torch.nn.ModuleList([torch.nn.Identity()]))
    )
    assert hook.num_classes is None
    hook.before_train_iter(None, 0, make_det_batch(1000))


def test_a_detection_label_above_the_class_count_is_reported():
    hook = build_hook(bbox_head=SimpleNamespace(num_classes=3))
    with pytest.raises(ValueError, match='label 3 in a.jpg.*0 to 2'):
        hook.before_train_iter(None, 0, make_det_batch(0, 3))


def test_in_detection_no_label_is_ignored():
    hook = build_hook(bbox_head=SimpleNamespace(num_classes=3))
    with pytest.raises(UserError, match='label 255 in a.jpg'):
        hook.before_train_iter(None, 0, make_det_batch(0, 255))


def test_the_single_class_of_a_region_proposal_head_does_not_count():
    class RPNHead:
        num_classes = 1

    hook = build_hook(
        bbox_head=RPNHead(),
        roi_head=SimpleNamespace(bbox_head=SimpleNamespace(num_classes=3)),
    )
    hook.before_train_iter(None, 0, make_det_batch(0, 2))
    assert build_hook(bbox_head=RPNHead()).num_classes is None


def test_a_classification_label_above_the_class_count_is_reported():
    hook = build_hook(head=SimpleNamespace(num_classes=10))
    sample = BaseDataElement(metainfo=dict(img_path='a.jpg'))
    sample.set_field(torch.tensor([10]), 'gt_label')
    with pytest.raises(ValueError, match='label 10 in a.jpg'):
        hook.before_train_iter(None, 0, dict(data_samples=[sample]))


@pytest.mark.parametrize('name', ['ClassNumCheckHook', 'LabelCheckHook'])
def test_configs_of_earlier_versions_find_the_hook_under_its_former_name(name):
    hook = HOOKS.build(dict(type=f'mmgroupmix.{name}'))
    assert isinstance(hook, ClassNumCheckHook)


class CrossEntropyLoss:
    def __init__(self, use_sigmoid):
        self.use_sigmoid = use_sigmoid


@pytest.mark.parametrize('use_sigmoid, num_labels', [(True, 2), (False, 1)])
def test_one_output_with_a_sigmoid_tells_two_labels_apart(use_sigmoid, num_labels):
    head = SimpleNamespace(
        num_classes=1,
        out_channels=1,
        ignore_index=255,
        loss_decode=CrossEntropyLoss(use_sigmoid),
    )
    hook = build_hook(decode_head=head)
    hook.before_train_iter(None, 0, make_seg_batch(*range(num_labels), 255))
    with pytest.raises(UserError, match=f'label {num_labels}'):
        hook.before_train_iter(None, 0, make_seg_batch(num_labels))
