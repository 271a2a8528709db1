"""Wrong arguments are named before anything is written, and the script passes them on."""

import runpy
import sys
from pathlib import Path

import numpy as np
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
from mmgroupmix.mini_data.manifest import read_manifest

from .datasets import SIZES, make_recipe

SCRIPT = Path(__file__).parents[2] / 'tools' / 'make_mini_dataset.py'


@pytest.mark.parametrize(
    'write, arguments, message',
    [
        (write_mini_coco, dict(num_classes=0), 'num_classes=0, .* at least 1'),
        (write_mini_ade20k, dict(num_classes=1), 'num_classes=1, .* at least 2'),
        (write_mini_imagenet, dict(num_classes=-3), 'num_classes=-3, .* at least 1'),
        (write_mini_coco, dict(num_train=0), 'num_train=0, .* at least 1'),
        (
            write_mini_imagenet,
            dict(num_val=9),
            'num_val=9, .* at least 10. Give at least one image per class',
        ),
        (write_mini_coco, dict(min_size=8), 'min_size=8, .* at least 32'),
        (write_mini_coco, dict(min_size=400), 'max_size=320, .* at least min_size=400'),
        (write_mini_coco, dict(seed=-1), 'seed=-1, .* at least 0'),
    ],
)
def test_a_number_out_of_range_is_reported_with_the_smallest_allowed_one(
    write, arguments, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / 'set', **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_is_not_an_integer_is_rejected(tmp_path):
    with pytest.raises(TypeError, match='num_train=1.5, expected an integer'):
        write_mini_coco(tmp_path / 'set', num_train=1.5)


@pytest.mark.parametrize('layout', ['ade20k', 'coco', 'imagenet'])
def test_other_integer_types_and_unused_classes_make_no_difference(layout):
    as_numpy = make_recipe(layout, num_train=np.int64(12), num_val=np.int32(12), **SIZES)
    assert as_numpy == make_recipe(layout, num_train=12, num_val=12, **SIZES)
    assert type(as_numpy.num_train) is int
    if layout != 'coco':
        assert as_numpy == make_recipe(
            layout, num_train=12, num_val=12, num_classes=1000, **SIZES
        )


def test_there_are_as_many_colours_as_classes_and_all_are_distinct():
    assert len(set(SEG_CLASSES)) == len(set(SEG_PALETTE)) == len(SEG_PALETTE) == 11
    assert len(set(DET_CLASSES)) == len(set(DET_PALETTE)) == len(DET_PALETTE) == 10
    for layout in ('ade20k', 'coco', 'imagenet'):
        for num_classes in (None, 2, 80):
            metainfo = mini_metainfo(layout, num_classes)
            assert len(metainfo['classes']) == len(metainfo['palette'])


def test_a_class_has_the_same_colour_in_every_layout():
    def colors(layout, num_classes=None):
        metainfo = mini_metainfo(layout, num_classes)
        return dict(zip(metainfo['classes'], metainfo['palette']))

    detection = colors('coco')
    assert list(detection) == [f'digit {digit}' for digit in range(10)]
    assert colors('imagenet') == detection
    segmentation = colors('ade20k')
    assert next(iter(segmentation)) == 'background'
    assert segmentation.items() - detection.items() == {('background', (80, 80, 80))}
    assert detection.items() <= segmentation.items()
    for layout, all_colors in (('coco', detection), ('ade20k', segmentation)):
        assert list(colors(layout, 4).items()) == list(all_colors.items())[:4]


def test_detection_names_the_outputs_that_no_digit_uses():
    classes = mini_metainfo('coco', 12)['classes']
    assert classes == (*DET_CLASSES, 'unused 10', 'unused 11')


@pytest.mark.parametrize(
    'layout, num_classes, message',
    [
        ('pose', 10, "layout='pose', expected one of 'ade20k', 'coco', 'imagenet'"),
        ('ade20k', 1, 'num_classes=1, .* at least 2'),
        ('coco', 0, 'num_classes=0, .* at least 1'),
    ],
)
def test_an_unknown_layout_or_number_of_classes_is_rejected(layout, num_classes, message):
    with pytest.raises(ValueError, match=message):
        mini_metainfo(layout, num_classes)


def run_script(monkeypatch, *arguments):
    # As `python tools/make_mini_dataset.py` does, for the modules next to the script.
    monkeypatch.syspath_prepend(SCRIPT.parent)
    monkeypatch.setattr(sys, 'argv', [str(SCRIPT), *map(str, arguments)])
    runpy.run_path(str(SCRIPT), run_name='__main__')


@pytest.mark.parametrize(
    'layout, folder',
    [('ade20k', 'images/training'), ('coco', 'train2017'), ('imagenet', 'train/digit_0')],
)
def test_the_script_passes_every_option_on_and_reports_the_dataset(
    layout, folder, tmp_path, monkeypatch, capsys
):
    root = tmp_path / 'set'
    arguments = dict(
        num_train=3, num_val=2, num_classes=2, min_size=64, max_size=65, seed=4
    )
    options = [(f'--{name.replace("_", "-")}', n) for name, n in arguments.items()]
    run_script(monkeypatch, layout, root, *(part for pair in options for part in pair))
    output = capsys.readouterr().out
    assert f'{root}: 3 training and 2 validation images' in output
    assert any((root / folder).iterdir())
    assert read_manifest(root) == dict(version=1, kind=layout, **arguments)


def test_the_script_reports_a_folder_with_other_files(tmp_path, monkeypatch):
    (tmp_path / 'mine').write_text('mine')
    with pytest.raises(SystemExit, match='not a mini dataset'):
        run_script(monkeypatch, 'coco', tmp_path)
