"""Messages for a toolbox that is missing or cannot be imported."""

import importlib

import pytest

from mmgroupmix.compat import explain_import_failures, require_toolbox

BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {names}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)

sys.meta_path.insert(0, Blocker())
"""


NAME_EACH_FAILURE = """
for name in ('mmdet', 'mmseg', 'mmpretrain'):
    try:
        compat.require_toolbox(name)
    except ImportError as error:
        print(error)
"""


def assert_both_families_are_named(line):
    assert 'pip install "mmgroupmix[onedl]"' in line
    assert 'pip install "mmgroupmix[classic]"' in line


def test_the_package_imports_without_any_toolbox(run_python):
    blocker = BLOCKED.format(names=('mmdet', 'mmseg', 'mmpretrain'))
    printed = run_python(
        blocker + 'from mmgroupmix import compat\n' + NAME_EACH_FAILURE
    ).stdout
    lines = printed.splitlines()
    assert len(lines) == 3
    for name, line in zip(('mmdet', 'mmseg', 'mmpretrain'), lines):
        assert line.startswith(f'{name} is not installed')
        assert_both_families_are_named(line)


@pytest.mark.parametrize('blocked', ['mmcv', 'mmengine'])
def test_a_missing_requirement_of_the_toolboxes_is_named(
    blocked, run_python, compat_alone
):
    printed = run_python(
        BLOCKED.format(names=(blocked,)) + compat_alone + NAME_EACH_FAILURE
    ).stdout
    lines = printed.splitlines()
    assert len(lines) == 3
    for name, line in zip(('mmdet', 'mmseg', 'mmpretrain'), lines):
        assert line.startswith(f'{name} needs {blocked}, which is not installed')
        assert_both_families_are_named(line)


@pytest.mark.parametrize('name', ['mmdet', 'mmseg', 'mmpretrain'])
def test_an_installed_toolbox_is_returned(name):
    module = pytest.importorskip(name, reason=f'{name} is not installed')
    assert require_toolbox(name) is module


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match='mmdet, mmseg, mmpretrain'):
        require_toolbox('mmdetection3d')


@pytest.mark.parametrize(
    'failure, advice',
    [
        (
            ImportError('libGL.so.1: cannot open shared object file: No such file'),
            'pip uninstall -y opencv-python && pip install --force-reinstall --no-deps '
            'opencv-python-headless',
        ),
        (
            ImportError('libgthread-2.0.so.0: cannot open shared object file'),
            'opencv-python-headless',
        ),
        (
            ModuleNotFoundError("No module named 'pkg_resources'", name='pkg_resources'),
            'pip install "setuptools<81"',
        ),
        (
            RuntimeError('operator torchvision::nms does not exist'),
            'pip install --force-reinstall torch torchvision',
        ),
        (
            AssertionError(
                'MMCV==2.3.6 is used but incompatible. Please install mmcv>=2'
            ),
            'pip uninstall -y mmengine',
        ),
    ],
)
def test_a_known_failure_is_explained_with_its_remedy(failure, advice, monkeypatch):

    def fail(name):
        raise failure

    monkeypatch.setattr(importlib, 'import_module', fail)
    with pytest.raises(ImportError) as raised:
        require_toolbox('mmdet')
    assert str(failure) in str(raised.value)
    assert advice in str(raised.value)
    assert raised.value.__cause__ is failure


def test_an_unknown_failure_is_not_changed(monkeypatch):

    def fail(name):
        raise ModuleNotFoundError("No module named 'shapely'", name='shapely')

    monkeypatch.setattr(importlib, 'import_module', fail)
    with pytest.raises(ModuleNotFoundError, match='shapely') as raised:
        require_toolbox('mmdet')
    assert 'mmgroupmix' not in str(raised.value)


def test_the_failure_of_another_import_can_be_explained():
    message = '^mmgroupmix cannot be imported.*\n.*headless'
    with (
        pytest.raises(ImportError, match=message),
        explain_import_failures('mmgroupmix'),
    ):
        raise ImportError('libGL.so.1: cannot open shared object file')
