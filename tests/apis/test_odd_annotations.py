"""Odd but valid annotation files pass; what a run takes from a file decides."""

import copy
import json
import re

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from pycocotools import mask as native
from pycocotools.coco import COCO

from mmgroupmix.apis.config import main_rank
from mmgroupmix.apis.config.coco_annotations import load_coco
from mmgroupmix.apis.config.coco_entries import CocoUse
from mmgroupmix.apis.config.main_rank import on_main_rank
from mmgroupmix.apis.config.mask_annotations import find_mask_error
from mmgroupmix.apis.config.mistakes import MistakeReport
from mmgroupmix.apis.data_scan import scan_data
from mmgroupmix.apis.tasks import DETECTION
from mmgroupmix.errors import UserError

from ..commands import REPOSITORY, run_tool
from ..tool_processes import _server
from .coco_files import (
    EVALUATION,
    NAN,
    SQUARE,
    SQUARE_RUNS,
    check,
    damage,
    polygon,
    runs,
    valid_coco,
    write,
)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'change',
    [
        dict(bbox=[10, 10, 0, 20]),
        dict(bbox=[5, 5, -3, 8]),
        dict(bbox=[500, 500, 20, 20]),
        dict(bbox=[-8.5, -4.25, 40.75, 30.5]),
        dict(area=0),
        dict(ignore=1, bbox=None),
        dict(category_id=4),
        dict(iscrowd=1, **runs(SQUARE_RUNS)),
        dict(keypoints='odd', caption=None, score=NAN),
        runs([float(run) for run in SQUARE_RUNS]),
        polygon(-30),
        dict(segmentation=[[10] * 8]),
        # What mmdet's filter leaves out is not decoded.
        dict(bbox=[10, 10, 0, 0], **polygon(NAN)),
        dict(iscrowd=None),
    ],
)
def test_what_the_toolbox_accepts_passes_without_a_word(change, tmp_path):
    content = valid_coco()
    content['annotations'].append(dict(content['annotations'][0], id=99) | change)
    assert check(tmp_path, content) == []
    # Python reads it as pycocotools does.
    assert json.dumps(load_coco(str(tmp_path / 'train.json'))) == json.dumps(
        COCO(str(tmp_path / 'train.json')).dataset
    )


@pytest.mark.smoke
@pytest.mark.parametrize(
    'change, words',
    [
        (dict(image_id=8), 'image_id 8 is not the id of an image'),
        (dict(category_id='1'), 'category_id "1" is not the id of a category'),
        (dict(segmentation=[SQUARE, [1, 2]]), 'fewer than three points'),
        (dict(segmentation=[SQUARE[:7]]), 'odd number'),
    ],
)
def test_what_the_toolbox_leaves_out_is_said(change, words, tmp_path):
    content = valid_coco()
    content['annotations'] += [
        dict(content['annotations'][0], id=id_) | change for id_ in (50, 51)
    ]
    (warning,) = check(tmp_path, content)
    assert 'train.json: annotations[3] (id 50' in warning
    assert words in warning
    assert '1 more entry is like it' in warning


@pytest.mark.smoke
def test_a_mask_that_the_run_does_not_load_is_only_said(tmp_path):
    content = valid_coco()
    content['annotations'][0].update(polygon(NAN))
    (warning,) = check(tmp_path, content, CocoUse(('person',), trains=True))
    assert 'segmentation[0][7] is NaN' in warning


@pytest.mark.smoke
def test_a_dataset_of_which_nothing_is_left_is_refused(tmp_path):
    with pytest.raises(UserError, match='none of its categories .*person.*cat'):
        check(tmp_path, valid_coco(), CocoUse(('cat',)))
    with pytest.raises(UserError, match='none of its 2 images is left'):
        check(tmp_path, valid_coco(), CocoUse(('person',), min_size=65))
    content = valid_coco()
    for annotation in content['annotations']:
        annotation['image_id'] = str(annotation['image_id'])
    with pytest.raises(UserError, match='no annotation belongs to an image.*"7"'):
        check(tmp_path, content)
    content['annotations'] = []
    assert check(tmp_path, content) == []


@pytest.mark.smoke
@pytest.mark.parametrize(
    'change, reason',
    [
        (dict(iscrowd=None), 'iscrowd is null'),
        (dict(iscrowd=-1), 'iscrowd is -1'),
        (dict(id='x'), 'id is "x"'),
        (dict(segmentation=[SQUARE[:7]]), 'segmentation[0] has 7 numbers'),
        (dict(segmentation=[]), 'segmentation is []'),
    ],
)
def test_a_metric_needs_what_a_training_does_not(change, reason, tmp_path):
    content = valid_coco()
    content['annotations'][0].update(change)
    with pytest.raises(UserError) as raised:
        check(tmp_path, content, EVALUATION)
    assert reason in str(raised.value)


@pytest.mark.smoke
def test_a_metric_needs_ids_of_one_type(tmp_path):
    content = valid_coco()
    content['images'][1]['id'] = 'nine'
    assert len(check(tmp_path, content)) == 1
    with pytest.raises(UserError, match=r'images\[1\].*id is "nine".*sorts them'):
        check(tmp_path, content, EVALUATION)


