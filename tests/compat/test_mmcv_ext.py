"""The stand-in for mmcv's compiled module: when it is used and what it provides."""

import importlib.util
import sys

import pytest
import torch

from mmgroupmix.compat import mmcv_operators
from mmgroupmix.compat.mmcv_ext import ALTERNATIVES, StandInModule, install_stand_in
from mmgroupmix.errors import MissingOperatorError, UserError

from .mmcv_sources import read_operators


@pytest.fixture
def stand_in():
    module = pytest.importorskip('mmcv._ext', reason='mmcv is not installed')
    if not isinstance(module, StandInModule):
        pytest.skip('this mmcv has compiled operators')
    return module


@pytest.mark.smoke
def test_mmcv_imports_the_stand_in_as_its_compiled_module(stand_in):
    import mmcv
    import mmcv.ops

    assert mmcv._ext is stand_in
    spec = importlib.util.find_spec('mmcv._ext')
    assert spec.name == 'mmcv._ext'
    assert spec.loader is not None  # what mmcv and mmengine check
    assert mmcv.ops.RoIAlign and mmcv.ops.nms


@pytest.mark.smoke
def test_an_operator_without_a_substitute_raises_only_when_it_is_called(stand_in):
    operator = stand_in.box_iou_rotated
    with pytest.raises(NotImplementedError, match="'box_iou_rotated'") as raised:
        operator(torch.rand(1), mode_flag=3)
    assert isinstance(raised.value, UserError)  # one message, no traceback
    assert 'MMCV_WITH_OPS=1' in str(raised.value)
    assert '\n' not in str(raised.value)


@pytest.mark.smoke
def test_a_layer_without_its_operator_raises_an_error_that_names_an_alternative(stand_in):
    from mmcv.ops import CARAFEPack

    layer = CARAFEPack(4, 2, compressed_channels=2)
    with pytest.raises(
        MissingOperatorError, match=r"'carafe_forward'.*upsample_cfg.*'nearest'"
    ):
        layer(torch.rand(1, 4, 5, 5))


@pytest.mark.smoke
def test_every_alternative_belongs_to_an_operator_without_a_substitute():
    operators = set().union(*read_operators().values())
    for start in ALTERNATIVES:
        named = {name for name in operators if name.startswith(start)}
        assert named or start == 'line_nms', start  # onedl-mmcv alone has that one
        assert not named & set(mmcv_operators.__all__), start


def test_unknown_dunder_attributes_are_absent(stand_in):
    assert not hasattr(stand_in, '__path__')
    with pytest.raises(AttributeError, match='__wrapped__'):
        _ = stand_in.__wrapped__


def test_environment_reports_name_the_source_of_the_operators(stand_in):
    from mmcv.utils import collect_env

    assert 'torchvision' in collect_env()['MMCV Compiler']


def test_installing_twice_adds_one_finder():
    install_stand_in()
    finders = list(sys.meta_path)
    install_stand_in()
    assert sys.meta_path == finders


def test_a_compiled_module_is_preferred(run_python, compat_alone, tmp_path):
    (tmp_path / 'mmcv').mkdir()
    (tmp_path / 'mmcv' / '__init__.py').touch()
    (tmp_path / 'mmcv' / '_ext.py').write_text('COMPILED = True\n')
    printed = run_python(
        compat_alone
        + """
sys.path.insert(0, '')
import mmcv._ext
print(type(mmcv._ext).__name__, mmcv._ext.COMPILED)
"""
    ).stdout
    assert printed.split() == ['module', 'True']


def test_without_mmcv_there_is_no_stand_in(run_python, compat_alone):
    printed = run_python(
        compat_alone
        + """
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'mmcv':
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)

sys.meta_path.insert(0, Blocker())
try:
    import mmcv._ext
except ModuleNotFoundError as error:
    print(error.name)
"""
    ).stdout
    assert printed.strip() == 'mmcv'


def test_applying_the_workarounds_imports_neither_mmcv_nor_a_toolbox(
    run_python, compat_alone
):
    printed = run_python(
        compat_alone
        + """
names = ('mmcv', 'mmdet', 'mmseg', 'mmpretrain', 'torchvision')
print([name for name in names if name in sys.modules])
"""
    ).stdout
    assert printed.strip() == '[]'


def test_a_script_that_imports_mmcv_first_runs_by_the_command(run_python, tmp_path):
    pytest.importorskip('mmcv', reason='mmcv is not installed')
    (tmp_path / 'neighbor.py').write_text('NAME = "neighbor"\n')
    (tmp_path / 'script.py').write_text(
        'import sys\nimport mmcv.ops\nfrom neighbor import NAME\n'
        'print(__name__, NAME, sys.argv[1:])\n'
    )
    process = run_python(
        ['-W', 'ignore', '-m', 'mmgroupmix.compat', str(tmp_path / 'script.py'), '-x']
    )
    assert process.stdout.split() == ['__main__', 'neighbor', "['-x']"]
