"""Weights that are NaN or infinite: found in every kind of tensor, and refused."""

import pytest
import torch
from torch import nn

from mmgroupmix.checkpoints.finite_weights import check_finite_weights, find_nonfinite
from mmgroupmix.errors import CheckpointError

pytestmark = pytest.mark.smoke

INF, NAN = float('inf'), float('nan')
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
DTYPES += [torch.complex64, torch.float8_e5m2]


@pytest.mark.parametrize('dtype', DTYPES, ids=str)
@pytest.mark.parametrize('value', [NAN, INF, -INF])
def test_one_nonfinite_value_of_a_tensor_is_found(value, dtype):
    bad = torch.zeros(3, 4).index_put(
        (torch.tensor(2), torch.tensor(1)), torch.tensor(value)
    )
    tensors = dict(first=torch.ones(2), bad=bad.to(dtype), last=torch.zeros(0))
    assert find_nonfinite(tensors.items()) == ['bad']
    assert find_nonfinite(tensors.items(), True) == (['bad'] if value is NAN else [])


def test_integers_and_tensors_without_data_are_finite():
    tensors = dict(
        steps=torch.tensor(7),
        mask=torch.tensor([True]),
        meta=torch.empty(2, device='meta'),
        largest=torch.tensor(torch.finfo(torch.float32).max),
    )
    assert find_nonfinite(tensors.items()) == []


def test_a_sparse_tensor_is_searched():
    sparse = torch.tensor([[0, NAN], [0, 0]]).to_sparse()
    assert find_nonfinite([('a', sparse), ('b', sparse.to_sparse_csr())]) == ['a', 'b']


def test_a_model_is_refused_with_the_file_and_the_first_names():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    check_finite_weights(model, 'a.pth')
    with torch.no_grad():
        for parameter in (model[0].bias, model[1].weight, model[2].weight):
            parameter[0] = INF
        model[1].running_var[1] = NAN
    with pytest.raises(CheckpointError) as raised:
        check_finite_weights(model, 'a.pth')
    names = '0.bias, 1.weight, 2.weight and 1 more'
    assert f'a.pth holds NaN or infinite weights: {names}.' in str(raised.value)


def test_a_buffer_may_hold_infinity():
    model = nn.BatchNorm1d(2)
    model.register_buffer('mask', torch.tensor([0, -INF]))
    check_finite_weights(model, 'a.pth')
