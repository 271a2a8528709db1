"""The wheel, the editable install, the pinned versions and the Makefile."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[1]
SOURCES = (
    'mmgroupmix',
    'configs',
    'tools',
    'pyproject.toml',
    'setup.py',
    'LICENSE',
    'NOTICE',
    'README.md',
    'model-index.yml',
)
TOOLBOXES = ('onedl-', 'mmcv', 'mmengine', 'mmdet', 'mmseg', 'mmpretrain')
PINNED = dict(onedl='requirements.txt', classic='requirements-classic.txt')


def run_pip(*arguments):
    """pip without a network: the build tools are those of this environment."""
    subprocess.run(
        [sys.executable, '-m', 'pip', *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """The files that a build reads, in a folder that it may write to."""
    folder = tmp_path_factory.mktemp('source')
    for name in SOURCES:
        if (REPOSITORY / name).is_dir():
            ignore = shutil.ignore_patterns('__pycache__', '.mim')
            shutil.copytree(REPOSITORY / name, folder / name, ignore=ignore)
        else:
            shutil.copy(REPOSITORY / name, folder)
    return folder


@pytest.fixture(scope='module')
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    options = ['--no-deps', '--no-build-isolation', '--wheel-dir', folder]
    run_pip('wheel', *options, source)
    return zipfile.ZipFile(next(folder.glob('*.whl')))


@pytest.fixture(scope='module')
def editable_install(source, tmp_path_factory):
    """A folder in place of site-packages, with an editable install of ``source``."""
    folder = tmp_path_factory.mktemp('editable')
    options = ['--no-deps', '--no-build-isolation', '--target', folder]
    run_pip('install', *options, '--editable', source)
    return folder


def read_metadata(wheel, name):
    """The text of a file of the wheel's metadata folder."""
    path = next(n for n in wheel.namelist() if n.endswith(f'.dist-info/{name}'))
    return wheel.read(path).decode()


def read_requirements(wheel):
    """The wheel's requirements; those of an extra carry it as a marker."""
    return re.findall(r'^Requires-Dist: (.*)$', read_metadata(wheel, 'METADATA'), re.M)


@pytest.mark.slow
def test_configs_tools_and_model_index_are_reachable_from_the_package(wheel):
    expected = [
        path.relative_to(REPOSITORY)
        for folder in ('configs', 'tools')
        for path in (REPOSITORY / folder).rglob('*.*')
        if path.suffix in ('.py', '.yml')
    ]
    assert len(expected) > 10
    for path in [*expected, 'model-index.yml']:
        assert f'mmgroupmix/.mim/{path}' in wheel.namelist()


@pytest.mark.slow
def test_the_first_folder_that_pip_records_has_the_files_that_mim_looks_for(wheel):
    # pip sorts RECORD, and writes scripts relative to site-packages.
    scripts = ['../../../bin/mmgroupmix-train', '..\\..\\Scripts\\mmgroupmix-train.exe']
    first = min([*wheel.namelist(), *scripts]).partition('/')[0]
    of_the_package = [n for n in wheel.namelist() if n.startswith('mmgroupmix/.mim/')]
    of_the_first = [n for n in wheel.namelist() if n.startswith(f'{first}/')]
    assert [n.partition('/')[2] for n in of_the_first] == [
        n.partition('/')[2] for n in of_the_package
    ]


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_the_other_files_of_the_package(wheel):
    modules = [p.relative_to(REPOSITORY) for p in REPOSITORY.glob('mmgroupmix/**/*.py')]
    modules = [path for path in modules if '.mim' not in path.parts]
    assert len(modules) > 50
    others = {'mmgroupmix/py.typed', 'mmgroupmix/apis/report/page.html'}
    assert {*map(str, modules), *others} <= set(wheel.namelist())


@pytest.mark.slow
@pytest.mark.parametrize('name', ['LICENSE', 'NOTICE'])
def test_the_wheel_carries_licence_and_notice(name, wheel):
    assert read_metadata(wheel, f'licenses/{name}') == (REPOSITORY / name).read_text()
    assert 'License-Expression: Apache-2.0\n' in read_metadata(wheel, 'METADATA')


@pytest.mark.slow
@pytest.mark.parametrize('command', ['train', 'test', 'infer'])
def test_the_wheel_installs_a_console_script_per_command(command, wheel):
    scripts = read_metadata(wheel, 'entry_points.txt').splitlines()
    assert f'mmgroupmix-{command} = mmgroupmix.apis.{command}:main' in scripts


@pytest.mark.slow
def test_no_requirement_replaces_an_installed_toolbox_or_opencv(wheel):
    always = [r for r in read_requirements(wheel) if 'extra ==' not in r]
    assert 'torch>=2.4' in always
    assert not [r for r in always if r.startswith((*TOOLBOXES, 'opencv'))]


