"""Names of models in the toolboxes, and calls after an import."""

import importlib
import inspect
import sys

import pytest

from mmgroupmix.compat.after_import import call_after_import
from mmgroupmix.model_index import read_models


@pytest.mark.smoke
def test_mmpretrain_lists_the_classifiers_and_only_them():
    mmpretrain = pytest.importorskip('mmpretrain')
    ours = {model['Name'] for model in read_models('mmpretrain')}
    others = {model['Name'] for model in read_models()} - ours
    listed = set(mmpretrain.list_models())
    assert ours < listed
    assert not others & listed
    assert 'gmf_t_in1k' in mmpretrain.list_models('*gmf*', task='Image Classification')


def test_mmpretrain_builds_a_classifier_by_name():
    mmpretrain = pytest.importorskip('mmpretrain')
    model = mmpretrain.get_model('gmf_m_in1k')
    assert type(model.backbone).__name__ == 'GroupMixFormer'
    assert model.head.fc.out_features == 1000


@pytest.mark.smoke
@pytest.mark.parametrize('toolbox', ['mmdet', 'mmseg'])
def test_the_inferencers_of_a_toolbox_list_its_models_and_keep_their_own(toolbox):
    pytest.importorskip(f'{toolbox}.apis')
    from mmengine.infer import BaseInferencer

    listed = BaseInferencer.list_models(toolbox)
    ours = [model['Name'] for model in read_models(toolbox)]
    assert listed[-len(ours) :] == ours
    assert len(listed) > 2 * len(ours)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module that can be imported and has not been."""
    (tmp_path / 'imported_later.py').write_text('VALUE = 1\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, 'meta_path', list(sys.meta_path))
    yield 'imported_later'
    sys.modules.pop('imported_later', None)


@pytest.mark.smoke
def test_a_function_is_called_once_when_the_module_has_been_imported(module):
    seen = []
    call_after_import(module, lambda found: seen.append(found.VALUE))
    assert seen == []
    found = importlib.import_module(module)
    importlib.import_module(module)
    assert seen == [1]
    assert inspect.getsource(found) == 'VALUE = 1\n'


@pytest.mark.smoke
def test_a_function_is_called_at_once_for_a_module_that_has_been_imported(module):
    imported = importlib.import_module(module)
    seen = []
    call_after_import(module, seen.append)
    assert seen == [imported]


@pytest.mark.smoke
def test_waiting_for_a_missing_module_does_not_change_its_error(module):
    call_after_import('not_installed_anywhere', lambda found: None)
    with pytest.raises(ModuleNotFoundError, match='not_installed_anywhere'):
        importlib.import_module('not_installed_anywhere')
