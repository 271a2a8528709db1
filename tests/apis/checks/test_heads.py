"""Numbers of classes in all heads, preprocessors, losses and metrics."""

import json

import pytest
from mmengine.config import Config

from mmgroupmix.apis.checks.heads import (
    check_classifier,
    check_heads,
    check_panoptic,
    iter_head_classes,
)
from mmgroupmix.apis.checks.names import (
    check_stated_names,
    get_class_names,
    iter_metainfo,
)
from mmgroupmix.apis.config.mistakes import MistakeReport
from mmgroupmix.apis.tasks import CLASSIFICATION, DETECTION, SEGMENTATION

pytestmark = pytest.mark.smoke

PLACE = 'train_dataloader.dataset'
VALIDATION = 'val_dataloader.dataset'
CASCADE = dict(
    rpn_head=dict(type='RPNHead', num_classes=1),
    roi_head=dict(
        type='CascadeRoIHead',
        bbox_head=[
            dict(type='Shared2FCBBoxHead', num_classes=3),
            dict(type='Shared2FCBBoxHead', num_classes=80),
        ],
        mask_head=dict(type='FCNMaskHead'),
        semantic_head=dict(type='FusedSemanticHead', num_classes=183),
    ),
)


def compare(task, model, number, *, places=(PLACE,), **cfg):
    report = MistakeReport()
    cfg = Config(dict(default_scope=task.toolbox, model=model, **cfg))
    names = tuple(f'name {i}' for i in range(number))
    check_heads(cfg, task, dict.fromkeys(places, names), report)
    return report


def test_every_head_of_a_cascade_is_compared_also_by_its_default():
    metric = dict(val_evaluator=[dict(type='CocoMetric')])
    places = (PLACE, VALIDATION)
    (error,) = compare(DETECTION, CASCADE, 3, places=places, **metric).errors
    assert 'model.roi_head.bbox_head[1].num_classes is 80' in error
    assert 'model.roi_head.mask_head.num_classes is 80' in error
    assert 'bbox_head[0]' not in error and 'rpn' not in error and 'semantic' not in error
    assert f'{VALIDATION}: 3 classes' in error and '--skip-check num-classes' in error
    # Without this metric nothing stops, nor if it is that of a loop that will not run.
    for report in (
        compare(DETECTION, CASCADE, 3, places=places),
        compare(DETECTION, CASCADE, 3, **metric),
    ):
        assert not report.errors and 'bbox_head[1]' in report.warnings[0]


@pytest.mark.parametrize('number, refused', [(2, False), (3, False), (4, True)])
def test_a_segmentor_may_have_more_outputs_than_classes_but_not_fewer(number, refused):
    model = dict(
        decode_head=dict(type='FCNHead', num_classes=3),
        auxiliary_head=[dict(type='STDCHead', num_classes=2)],
    )
    report = compare(SEGMENTATION, model, number)
    assert bool(report.errors) == refused
    assert bool(report.warnings) == (number == 2)
    # The data of a demo have fewer classes than the model, as it says.
    assert not compare(SEGMENTATION, model, 2, demo='...').warnings


def test_a_binary_output_fits_two_classes():
    sigmoid = dict(type='CrossEntropyLoss', use_sigmoid=True)
    head = dict(type='FCNHead', num_classes=1)
    model = dict(decode_head=dict(head, loss_decode=sigmoid))
    assert not compare(SEGMENTATION, model, 2).errors
    # A softmax over one output, mmseg's default, accepts label 0 alone.
    (error,) = compare(SEGMENTATION, dict(decode_head=head), 2).errors
    assert 'model.decode_head.num_classes is 1' in error
    model = dict(decode_head=dict(type='FCNHead', num_classes=2, out_channels=1))
    assert not compare(SEGMENTATION, model, 2).errors


def test_the_configs_of_the_package_agree_with_their_data():
    from pathlib import Path

    for name, task, number in (
        ('cascade_mask_rcnn_r50_ea_coco', DETECTION, 80),
        ('retinanet_poolformer_s12_coco', DETECTION, 80),
        ('upernet_gmf_m_ade20k', SEGMENTATION, 150),
        ('gmf_m_in1k', CLASSIFICATION, 1000),
    ):
        cfg = Config.fromfile(Path(__file__).parents[3] / 'configs' / f'{name}.py')
        report = MistakeReport()
        check_heads(cfg, task, {PLACE: tuple(map(str, range(number)))}, report)
        check_classifier(cfg, task, report)
        assert not report.errors + report.warnings
        assert list(iter_head_classes(cfg.model, task))


def test_things_and_stuff_of_a_panoptic_head_are_compared():
    model = dict(panoptic_head=dict(type='Head', num_things_classes=8))
    report = MistakeReport()
    metainfo = dict(thing_classes=('a', 'b'), stuff_classes=('c',), classes=tuple('abc'))
    check_panoptic(Config(dict(model=model)), {PLACE: metainfo}, report)
    assert 'panoptic_head.num_things_classes is 8' in report.errors[0]
    assert get_class_names({PLACE: metainfo}) == {PLACE: ('a', 'b')}


@pytest.mark.parametrize(
    'cfg, place',
    [
        (
            dict(data_preprocessor=dict(num_classes=1000, to_onehot=True)),
            'data_preprocessor',
        ),
        (
            dict(
                data_preprocessor=dict(num_classes=1000),
                model=dict(train_cfg=dict(augments=[dict(type='Mixup')])),
            ),
            'data_preprocessor',
        ),
        (
            dict(model=dict(train_cfg=dict(augments=[dict(type='M', num_classes=9)]))),
            'model.train_cfg.augments[0]',
        ),
        (
            dict(model=dict(head=dict(loss=dict(type='L', num_classes=9)))),
            'model.head.loss',
        ),
    ],
)
def test_whatever_makes_labels_of_a_classifier_has_the_classes_of_the_head(cfg, place):
    base = Config(dict(model=dict(head=dict(type='LinearClsHead', num_classes=3))))
    base.merge_from_dict(cfg)
    report = MistakeReport()
    check_classifier(base, CLASSIFICATION, report)
    assert report.errors[0].startswith(f'{place}.num_classes is ')
    assert 'model.head.num_classes 3' in report.errors[0]


