"""Wrong arguments of GroupMixFormer: what was given and what was expected is named."""

import pytest

from mmgroupmix.models import GroupMixFormer

from ..small_backbones import NANO


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, error, message',
    [
        (
            dict(arch='bse'),
            ValueError,
            "arch='bse', expected mobile, .* a dict .*did you mean 'base'",
        ),
        (
            dict(arch=dict(depths=(1, 1, 1, 1))),
            ValueError,
            "GroupMixFormer: arch: missing .*'embed_dims'",
        ),
        (dict(arch=dict(NANO, depth=(1, 1, 1, 1))), ValueError, "'depth'.*'depths'"),
        (
            dict(arch=dict(NANO, depths=(1, 1, 1))),
            ValueError,
            r'depths=\(1, 1, 1\), expected 4',
        ),
        (dict(arch='t', out_indices=(0, 4)), ValueError, r'\(0, 4\), expected .* 0 to 3'),
        (dict(arch='t', out_indices=(-1,)), ValueError, r'\(-1,\), expected .* 0 to 3'),
        (dict(arch='t', out_indices=3), TypeError, 'out_indices=3, expected ascending'),
        (dict(arch='t', out_indices=(2, 1)), ValueError, 'ascending'),
        (dict(arch='t', out_indices=()), ValueError, 'ascending'),
        ({}, TypeError, "missing.*'arch'.*Its arguments"),
        (dict(arch=['t']), ValueError, r"arch=\['t'\], expected mobile"),
        (
            dict(arch=dict(NANO, drop_path=0.1)),
            ValueError,
            "'drop_path'.*'drop_path_rate'",
        ),
        (dict(arch='t', in_channels=0), ValueError, 'in_channels=0, expected'),
        (
            dict(arch='t', frozen_stages='a'),
            ValueError,
            "frozen_stages='a', expected an integer",
        ),
        (dict(arch='t', norm_cfg=dict(type='GN', num_groups=2)), ValueError, 'GroupNorm'),
        (dict(arch='t', norm_cfg=None), ValueError, 'norm_cfg=None.*SyncBN'),
        (dict(arch='t', norm_cfg=dict(type='BNN')), ValueError, "'BNN'.*SyncBN"),
        (
            dict(arch='t', aggregators=dict(kernel_sizes=4)),
            ValueError,
            'kernel_sizes.*=4',
        ),
        (
            dict(arch='t', frozen_stages=5),
            ValueError,
            'frozen_stages=5, .* from -1 to 4. -1 freezes nothing, 0 the stem',
        ),
        (
            dict(arch='t', drop_path_rate=1.5),
            ValueError,
            'drop_path_rate=1.5, .* from 0 to below 1',
        ),
        (dict(arch='t', out_indexes=(3,)), TypeError, "'out_indexes'.*'out_indices'"),
        (dict(arch='t', aggregators=dict(kernels=(3, 5, 7))), ValueError, "'kernels'"),
    ],
)
def test_a_wrong_argument_is_named_with_the_allowed_ones(arguments, error, message):
    with pytest.raises(error, match=message):
        GroupMixFormer(**arguments)
