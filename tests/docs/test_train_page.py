"""The page on training: its configs, and the files that it asks the reader for."""

import argparse
import re

import pytest
from mmengine.config import Config
from mmengine.registry import HOOKS

from mmgroupmix.apis import test as evaluate
from mmgroupmix.apis import train

from .pages import REPOSITORY, expand_braces, find_code, read_page

pytestmark = pytest.mark.smoke

PAGE = read_page('train')
HOOK_CONFIG, EXPERIMENT = find_code(PAGE)
CONFIGS = REPOSITORY / 'configs'


def test_the_hooks_of_the_page_are_those_that_the_configs_have():
    cfg = Config.fromstring(HOOK_CONFIG, '.py')
    experiment = Config.fromfile(CONFIGS / 'upernet_gmf_b_ade20k.py')
    assert cfg.custom_hooks == experiment.custom_hooks
    assert cfg.custom_imports == experiment.custom_imports
    for hook in cfg.custom_hooks:
        HOOKS.build(hook)


def test_the_config_of_the_page_is_the_one_that_it_names(tmp_path):
    (name,) = re.findall(r'The name of a file .*: `(\w+\.py)`', PAGE)
    (tmp_path / '_base_').symlink_to(CONFIGS / '_base_')
    (tmp_path / name).write_text(EXPERIMENT)
    ours = Config.fromfile(CONFIGS / name)
    assert Config.fromfile(tmp_path / name).to_dict() == ours.to_dict()


def test_the_weights_of_the_page_are_those_that_the_configs_load():
    (pattern,) = re.findall('^pretrained/.*', PAGE, re.MULTILINE)
    used = {
        found
        for path in CONFIGS.glob('*_gmf_*.py')
        for found in re.findall("'(pretrained/.*?)'", path.read_text())
    }
    assert set(expand_braces(pattern)) == used


def test_the_page_has_every_folder_of_bases():
    rows = re.findall(r'^\| `(\w+)/` \|', PAGE, re.MULTILINE)
    assert set(rows) == {path.name for path in (CONFIGS / '_base_').iterdir()}


def test_the_page_has_the_data_folders_of_the_configs():
    found = set()
    for path in (CONFIGS / '_base_' / 'datasets').glob('*.py'):
        found.update(re.findall(r"data_root = '(data/.*?)/?'", path.read_text()))
    assert len(found) == 7
    assert all(re.search(f'^{folder}/', PAGE, re.MULTILINE) for folder in found)


@pytest.mark.parametrize('command', [train, evaluate])
def test_the_page_has_every_option(command):
    name = command.__name__.rpartition('.')[2]
    table = PAGE.partition(f'| option of `{name}.py` |')[2].partition('\n## ')[0]
    actions = command._build_parser()._option_string_actions.items()
    known = {name for name, action in actions if action.help != argparse.SUPPRESS}
    named = set(re.findall(r'`(--[\w-]+)[ `]', table))
    assert known - {'-h', '--help'} <= named