def test_a_preprocessor_that_leaves_labels_alone_may_have_any_number():
    head = dict(type='LinearClsHead', num_classes=3)
    cfg = dict(model=dict(head=head), data_preprocessor=dict(num_classes=1000))
    report = MistakeReport()
    check_classifier(Config(cfg), CLASSIFICATION, report)
    assert not report.errors


@pytest.mark.parametrize(
    'evaluator, head, refused',
    [
        (dict(type='Accuracy', topk=(1, 5)), {}, True),
        ([dict(type='Accuracy', topk=5)], {}, True),
        (dict(type='Accuracy', topk=(1, 3)), {}, False),
        (dict(type='Accuracy'), dict(topk=(1, 5)), False),
        (dict(type='Accuracy'), dict(topk=(1, 5), cal_acc=True), True),
    ],
)
def test_no_more_than_all_classes_can_be_the_best(evaluator, head, refused):
    head = dict(type='LinearClsHead', num_classes=3, **head)
    cfg = Config(dict(model=dict(head=head), val_evaluator=evaluator))
    report = MistakeReport()
    check_classifier(cfg, CLASSIFICATION, report)
    assert bool(report.errors) == refused
    assert not refused or 'best 5 of 3 classes' in report.errors[0]


def test_a_bare_string_and_an_old_key_are_no_classes(tmp_path):
    names = tmp_path / 'names.txt'
    names.write_text('apple\npear')
    report = MistakeReport()
    wrong = check_stated_names(
        dict(
            bare=dict(classes='apple'),
            old=dict(CLASSES=('apple',), classes=('cat',)),
            file=dict(classes=str(names)),
            right=dict(classes=('apple',)),
            none=dict(classes=None),
            absent={},
        ),
        report,
    )
    assert wrong == ['bare', 'old', 'none']
    assert "classes=('apple', )" in report.errors[0]
    assert 'the key is metainfo.classes' in report.errors[1]
    assert 'none.metainfo.classes is None' in report.errors[2]
    assert not check_stated_names(dict(a=dict(classes=None)), report, may_be_none=True)


def test_none_leaves_mmdet_without_a_label_and_stops_mmseg(tmp_path):
    from mmdet.datasets import CocoDataset
    from mmseg.datasets import BaseSegDataset

    content = dict(
        images=[dict(id=1, file_name='a.jpg', height=9, width=9)],
        categories=[dict(id=1, name='cat')],
        annotations=[dict(id=1, image_id=1, category_id=1, bbox=[0, 0, 5, 5], area=25)],
    )
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(content))
    (sample,) = CocoDataset(
        ann_file=str(path), data_prefix=dict(img=''), metainfo=dict(classes=None)
    )
    assert not sample['instances']
    with pytest.raises(TypeError):
        BaseSegDataset(metainfo=dict(classes=None), lazy_init=True)


def test_an_empty_name_is_worth_a_warning(tmp_path):
    names = tmp_path / 'classes.txt'
    names.write_text('apple\n\npear\n')
    report = MistakeReport()
    assert not check_stated_names(dict(place=dict(classes=str(names))), report)
    (warning,) = report.warnings
    assert 'place.metainfo.classes: name 1 of 3 is empty' in warning
    assert not report.errors


@pytest.mark.parametrize('classes', [{'cat', 'dog'}, dict(cat=0), (['cat', 'dog'],)])
def test_names_without_an_order_are_refused(classes):
    report = MistakeReport()
    assert check_stated_names(dict(place=dict(classes=classes)), report) == ['place']
    assert 'place.metainfo.classes is' in report.errors[0]
    assert not get_class_names(dict(place=dict(classes=classes)))


def test_names_are_read_from_a_file_and_from_the_argument_of_mmpretrain(tmp_path):
    names = tmp_path / 'names.txt'
    names.write_text('apple\npear\n')
    cfg = dict(
        train_dataloader=dict(
            dataset=dict(type='mmseg.BaseSegDataset', metainfo=dict(classes=str(names)))
        ),
        val_dataloader=dict(
            dataset=dict(type='mmpretrain.ImageNet', classes=['apple', 'pear'])
        ),
    )
    stated = dict(iter_metainfo(cfg, list(cfg)))
    assert set(get_class_names(stated).values()) == {('apple', 'pear')}


@pytest.mark.parametrize(
    'task, model',
    [
        (CLASSIFICATION, dict(head=dict(type='LinearClsHead', num_classes=4))),
        (DETECTION, dict(bbox_head=dict(type='RetinaHead', num_classes=4))),
        (SEGMENTATION, dict(decode_head=dict(type='FCNHead', num_classes=4))),
    ],
)
@pytest.mark.parametrize('largest, refused', [(3, False), (4, True), (None, True)])
def test_classes_that_never_occur_need_no_output(task, model, largest, refused):
    cfg = Config(dict(default_scope=task.toolbox, model=model))
    report = MistakeReport()
    known = {} if largest is None else {PLACE: largest}
    check_heads(cfg, task, {PLACE: tuple('abcde')}, report, known)
    assert bool(report.errors) == refused and bool(report.warnings) != refused
