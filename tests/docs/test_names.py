"""Configs, commands, options and registered names that the documentation mentions."""

import re
import runpy
import shlex
import sys
from functools import cache, partial
from importlib import import_module

import pytest
import tomllib

from mmgroupmix.registry import HOOKS, MODELS, OPTIM_WRAPPER_CONSTRUCTORS, TOKEN_MIXERS

from .pages import (
    ALL_PAGES,
    CHINESE_README,
    README,
    REPOSITORY,
    expand_braces,
    find_code,
    find_inline_code,
    find_tables,
    read_page,
)

pytestmark = pytest.mark.smoke

CONFIGS = REPOSITORY / 'configs'
EXPERIMENTS = {
    path.relative_to(CONFIGS).as_posix()
    for path in CONFIGS.rglob('*.py')
    if '_base_' not in path.parts
}
# Experiments end with their dataset; files that a reader writes do not.
EXPERIMENT = re.compile(
    r'[\w/*{},]+_(?:in1k|ade20k|coco|cityscapes|voc|cifar10|imagenet|modelnet40|'
    r'shapenetpart)[\w*]*\.py'
)
# These belong to the reader or to a toolbox, or stand for such files.
NOT_OURS = re.compile('work_dirs/|mmdetection/|mmsegmentation/|mmpretrain/|METHOD_')

SCRIPTS = tomllib.loads((REPOSITORY / 'pyproject.toml').read_text())['project']['scripts']
MAKEFILE = (REPOSITORY / 'Makefile').read_text()


def named_experiments(text):
    """The experiments that each name or pattern in a text stands for."""
    for found in EXPERIMENT.findall(text):
        if NOT_OURS.search(found):
            continue
        pattern = found.partition('configs/')[2] or found
        for name in expand_braces(pattern):
            yield (
                name,
                {path.relative_to(CONFIGS).as_posix() for path in CONFIGS.glob(name)},
            )


@pytest.mark.parametrize('path', ALL_PAGES, ids=[path.name for path in ALL_PAGES])
def test_every_config_that_a_page_names_exists(path):
    # Sources of recipes name files of the toolboxes.
    written = re.compile('<!-- recipes.*<!-- end of the recipes -->', re.DOTALL)
    text = written.sub('', path.read_text('utf-8'))
    text = re.sub(r"'mm(?:detection|segmentation)/[^']*'", '', text)
    # Pages name tests, too.
    text = re.sub(r'[\w/]*\btest_\w+\.py', '', text)
    for name, experiments in named_experiments(text):
        assert experiments, name


@pytest.mark.parametrize('page', ['README', 'reproduce'])
def test_the_readme_and_the_page_on_experiments_cover_every_config(page):
    text = README.read_text('utf-8') if page == 'README' else read_page(page)
    covered = [experiments for _, experiments in named_experiments(text)]
    assert set().union(*covered) == EXPERIMENTS


def commands():
    """Every command in the documentation, without comments, as a list of words."""
    for path in ALL_PAGES:
        for code in find_code(path.read_text('utf-8'), 'bash'):
            for line in code.replace('\\\n', ' ').splitlines():
                words = shlex.split(line, comments=True)
                if words:
                    yield path.name, words


@pytest.fixture
def help_of(capsys, monkeypatch):
    """A function: what a command prints for --help, None if it is not one of ours."""
    monkeypatch.syspath_prepend(REPOSITORY / 'tools')  # as for a script that is started
    monkeypatch.setattr(sys, 'argv', ['', '--help'])

    @cache
    def help_of(script):
        name = script.removeprefix('mmgroupmix/')
        if name in SCRIPTS:
            main = import_module(SCRIPTS[name].partition(':')[0]).main
        elif name.startswith('tools/'):
            assert (REPOSITORY / name).is_file(), name
            # Scripts pass options on to the command that is named last.
            name = re.sub(r'\w+_(\w+)\.sh$', r'\1.py', name)
            main = partial(runpy.run_path, str(REPOSITORY / name), run_name='__main__')
        else:
            assert not name.startswith('mmgroupmix-'), script
            return None
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().out

    return help_of


def test_the_scripts_and_options_of_every_command_exist(help_of):
    num_checked = 0
    for page, words in commands():
        script = next((w for w in words if re.search(r'tools/|mmgroupmix-', w)), None)
        text = script and help_of(script)
        if not text:
            continue
        options = [w for w in words[words.index(script) :] if w.startswith('--')]
        for option in options:
            assert option in text, (page, script, option)
        num_checked += 1
    assert num_checked > 20


def test_every_make_target_exists_with_its_variables():
    targets = [words[1:] for _, words in commands() if words[0] == 'make']
    assert len(targets) > 5
    named = [
        code.split()[1:]
        for path in ALL_PAGES
        for code in find_inline_code(path.read_text('utf-8'))
        if re.match(r'make \w', code)
    ]
    for target, *variables in targets + named:
        assert re.search(rf'^{target}:', MAKEFILE, re.MULTILINE), target
        for variable in variables:
            assert re.search(
                rf'^{variable.partition("=")[0]} \?=', MAKEFILE, re.MULTILINE
            )


def test_the_installed_commands_of_the_readme_are_those_of_the_package():
    for path in README, CHINESE_README:
        (code,) = (c for c in find_code(path.read_text('utf-8'), 'bash') if 'infer' in c)
        named = dict.fromkeys(re.findall(r'^mmgroupmix-\w+', code, re.MULTILINE))
        assert list(named) == list(SCRIPTS)


@pytest.mark.parametrize(
    'page, scripts',
    [
        ('train', ['tools/train.py', 'tools/test.py']),
        ('inference', ['tools/infer.py']),
    ],
)
def test_the_tables_of_options_are_complete(page, scripts, help_of):
    text = read_page(page)
    listed = {
        option
        for table in find_tables(text)
        if table[0][0].startswith('option')
        for row in table[1:]
        for option in re.findall(r'--[\w-]+', row[0])
    }
    helps = ''.join(help_of(script) for script in scripts)
    accepted = set(re.findall(r'^ +(?:-h, )?(--[\w-]+)', helps, re.MULTILINE))
    assert listed == accepted - {'--help'}


def test_every_registered_name_in_a_code_block_exists():
    code = [code for path in ALL_PAGES for code in find_code(path.read_text('utf-8'))]
    names = {n for block in code for n in re.findall(r"'mmgroupmix\.([A-Z]\w+)'", block)}
    assert len(names) >= 5
    registries = MODELS, HOOKS, OPTIM_WRAPPER_CONSTRUCTORS
    for name in names:
        assert any(name in registry.module_dict for registry in registries), name
    MODELS.import_from_location()
    mixers = {n for block in code for n in re.findall(r"type='(\w+Attention)'", block)}
    assert mixers <= {*TOKEN_MIXERS.module_dict, *MODELS.module_dict}
