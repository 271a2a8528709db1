"""Names and ids of classes, of a checkpoint that names them and of one that does not."""

import json

import pytest
from mmengine.config import Config

from mmgroupmix.apis.dataset_meta import resolve_dataset_meta
from mmgroupmix.apis.tasks import CLASSIFICATION, DETECTION, SEGMENTATION

pytestmark = pytest.mark.smoke

NAMES = ('pear', 'fig')
KINDS = dict(mmdet='CocoDataset', mmseg='BaseSegDataset', mmpretrain='CustomDataset')


def build_config(task, heads, metainfo=None, **dataset):
    dataset['type'] = KINDS[task.toolbox]
    if metainfo:
        dataset['metainfo'] = metainfo
    loader = dict(dataset=dataset)
    return Config(dict(default_scope=task.toolbox, model=heads, test_dataloader=loader))


def detector(number, **dataset):
    head = dict(bbox_head=dict(type='RetinaHead', num_classes=number))
    return build_config(DETECTION, head, **dataset)


def test_names_of_the_checkpoint_count():
    cfg = detector(2, metainfo=dict(classes=('a', 'b')))
    for meta in (
        dict(dataset_meta=dict(CLASSES=NAMES)),
        dict(dataset_meta=dict(classes=NAMES)),
        dict(CLASSES=NAMES),
    ):
        assert resolve_dataset_meta(cfg, meta, DETECTION)['classes'] == NAMES


def test_a_name_without_a_comma_is_one_class():
    meta = dict(dataset_meta=dict(classes='quince'))
    assert resolve_dataset_meta(detector(1), meta, DETECTION)['classes'] == ('quince',)


@pytest.mark.parametrize('task', [DETECTION, SEGMENTATION, CLASSIFICATION])
def test_a_checkpoint_without_names_gets_those_of_the_config(task, capsys):
    head = dict(type='Head', num_classes=2)
    cfg = build_config(task, {task.head_keys[0]: head}, dict(classes=NAMES))
    found = resolve_dataset_meta(cfg, {}, task)
    assert found['classes'] == NAMES and len(found['palette']) == 2
    assert 'test_dataloader.dataset does: pear, fig' in capsys.readouterr().out


@pytest.mark.parametrize('task', [DETECTION, SEGMENTATION, CLASSIFICATION])
def test_names_of_another_dataset_are_never_invented(task, capsys):
    # CocoDataset has 80 names of its own.
    head = dict(type='Head', num_classes=3)
    cfg = build_config(task, {task.head_keys[0]: head})
    found = resolve_dataset_meta(cfg, {}, task)
    assert found['classes'] == ('class 0', 'class 1', 'class 2')
    assert 'neither the checkpoint nor a dataset' in capsys.readouterr().out


def test_a_segmentor_with_one_output_has_two_names():
    head = dict(decode_head=dict(type='FCNHead', num_classes=1))
    cfg = build_config(SEGMENTATION, head, dict(classes=NAMES))
    assert resolve_dataset_meta(cfg, {}, SEGMENTATION)['classes'] == NAMES


def test_category_ids_are_those_of_the_annotation_file(tmp_path):
    categories = [dict(id=7, name='fig'), dict(id=0, name='pear'), dict(id=9, name='x')]
    path = tmp_path / 'test.json'
    path.write_text(json.dumps(dict(images=[], categories=categories)))
    cfg = detector(2, data_root=f'{tmp_path}/', ann_file='test.json')
    found = resolve_dataset_meta(cfg, dict(CLASSES=NAMES), DETECTION)
    assert found['category_ids'] == [0, 7]
    assert found['category_source'] == str(path)
    # A file that lacks a class, and one that is not here, have no ids for all.
    for names, file in ((('pear', 'plum'), 'test.json'), (NAMES, 'absent.json')):
        cfg = detector(2, data_root=f'{tmp_path}/', ann_file=file)
        found = resolve_dataset_meta(cfg, dict(CLASSES=names), DETECTION)
        assert 'category_ids' not in found
    # Outputs without a name have ids that no category has.
    cfg = detector(4, data_root=f'{tmp_path}/', ann_file='test.json')
    found = resolve_dataset_meta(cfg, dict(CLASSES=NAMES), DETECTION)
    assert found['classes'] == (*NAMES, 'class 2', 'class 3')
    assert found['category_ids'][:2] == [0, 7]
    assert not {0, 7, 9} & set(found['category_ids'][2:])
