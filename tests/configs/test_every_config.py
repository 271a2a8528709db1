"""What holds for every config, whatever its task."""

import ast
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from .experiments import CONFIGS, REPOSITORY, num_parameters, read

FILES = sorted(CONFIGS.rglob('*.py'))
EXPERIMENTS = [path for path in FILES if '_base_' not in path.parts]


@pytest.mark.smoke
def test_every_experiment_has_its_recipe_checked():
    # Each test_..._configs.py lists the experiments that it is about.
    covered = {
        name
        for path in Path(__file__).parent.glob('test_*_configs.py')
        for name in import_module(f'.{path.stem}', __package__).COVERED
    }
    assert covered == {path.stem for path in EXPERIMENTS}


@pytest.mark.smoke
@pytest.mark.parametrize('path', EXPERIMENTS, ids=[path.stem for path in EXPERIMENTS])
def test_an_experiment_is_short_and_says_in_one_line_what_it_is(path):
    text = path.read_text()
    assert '\n' not in ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 40


@pytest.mark.smoke
@pytest.mark.parametrize('path', FILES, ids=[path.stem for path in FILES])
def test_a_config_inherits_from_no_other_package(path):
    assert '::' not in path.read_text()


@pytest.mark.smoke
@pytest.mark.parametrize('path', EXPERIMENTS, ids=[path.stem for path in EXPERIMENTS])
def test_a_config_registers_the_package_and_checks_and_draws(path):
    cfg = read(path.relative_to(CONFIGS).with_suffix(''))
    assert cfg.custom_imports.imports == ['mmgroupmix']
    assert {hook.type for hook in cfg.custom_hooks} == {
        'mmgroupmix.CurveHook',
        'mmgroupmix.ClassNumCheckHook',
    }
    assert (
        cfg.default_hooks.checkpoint.save_best
        == dict(mmseg='mIoU', mmdet='coco/bbox_mAP', mmpretrain='accuracy/top1')[
            cfg.default_scope
        ]
    )
    assert cfg.default_hooks.checkpoint.max_keep_ckpts == 2


def test_the_model_index_counts_the_parameters_of_every_model():
    index = yaml.safe_load((REPOSITORY / 'model-index.yml').read_text())
    stated = {model['Name']: model['Metadata']['Parameters'] for model in index['Models']}
    assert stated == {name: num_parameters(read(name)) for name in stated}
