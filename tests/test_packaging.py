"""What `pip install` puts on a machine."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[1]
TOOLBOXES = ('onedl-', 'mmcv', 'mmengine', 'mmdet', 'mmseg', 'mmpretrain')
PINNED = dict(onedl='requirements.txt', classic='requirements-classic.txt')


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    source.mkdir()
    for name in (
        'mmgroupmix',
        'configs',
        'tools',
        'setup.py',
        'setup.cfg',
        'README.md',
        'requirements.txt',
        'MANIFEST.in',
        'model-index.yml',
    ):
        (source / name).symlink_to(REPOSITORY / name)
    subprocess.run(
        [
            sys.executable,
            '-m',
            'pip',
            'wheel',
            '--no-deps',
            '--no-build-isolation',
            '-q',
            '-w',
            folder,
            source,
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return zipfile.ZipFile(next(folder.glob('*.whl')))


def required(wheel):
    """What the wheel asks for: requirements, those of extras with their marker."""
    metadata = next(n for n in wheel.namelist() if n.endswith('METADATA'))
    return [
        line.partition(':')[2].strip()
        for line in wheel.read(metadata).decode().splitlines()
        if line.startswith('Requires-Dist')
    ]


@pytest.mark.slow
def test_configs_tools_and_model_index_are_reachable_from_the_package(wheel):
    names = set(wheel.namelist())
    expected = [
        path.relative_to(REPOSITORY)
        for folder in ('configs', 'tools')
        for path in (REPOSITORY / folder).rglob('*.py')
    ]
    assert len(expected) > 10
    for path in [*expected, 'model-index.yml']:
        assert f'mmgroupmix/.mim/{path}' in names


@pytest.mark.slow
def test_no_required_distribution_fights_with_an_mmcv_that_is_there(wheel):
    always = [r for r in required(wheel) if 'extra ==' not in r]
    assert 'torch>=2.4' in always
    assert not [r for r in always if r.startswith((*TOOLBOXES, 'opencv'))]


@pytest.mark.smoke
def test_the_model_index_names_every_config():
    index = yaml.safe_load((REPOSITORY / 'model-index.yml').read_text())
    configs = {model['Config'] for model in index['Models']}
    assert configs == {
        f'configs/{path.name}' for path in (REPOSITORY / 'configs').glob('*.py')
    }
    assert {model['Name'] for model in index['Models']} == {
        Path(config).stem for config in configs
    }


def pins(name):
    """The pinned versions of a requirements file and of those that it includes."""
    found = {}
    for line in (REPOSITORY / name).read_text().splitlines():
        line = line.strip()
        if line.startswith('-r '):
            more = pins(line.removeprefix('-r '))
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
def test_the_pinned_files_are_exact_and_have_one_opencv():
    for name in PINNED.values():
        assert [n for n in pins(name) if n.startswith('opencv')] == [
            'opencv-python-headless'
        ]


@pytest.mark.smoke
def test_the_pinned_families_stand_on_the_same_and_share_no_toolbox():
    onedl, classic = (pins(name) for name in PINNED.values())
    shared = onedl.keys() & classic.keys()
    assert {n: onedl[n] for n in shared} == {n: classic[n] for n in shared}
    assert 'torch' in shared
    assert not [n for n in shared if n.startswith(TOOLBOXES)]
    assert len([n for n in onedl if n.startswith(TOOLBOXES)]) == 5
    assert len([n for n in classic if n.startswith(TOOLBOXES)]) == 5


@pytest.mark.slow
@pytest.mark.parametrize('family', PINNED)
def test_the_pinned_versions_are_of_those_that_the_extra_asks_for(family, wheel):
    pinned = pins(PINNED[family])
    asked = [Requirement(r) for r in required(wheel) if f'extra == "{family}"' in r]
    assert len(asked) >= 5
    for requirement in asked:
        assert requirement.specifier.contains(
            pinned[canonicalize_name(requirement.name)]
        ), requirement


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
    told = subprocess.run(
        ['make', '--dry-run', 'test', 'VENV=new', *options],
        cwd=REPOSITORY,
        # Not the environment, with the options of a make that runs this.
        env=dict(PATH=os.environ['PATH']),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert f'{environment}/bin/pip install --no-deps -r {file}\n' in told
    assert f'{environment}/bin/python -m pytest tests\n' in told
