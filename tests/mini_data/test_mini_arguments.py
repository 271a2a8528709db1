"""Wrong arguments are named, before anything is written; the script passes them on."""

import runpy
import sys
from pathlib import Path

import pytest

from mmgroupmix.mini_data import (
    DET_CLASSES,
    DET_PALETTE,
    SEG_CLASSES,
    SEG_PALETTE,
    mini_metainfo,
    write_mini_ade20k,
    write_mini_coco,
    write_mini_imagenet,
)

SCRIPT = Path(__file__).parents[2] / 'tools' / 'make_mini_dataset.py'


@pytest.mark.parametrize(
    'write, arguments, message',
    [
        (write_mini_coco, dict(num_classes=0), 'num_classes is 0; it must be 1 or more'),
        (
            write_mini_ade20k,
            dict(num_classes=1),
            'num_classes is 1; it must be 2 or more',
        ),
        (write_mini_imagenet, dict(num_classes=-3), 'num_classes is -3'),
        (write_mini_coco, dict(num_train=0), 'num_train is 0; it must be 1 or more'),
        (write_mini_imagenet, dict(num_val=9), 'num_val is 9; it must be 10 or more'),
        (write_mini_coco, dict(min_size=8), 'min_size is 8; it must be 32 or more'),
        (write_mini_coco, dict(min_size=400), 'max_size is 320, less than min_size=400'),
        (write_mini_coco, dict(seed=-1), 'seed is -1'),
    ],
)
def test_a_number_out_of_range_is_named_with_what_is_allowed(
    write, arguments, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / 'set', **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_is_not_whole_is_refused(tmp_path):
    with pytest.raises(TypeError, match='num_train is 1.5; it must be a whole number'):
        write_mini_coco(tmp_path / 'set', num_train=1.5)


def test_classes_and_colours_are_as_many_and_all_distinct():
    assert len(set(SEG_CLASSES)) == len(set(SEG_PALETTE)) == len(SEG_PALETTE) == 11
    assert len(set(DET_CLASSES)) == len(set(DET_PALETTE)) == len(DET_PALETTE) == 10
    for layout in ('ade20k', 'coco', 'imagenet'):
        for num_classes in (None, 2, 80):
            metainfo = mini_metainfo(layout, num_classes)
            assert len(metainfo['classes']) == len(metainfo['palette'])


def test_detection_names_the_outputs_that_no_digit_uses():
    classes = mini_metainfo('coco', 12)['classes']
    assert classes == (*DET_CLASSES, 'unused 10', 'unused 11')


@pytest.mark.parametrize(
    'layout, num_classes, message',
    [
        ('pose', 10, "layout='pose', expected one of 'ade20k', 'coco', 'imagenet'"),
        ('ade20k', 1, 'num_classes is 1; it must be 2 or more'),
        ('coco', 0, 'num_classes is 0; it must be 1 or more'),
    ],
)
def test_metainfo_names_what_it_cannot_serve(layout, num_classes, message):
    with pytest.raises(ValueError, match=message):
        mini_metainfo(layout, num_classes)


def run_script(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', [str(SCRIPT), *map(str, arguments)])
    runpy.run_path(str(SCRIPT), run_name='__main__')


@pytest.mark.parametrize(
    'layout, folder',
    [('ade20k', 'images/training'), ('coco', 'train2017'), ('imagenet', 'train/digit_0')],
)
def test_the_script_writes_a_set_and_says_where_and_how_many(
    layout, folder, tmp_path, monkeypatch, capsys
):
    root = tmp_path / 'set'
    run_script(
        monkeypatch,
        layout,
        root,
        '--num-train',
        3,
        '--num-val',
        2,
        '--seed',
        4,
        '--num-classes',
        2,
        '--min-size',
        64,
        '--max-size',
        64,
    )
    said = capsys.readouterr().out
    assert f'{root}: 3 training and 2 validation images' in said
    assert any((root / folder).iterdir())


def test_the_script_says_why_it_refuses(tmp_path, monkeypatch):
    (tmp_path / 'mine').write_text('mine')
    with pytest.raises(SystemExit, match='not a mini data set'):
        run_script(monkeypatch, 'coco', tmp_path)
