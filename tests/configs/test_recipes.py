"""The ledger of recipes and the effective configs say the same.

The ledger states each value with its source. A setting that only a config has is as wrong
as another value. Heads from a toolbox's own config are compared with the installed one.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest
from mmengine.config import Config

from mmgroupmix.apis.recipe import main
from mmgroupmix.apis.recipes.describe import describe_recipe
from mmgroupmix.apis.recipes.ledger import KINDS, read_ledger
from mmgroupmix.apis.recipes.table import format_value
from mmgroupmix.errors import UserError

from ..commands import shipped_config
from .experiments import CONFIGS, REPOSITORY, read

LEDGER = read_ledger(CONFIGS / 'recipes')
EXPERIMENTS = {
    path.stem: str(path.relative_to(CONFIGS).with_suffix(''))
    for folder in (CONFIGS, CONFIGS / 'ablations')
    for path in folder.glob('*.py')
}


def test_every_experiment_is_in_the_ledger():
    assert LEDGER.keys() == EXPERIMENTS.keys()


@pytest.mark.parametrize('name', EXPERIMENTS)
def test_every_setting_has_the_value_of_the_ledger(name):
    recipe = describe_recipe(read(EXPERIMENTS[name]))
    assert recipe == {key: line.value for key, line in LEDGER[name].items()}


def test_every_value_has_a_source():
    for lines in LEDGER.values():
        for line in lines.values():
            assert line.kind in KINDS and len(line.source) > 5


def without(value, *keys):
    """A part of a config without some keys at any depth."""
    if isinstance(value, dict):
        return {k: without(v, *keys) for k, v in value.items() if k not in keys}
    if isinstance(value, (list, tuple)):
        return [without(item, *keys) for item in value]
    return value


# Heads that the ledger takes from a toolbox's own config.
TOOLBOX_HEADS = [
    ('mask_rcnn_gmf_t_coco', 'mmdet', 'mask-rcnn_r50_fpn', ['rpn_head', 'roi_head']),
    ('retinanet_gmf_t_coco', 'mmdet', 'retinanet_r50_fpn', ['bbox_head']),
    ('faster_rcnn_r50_ea_coco', 'mmdet', 'faster-rcnn_r50_fpn', ['rpn_head', 'roi_head']),
    (
        'cascade_rcnn_r50_ea_coco',
        'mmdet',
        'cascade-rcnn_r50_fpn',
        ['rpn_head', 'roi_head'],
    ),
    (
        'cascade_mask_rcnn_r50_ea_coco',
        'mmdet',
        'cascade-mask-rcnn_r50_fpn',
        ['rpn_head', 'roi_head'],
    ),
    ('upernet_gmf_b_ade20k', 'mmseg', 'upernet_r50', ['decode_head', 'auxiliary_head']),
    ('sem_fpn_gmf_b_ade20k', 'mmseg', 'fpn_r50', ['decode_head']),
]
ON_PURPOSE = ('in_channels', 'num_classes')


@pytest.mark.parametrize('name, toolbox, file, heads', TOOLBOX_HEADS)
def test_heads_are_those_of_the_toolbox(name, toolbox, file, heads):
    folder = Path(find_spec(toolbox).origin).parent / '.mim' / 'configs' / '_base_'
    theirs = Config.fromfile(folder / 'models' / f'{file}.py').model.to_dict()
    for head in heads:
        ours = LEDGER[name][head.replace('_', ' ')].value
        # YAML knows lists only.
        assert without(ours, *ON_PURPOSE) == without(theirs[head], *ON_PURPOSE)


@pytest.mark.parametrize(
    'name, file',
    [
        ('faster_rcnn_r50_ea_coco', 'coco_detection'),
        ('mask_rcnn_gmf_t_1x_coco', 'coco_instance'),
    ],
)
def test_images_at_one_scale_are_prepared_as_in_the_toolbox(name, file):
    folder = Path(find_spec('mmdet').origin).parent / '.mim' / 'configs' / '_base_'
    theirs = Config.fromfile(folder / 'datasets' / f'{file}.py').train_dataloader
    ours = LEDGER[name]['training pipeline'].value
    assert without(ours, 'backend_args') == without(
        theirs.dataset.to_dict()['pipeline'], 'backend_args'
    )
    assert LEDGER[name]['batch size per device'].value == theirs.batch_size


@pytest.mark.parametrize(
    'part, message',
    [
        ('{parts: [absent]}', "recipe of a: unknown part 'absent'"),
        ('{base: absent}', "recipe of a: unknown base 'absent'"),
        ('{settings: {length: {value: 3}}}', 'recipe of a: length has .*value.*expected'),
        (
            '{settings: {length: {value: 3, kind: guess, source: mine}}}',
            'a kind of paper, code, toolbox, ours',
        ),
    ],
)
def test_a_ledger_with_an_incomplete_line_is_refused(part, message, tmp_path):
    (tmp_path / 'a.yml').write_text(f'experiments: {{a: {part}}}')
    with pytest.raises(UserError, match=message):
        read_ledger(tmp_path)


@pytest.mark.parametrize(
    'name, lr, schedule',
    [
        (
            'mmdet/retinanet/retinanet_r50_fpn_1x_coco.py',
            0.01,
            'times 0.1 after [8, 11], epochs 0 to 12',
        ),
        (
            'mmseg/upernet/upernet_r18_4xb4-20k_voc12aug-512x512.py',
            0.01,
            'poly 0.9 to 0.0001, iterations 0 to 20000',
        ),
        (
            'mmpretrain/resnet/resnet50_8xb32_in1k.py',
            0.1,
            'times 0.1 after [30, 60, 90], epochs 0 to the last',
        ),
    ],
)
def test_configs_of_the_toolboxes_are_described_too(name, lr, schedule):
    recipe = describe_recipe(Config.fromfile(shipped_config(name)))
    assert (recipe['learning rate'], recipe['schedule']) == (lr, schedule)


def table(output):
    """The rows of a printed table, each a list of cells."""
    lines = [line for line in output.splitlines() if line.startswith('| ')]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]


def test_the_command_prints_values_with_their_sources(capsys):
    assert main([str(CONFIGS / 'gmf_t_in1k.py')]) == 0
    header, *rows = table(capsys.readouterr().out)
    assert header == ['setting', 'value', 'kind', 'source']
    printed = {name: cells for name, *cells in rows}
    assert printed.keys() == LEDGER['gmf_t_in1k'].keys()
    line = LEDGER['gmf_t_in1k']['learning rate']
    assert printed['learning rate'] == ['0.001', line.kind, line.source]


def test_a_changed_value_has_no_source(tmp_path, capsys):
    config = tmp_path / 'gmf_t_in1k.py'
    config.write_text(
        f"_base_ = '{CONFIGS / 'gmf_t_in1k.py'}'\n"
        'optim_wrapper = dict(clip_grad=dict(max_norm=1.0))\n'
    )
    (tmp_path / 'recipes').symlink_to(CONFIGS / 'recipes')
    assert main([str(config)]) == 0
    printed = {name: cells for name, *cells in table(capsys.readouterr().out)}
    assert printed['gradient clipping'] == ['(max_norm=1.0)', '', '']
    assert printed['learning rate'][1] == LEDGER['gmf_t_in1k']['learning rate'].kind


def test_two_experiments_are_compared_setting_by_setting(capsys):
    small, large = (str(CONFIGS / f'gmf_s_in1k{end}.py') for end in ('', '_384'))
    assert main([small, '--diff', large]) == 0
    header, *rows = table(capsys.readouterr().out)
    assert header == ['setting', 'gmf_s_in1k', 'gmf_s_in1k_384']
    printed = {name: cells for name, *cells in rows}
    assert printed['length'] == ['300 epochs', '30 epochs']
    one, other = LEDGER['gmf_s_in1k'], LEDGER['gmf_s_in1k_384']
    assert printed.keys() == {k for k in one if one[k].value != other[k].value}


def test_a_config_that_does_not_exist_is_named(capsys):
    assert main(['absent.py']) == 2
    assert 'config file not found: absent.py' in capsys.readouterr().err


def test_several_optimizers_are_refused(tmp_path, capsys):
    config = tmp_path / 'two.py'
    config.write_text(
        f"_base_ = '{CONFIGS / 'gmf_t_in1k.py'}'\n"
        'optim_wrapper = dict(_delete_=True, generator=dict(), discriminator=dict())\n'
    )
    assert main([str(config)]) == 2
    message = 'optim_wrapper has generator, discriminator, expected one optimizer'
    assert message in capsys.readouterr().err


def test_the_page_holds_the_ledger_as_it_is(tmp_path):
    page = tmp_path / 'reproduce.md'
    committed = (REPOSITORY / 'docs' / 'reproduce.md').read_text()
    page.write_text(committed)
    assert main(['--write', str(page)]) == 0
    assert page.read_text() == committed


def test_the_page_states_value_kind_and_source_of_every_line():
    page = (REPOSITORY / 'docs' / 'reproduce.md').read_text()
    rows = {tuple(row) for row in table(page)}
    lines = [(name, line) for r in LEDGER.values() for name, line in r.items()]
    missing = [
        (name, line)
        for name, line in lines
        if (name, format_value(line.value), line.kind, line.source) not in rows
    ]
    assert not missing


def test_a_page_without_markers_is_left_alone(tmp_path, capsys):
    page = tmp_path / 'notes.md'
    page.write_text('mine')
    assert main(['--write', str(page)]) == 2
    assert 'notes.md is not a page for recipes' in capsys.readouterr().err
    assert page.read_text() == 'mine'