@pytest.mark.slow
def test_an_editable_install_puts_a_path_and_no_import_hook(source, editable_install):
    (path_file,) = editable_install.glob('*.pth')
    assert path_file.read_text().strip() == str(source)
    assert not list(editable_install.glob('*finder*'))


@pytest.mark.slow
def test_the_folder_of_an_editable_install_has_each_config_once(
    source, wheel, editable_install
):
    # mim searches all of it, links included, and refuses a name that it finds twice.
    found = Counter(
        name
        for _, _, names in os.walk(source, followlinks=True)
        for name in names
        if name.endswith('_in1k.py')
    )
    assert len(found) > 10
    assert set(found.values()) == {1}


@pytest.mark.slow
def test_an_installed_console_script_starts_its_command(source, editable_install):
    shown = subprocess.run(
        [sys.executable, editable_install / 'bin' / 'mmgroupmix-infer', '--help'],
        env=dict(os.environ, PYTHONPATH=str(source)),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert shown.startswith('usage: mmgroupmix-infer')


def read_pins(name):
    """The pinned versions of a requirements file and of those that it includes."""
    found = {}
    for line in (REPOSITORY / name).read_text().splitlines():
        line = line.strip()
        if line.startswith('-r '):
            more = read_pins(line.removeprefix('-r '))
        elif line and not line.startswith('#'):
            distribution, equals, version = line.partition('==')
            assert equals and version, line
            more = {canonicalize_name(distribution): version}
        else:
            continue
        assert not more.keys() & found.keys()
        found.update(more)
    return found


@pytest.mark.smoke
def test_every_version_is_pinned_and_the_only_opencv_is_headless():
    for name in PINNED.values():
        assert [n for n in read_pins(name) if n.startswith('opencv')] == [
            'opencv-python-headless'
        ]


@pytest.mark.smoke
def test_the_pinned_families_agree_on_all_that_they_share_and_share_no_toolbox():
    onedl, classic = (read_pins(name) for name in PINNED.values())
    shared = onedl.keys() & classic.keys()
    assert {n: onedl[n] for n in shared} == {n: classic[n] for n in shared}
    assert 'torch' in shared
    assert not [n for n in shared if n.startswith(TOOLBOXES)]
    assert len([n for n in onedl if n.startswith(TOOLBOXES)]) == 5
    assert len([n for n in classic if n.startswith(TOOLBOXES)]) == 5


@pytest.mark.smoke
def test_pre_commit_and_make_lint_run_the_same_ruff():
    hooks = yaml.safe_load((REPOSITORY / '.pre-commit-config.yaml').read_text())
    (ruff,) = (repo for repo in hooks['repos'] if 'ruff' in repo['repo'])
    assert ruff['rev'] == f'v{read_pins("requirements.txt")["ruff"]}'


@pytest.mark.slow
@pytest.mark.parametrize('extra, minimum', [('onedl', 5), ('classic', 5), ('dev', 2)])
def test_the_pinned_versions_satisfy_the_extra(extra, minimum, wheel):
    pinned = read_pins(PINNED.get(extra, 'requirements.txt'))
    requirements = [
        Requirement(text)
        for text in read_requirements(wheel)
        if f'extra == "{extra}"' in text and not text.startswith('mmgroupmix')
    ]
    assert len(requirements) >= minimum
    for requirement in requirements:
        assert requirement.specifier.contains(
            pinned[canonicalize_name(requirement.name)]
        ), requirement


def list_commands(*arguments):
    """The commands that make would run for a target in a new environment."""
    return subprocess.run(
        ['make', '--dry-run', 'VENV=new', *arguments],
        cwd=REPOSITORY,
        # Not the whole environment: it may hold the options of a make that runs this.
        env=dict(PATH=os.environ['PATH']),
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.mark.smoke
@pytest.mark.skipif(not shutil.which('make'), reason='make is not installed')
@pytest.mark.parametrize(
    'options, environment, file',
    [
        ([], 'new', 'requirements.txt'),
        (['FAMILY=onedl'], 'new', 'requirements.txt'),
        (['FAMILY=classic'], 'new-classic', 'requirements-classic.txt'),
    ],
)
def test_make_gives_each_family_an_environment_of_its_own(options, environment, file):
    commands = list_commands('test', *options)
    assert f'{environment}/bin/pip install --no-deps -r {file}\n' in commands
    # All tests: options of pytest-xdist, but none that selects, such as -k or --ignore.
    xdist = r'-n \w+( --(maxprocesses|dist) \w+)*'
    tests = rf'{environment}/bin/python -m pytest tests {xdist}\n'
    assert re.search(tests, commands)


@pytest.mark.smoke
@pytest.mark.skipif(not shutil.which('make'), reason='make is not installed')
def test_make_lint_checks_rules_format_and_types():
    commands = list_commands('lint')
    for command in ('ruff check', 'ruff format --check', 'mypy'):
        assert f'new/bin/{command}\n' in commands
