"""Properties of all configs, whatever their task."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

from mmgroupmix.model_index import read_models

from .experiments import CONFIGS, num_parameters, read

FILES = sorted(CONFIGS.rglob('*.py'))
MODELS = read_models()
EXPERIMENTS = [path for path in FILES if '_base_' not in path.parts]


@pytest.mark.smoke
def test_the_recipe_of_every_experiment_is_checked():
    # Each test_..._configs.py lists the experiments that it checks.
    covered = {
        name
        for path in Path(__file__).parent.glob('test_*_configs.py')
        for name in import_module(f'.{path.stem}', __package__).COVERED
    }
    assert covered == {path.stem for path in EXPERIMENTS}


@pytest.mark.smoke
@pytest.mark.parametrize('path', EXPERIMENTS, ids=[path.stem for path in EXPERIMENTS])
def test_an_experiment_is_short_and_has_a_docstring_of_one_line(path):
    text = path.read_text()
    assert '\n' not in ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 40


@pytest.mark.smoke
@pytest.mark.parametrize('path', FILES, ids=[path.stem for path in FILES])
def test_no_config_inherits_from_another_package(path):
    assert '::' not in path.read_text()


@pytest.mark.smoke
@pytest.mark.parametrize('path', EXPERIMENTS, ids=[path.stem for path in EXPERIMENTS])
def test_an_experiment_registers_the_package_and_its_hooks_and_keeps_the_best(path):
    cfg = read(path.relative_to(CONFIGS).with_suffix(''))
    assert cfg.custom_imports.imports == ['mmgroupmix']
    hooks = [hook.type for hook in cfg.custom_hooks]
    assert hooks[:2] == ['mmgroupmix.ClassNumCheckHook', 'mmgroupmix.CurveHook']
    assert hooks[2:] == ['SyncBuffersHook'] * ('batchnorm' in path.stem)
    scores = dict(
        mmseg='mIoU',
        mmdet='coco/bbox_mAP',
        mmpretrain='accuracy/top1',
        modelnet40='accuracy/overall',
        shapenetpart='pIoU/instance',
    )
    key = cfg.default_scope
    if key == 'mmengine':  # this package's own models
        key = path.stem.rpartition('_')[2]
    # The name of FID says how many images it is of.
    expected = 'auto' if 'generator' in cfg.model else scores[key]
    assert cfg.default_hooks.checkpoint.save_best == expected
    assert cfg.default_hooks.checkpoint.max_keep_ckpts == 2


@pytest.mark.parametrize('model', MODELS, ids=[model['Name'] for model in MODELS])
def test_the_model_index_states_the_parameters_of_a_model(model):
    cfg = read(model['Config'].removeprefix('configs/').removesuffix('.py'))
    assert model['Metadata']['Parameters'] == num_parameters(cfg)


@pytest.mark.smoke
def test_the_model_index_lists_every_experiment_under_its_name():
    listed = {model['Name']: model['Config'] for model in MODELS}
    assert len(listed) == len(MODELS)
    assert listed == {
        path.stem: f'configs/{path.relative_to(CONFIGS)}' for path in EXPERIMENTS
    }
