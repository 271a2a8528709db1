"""What `pip install` puts on a machine."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[1]
FAMILIES = ('onedl-', 'mmcv', 'mmengine', 'mmdet', 'mmseg', 'mmpretrain', 'opencv')


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    source.mkdir()
    for name in ('mmgroupmix', 'configs', 'tools', 'setup.py', 'setup.cfg', 'README.md',
                 'requirements.txt', 'MANIFEST.in', 'model-index.yml'):
        (source / name).symlink_to(REPOSITORY / name)
    subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation', '-q',
         '-w', folder, source], check=True, capture_output=True, text=True)
    return zipfile.ZipFile(next(folder.glob('*.whl')))


@pytest.mark.slow
def test_configs_tools_and_model_index_are_reachable_from_the_package(wheel):
    names = set(wheel.namelist())
    expected = [path.relative_to(REPOSITORY)
                for folder in ('configs', 'tools')
                for path in (REPOSITORY / folder).rglob('*.py')]
    assert len(expected) > 10
    for path in [*expected, 'model-index.yml']:
        assert f'mmgroupmix/.mim/{path}' in names


@pytest.mark.slow
def test_no_required_distribution_fights_with_an_mmcv_that_is_there(wheel):
    metadata = next(n for n in wheel.namelist() if n.endswith('METADATA'))
    required = [line.partition(':')[2].strip()
                for line in wheel.read(metadata).decode().splitlines()
                if line.startswith('Requires-Dist') and 'extra ==' not in line]
    assert 'torch>=2.4' in required
    assert not [r for r in required if r.startswith(FAMILIES)]


@pytest.mark.smoke
def test_the_model_index_names_every_config():
    index = yaml.safe_load((REPOSITORY / 'model-index.yml').read_text())
    configs = {model['Config'] for model in index['Models']}
    assert configs == {f'configs/{path.name}'
                       for path in (REPOSITORY / 'configs').glob('*.py')}
    assert {model['Name'] for model in index['Models']} == {
        Path(config).stem for config in configs}


@pytest.mark.smoke
def test_the_pinned_file_is_exact_and_has_one_opencv():
    lines = [line.strip() for line in (REPOSITORY / 'requirements.txt').open()
             if line.strip() and not line.startswith('#')]
    assert all('==' in line for line in lines)
    names = [line.partition('==')[0].lower() for line in lines]
    assert len(names) == len(set(names))
    assert [n for n in names if n.startswith('opencv')] == ['opencv-python-headless']
