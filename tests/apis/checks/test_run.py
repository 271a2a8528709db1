"""One report of all mistakes before the first step, and switches for its checks."""

import json

import pytest
from mmengine.config import Config

from mmgroupmix.apis.checks import check_run, find_mistakes
from mmgroupmix.apis.config.mistakes import MistakeReport
from mmgroupmix.apis.tasks import SEGMENTATION
from mmgroupmix.checks import CHECKS
from mmgroupmix.errors import UserError

from ...commands import REPOSITORY, run_tool
from ..data_scan.test_built_scan import grid, label_maps
from ..data_scan.test_coco_scan import coco, write


def seg_config(folder, **changes):
    """A config for label maps with a few mistakes at once."""
    data = label_maps(folder, grid(0, 1), grid(0, 7))
    norm = dict(type='BN')
    loss = dict(type='CrossEntropyLoss', use_sigmoid=True)
    head = dict(type='PSPHead', num_classes=1, norm_cfg=norm, loss_decode=loss)
    loader = dict(batch_size=1, num_workers=0, persistent_workers=True, dataset=data)
    return Config(
        dict(
            default_scope='mmseg',
            model=dict(decode_head=head),
            train_dataloader=loader,
            train_cfg=dict(max_iters=1),
            optim_wrapper={},
            **changes,
        )
    )


@pytest.mark.smoke
def test_all_mistakes_are_in_one_report(tmp_path, capsys):
    with pytest.raises(UserError) as raised:
        check_run(seg_config(tmp_path), SEGMENTATION, ('train', 'val'))
    lines = str(raised.value).splitlines()
    assert lines[0] == '3 things to correct before this run:'
    for line, part in zip(lines[1:], ('persistent_workers', 'label 7 in', 'PSPHead')):
        assert part in line
    table = capsys.readouterr().out
    assert 'train   BaseSegDataset   2        2' in table
    assert 'soil 66.7 %, plant 33.3 %' in table


@pytest.mark.smoke
def test_each_check_can_be_switched_off_by_its_name(tmp_path):
    names = ['label-range', 'batch-norm']
    cfg = seg_config(tmp_path, skip_checks=names)
    report, _ = find_mistakes(cfg, SEGMENTATION, ('train',))
    (error,) = report.errors
    assert 'persistent_workers' in error
    report = MistakeReport(CHECKS)
    for name in CHECKS:
        report.add_error(name, 'x')
        report.add_warning(name, 'x')
    assert not report.errors and not report.warnings


@pytest.mark.smoke
def test_nothing_is_counted_without_the_scan(tmp_path):
    cfg = seg_config(tmp_path, skip_checks=['data-scan'])
    _, rows = find_mistakes(cfg, SEGMENTATION, ('train',))
    assert rows == []


def test_train_reports_names_and_heads_together_and_writes_nothing(tmp_path):
    for name in ('train', 'val'):
        write(tmp_path, name, coco())
    options = [
        f'{mode}_dataloader.dataset.{key}={value}'
        for mode in ('train', 'val')
        for key, value in (
            ('data_root', './'),
            ('ann_file', f'{mode}.json'),
            ('data_prefix.img', f'{mode}/'),
            ('metainfo.classes', "['quince','medlr','plum']"),
        )
    ]
    options += ['val_evaluator.ann_file=val.json', 'train_dataloader.num_workers=0']
    config = REPOSITORY / 'configs' / 'retinanet_poolformer_s12_coco.py'
    result = run_tool('train.py', config, '--cfg-options', *options, cwd=tmp_path)
    assert result.returncode == 2
    assert 'error: 3 things to correct before this run:' in result.stderr
    assert 'medlar   (did you mean this?)' in result.stderr
    assert 'model.bbox_head.num_classes is 80' in result.stderr
    assert 'persistent_workers is True, which needs worker' in result.stderr
    assert 'Traceback' not in result.stderr
    assert not (tmp_path / 'work_dirs').exists()
    assert json.loads((tmp_path / 'train.json').read_text()) == coco()
