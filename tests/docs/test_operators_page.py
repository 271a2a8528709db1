"""The page on mmcv's operators: complete, and in agreement with what the stand-in has."""

import itertools
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from mmgroupmix.compat import mmcv_operators
from mmgroupmix.compat.mmcv_ext import ALTERNATIVES, StandInModule

from ..compat.mmcv_sources import read_operators
from .pages import find_inline_code, find_tables, read_page

pytestmark = pytest.mark.smoke

*OPERATOR_TABLES, MODELS = find_tables(read_page('operators'))
#: Every row of the operators: names in mmcv.ops, compiled operators, what serves them.
ROWS = [row[:3] for table in OPERATOR_TABLES for row in table[1:]]


@pytest.fixture(scope='module')
def ops():
    return pytest.importorskip('mmcv.ops', reason='mmcv is not installed')


def is_onedl(ops):
    return 'line_nms' in ops.__all__


def list_names(column, ops):
    """The names in a column; those of onedl-mmcv only if that is installed."""
    rows = [row for row in ROWS if '(onedl-mmcv)' not in row[0] or is_onedl(ops)]
    return [name for row in rows for name in find_inline_code(row[column])]


def test_every_name_of_mmcv_ops_is_in_one_row(ops):
    names = list_names(0, ops)
    assert sorted(names) == sorted(ops.__all__)


def test_every_compiled_operator_that_mmcv_loads_is_in_one_row(ops):
    names = list_names(1, ops)
    assert sorted(names) == sorted(set().union(*read_operators().values()))


def test_a_row_says_that_an_operator_is_served_if_the_stand_in_has_it():
    served = {'torchvision', 'PyTorch'}
    for names, operators, server in ROWS:
        operators = set(find_inline_code(operators))
        provided = operators <= set(mmcv_operators.__all__)
        if operators:
            assert provided == any(word in server for word in served), names
            assert provided or not operators & set(mmcv_operators.__all__), names
        else:
            assert server in ('mmcv', 'torchvision'), names


def test_the_models_that_need_a_compiled_mmcv_need_an_operator_that_is_missing():
    starts = []
    for _, operator, _ in MODELS[1:]:
        (name,) = find_inline_code(operator)
        assert name not in mmcv_operators.__all__
        starts += [start for start in ALTERNATIVES if name.startswith(start)]
    assert len(starts) == len(MODELS) - 1


def list_imported_names(toolbox):
    """The names that a toolbox imports from mmcv.ops; none without the toolbox."""
    spec = find_spec(toolbox)
    pattern = re.compile(r'^ *from mmcv\.ops[\w.]* import \(?([\w\s,]+)', re.MULTILINE)
    for path in Path(spec.origin).parent.rglob('*.py') if spec else []:
        for names in pattern.findall(path.read_text('utf-8')):
            yield from re.findall(r'\w+', names)


def test_the_page_has_every_model_that_imports_an_operator_that_is_missing():
    missing = {
        name: set(find_inline_code(operators))
        for names, operators, server in ROWS
        if server == 'nothing'
        for name in find_inline_code(names)
    }
    listed = {name for row in MODELS[1:] for name in find_inline_code(row[1])}
    imported = missing.keys() & set(
        itertools.chain(*map(list_imported_names, ('mmdet', 'mmseg', 'mmpretrain')))
    )
    assert not [name for name in imported if not missing[name] & listed]
    assert 'CARAFEPack' in imported or not find_spec('mmdet')


def create_map(*shape):
    return torch.rand(shape or (1, 2, 4, 4))


#: A call of each row that mmcv serves, at least on a CPU.
CALLS = {
    'SimpleRoIAlign': lambda ops: ops.SimpleRoIAlign(2, 1.0)(
        create_map(), torch.tensor([[0.0, 0, 0, 3, 3]])
    ),
    'CornerPool': lambda ops: ops.CornerPool('top')(create_map()),
    'CrissCrossAttention': lambda ops: ops.CrissCrossAttention(8)(create_map(1, 8, 4, 4)),
    'MultiScaleDeformableAttention': lambda ops: ops.MultiScaleDeformableAttention(
        8, num_heads=2, num_levels=1
    )(
        create_map(4, 1, 8),
        value=create_map(4, 1, 8),
        reference_points=create_map(1, 4, 1, 2),
        spatial_shapes=torch.tensor([[2, 2]]),
        level_start_index=torch.tensor([0]),
    ),
    'Conv2d': lambda ops: ops.Conv2d(2, 2, 1)(create_map()),
    'GroupAll': lambda ops: ops.GroupAll()(
        create_map(1, 5, 3), None, create_map(1, 2, 5)
    ),
    'SparseModule': lambda ops: ops.SparseConvTensor(
        create_map(1, 2), torch.zeros(1, 3, dtype=torch.int32), (2, 2), 1
    ).dense(),
    'upfirdn2d': lambda ops: ops.upfirdn2d(create_map(), torch.ones(2, 2), up=2),
    'bias_act': lambda ops: ops.bias_act(create_map(), torch.ones(2)),
    'filtered_lrelu': lambda ops: ops.filtered_lrelu(create_map()),
    'FusedBiasLeakyReLU': lambda ops: ops.FusedBiasLeakyReLU(2)(create_map()),
    'conv2d': lambda ops: ops.conv2d(create_map(), torch.rand(2, 2, 1, 1)),
}


@pytest.mark.parametrize('row', [row for row in ROWS if 'mmcv' in row[2]], ids=str)
def test_what_mmcv_computes_itself_runs_without_compiled_operators(row, ops):
    from mmcv.utils import ext_loader

    if not isinstance(ext_loader.load_ext('_ext', []), StandInModule):
        pytest.skip('this mmcv has compiled operators')
    if row[2].startswith('mmcv-lite') and is_onedl(ops):
        pytest.skip('onedl-mmcv fails there: it asks tensors for `is_musa`')
    (call,) = (CALLS[n] for n in find_inline_code(row[0]) if n in CALLS)
    assert call(ops).isfinite().all()