@pytest.mark.smoke
def test_run_lengths_of_any_mask_pass_and_cut_ones_do_not():
    rng = np.random.default_rng(3)
    for _ in range(200):
        size = tuple(int(side) for side in rng.integers(1, 90, 2))
        mask = (rng.random(size) < rng.random()).astype(np.uint8)
        encoded = native.encode(np.asfortranarray(mask))
        encoded['counts'] = encoded['counts'].decode()
        assert find_mask_error(encoded, size) is None
        cut = dict(encoded, counts=encoded['counts'][:-1])
        assert find_mask_error(cut, size) is not None


@pytest.mark.smoke
def test_the_square_written_by_hand_is_the_one_that_pycocotools_decodes():
    runs = dict(size=[64, 80], counts=SQUARE_RUNS)
    decoded = native.decode(native.frPyObjects(runs, 64, 80))
    expected = np.zeros((64, 80), np.uint8)
    expected[10:40, 10:40] = 1
    assert find_mask_error(runs, (64, 80)) is None
    np.testing.assert_array_equal(decoded, expected)


def config(folder, **dataset):
    dataset = dict(
        type='CocoDataset',
        data_root=str(folder),
        ann_file='train.json',
        metainfo=dict(classes=('person', 'car')),
        pipeline=[dict(type='LoadAnnotations', with_bbox=True, with_mask=True)],
        **dataset,
    )
    evaluator = dict(type='CocoMetric', ann_file=f'{folder}/val.json', metric='bbox')
    loader = dict(dataset=dict(type='RepeatDataset', times=2, dataset=dataset))
    return Config(
        dict(
            default_scope='mmdet',
            train_dataloader=loader,
            val_dataloader=loader,
            val_evaluator=[evaluator],
        )
    )


def find_errors(cfg, *modes):
    report = MistakeReport()
    loaders = [f'{mode}_dataloader' for mode in modes]
    scan_data(cfg, loaders, report, task=DETECTION, counts=False)
    return report.errors


def test_the_files_of_datasets_and_metrics_are_checked(tmp_path):
    content = valid_coco()
    write(tmp_path, content)
    (tmp_path / 'val.json').write_text(json.dumps(content))
    assert find_errors(config(tmp_path), 'train', 'val') == []
    del content['annotations'][2]['iscrowd']
    (tmp_path / 'val.json').write_text(json.dumps(content))
    assert find_errors(config(tmp_path), 'train') == []
    (error,) = find_errors(config(tmp_path), 'val')
    assert re.search(r'val.json: annotations\[2\].* has no iscrowd', error)


@pytest.mark.smoke
def test_one_process_reports_and_the_others_end_with_the_same_status(monkeypatch):
    def fail():
        raise UserError('broken')

    def receive(outcome):
        outcome[1] = True  # the first process has failed

    with pytest.raises(UserError, match='broken'):
        on_main_rank(fail)
    monkeypatch.setattr(main_rank, 'REPORTING_SECONDS', 0)
    monkeypatch.setattr(main_rank, 'is_main_process', lambda: False)
    monkeypatch.setattr(main_rank, 'broadcast_object_list', receive)
    with pytest.raises(SystemExit) as ended:
        on_main_rank(fail)
    assert ended.value.code == 2


def test_train_names_a_polygon_that_native_code_would_crash_on(tmp_path):
    content = valid_coco()
    content['annotations'][0].update(polygon(NAN))
    write(tmp_path, content)
    (tmp_path / 'images').mkdir()
    Image.new('RGB', (80, 64)).save(tmp_path / 'images' / 'a.png')
    options = [
        f'{loader}.dataset.{key}'
        for loader in ('train_dataloader', 'val_dataloader')
        for key in (
            'data_root=./',
            'ann_file=train.json',
            'data_prefix.img=images/',
        )
    ]
    result = run_tool(
        'train.py',
        REPOSITORY / 'configs' / 'mask_rcnn_poolformer_s12_coco.py',
        '--cfg-options',
        *options,
        cwd=tmp_path,
    )
    assert result.returncode == 2
    assert 'train.json: annotations[0] (id 1, image_id 7): segmentation[0][7] is NaN' in (
        result.stderr
    )
    assert 'Traceback' not in result.stderr
    assert not (tmp_path / 'work_dirs').exists()


def test_randomly_damaged_files_are_refused_or_can_be_loaded(tmp_path):
    passed, num_refused = [], 0
    for seed in range(60):
        content = copy.deepcopy(valid_coco())
        damage(content, seed)
        try:
            check(tmp_path, content, EVALUATION)
        except UserError as error:
            assert 'train.json' in str(error)
        try:
            check(tmp_path, content)
        except UserError as error:
            num_refused += 1
            assert 'train.json' in str(error)
            continue
        passed.append(content)
    assert num_refused > 20 and len(passed) > 5
    for name in ('a.png', 'b.png'):
        Image.new('RGB', (80, 64)).save(tmp_path / name)
    process = _server().Process(target=load_all, args=(tmp_path, passed))
    process.start()
    process.join(100)
    assert process.exitcode == 0


def load_all(folder, contents):
    """Let mmdet load every image of every file with its masks."""
    from mmdet.datasets import CocoDataset

    for content in contents:
        dataset = CocoDataset(
            ann_file=write(folder, content),
            data_prefix=dict(img=str(folder)),
            metainfo=dict(classes=('person', 'car')),
            pipeline=[
                dict(type='mmdet.LoadImageFromFile', ignore_empty=True),
                dict(type='mmdet.LoadAnnotations', with_bbox=True, with_mask=True),
            ],
        )
        for i in range(len(dataset)):
            # Missing images are found by another check.
            if (folder / dataset.get_data_info(i)['img_path']).is_file():
                dataset.prepare_data(i)
