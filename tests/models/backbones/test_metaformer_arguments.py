"""Wrong arguments of MetaFormer: what was given and what was expected is named."""

import pytest
from torch import nn

from mmgroupmix.errors import UserError
from mmgroupmix.models import PoolFormer

from ..mean_mixer import SIZES, build_metaformer


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, error, message',
    [
        (
            dict(token_mixers=['Pooling'] * 2),
            ValueError,
            r"token_mixers=\['Pooling', 'Pooling'\], expected 4 values, one per stage",
        ),
        (
            dict(token_mixers=None),
            ValueError,
            'token mixer=None, expected a name.*Pooling',
        ),
        (dict(token_mixers='Poling'), ValueError, "'Poling'.*did you mean 'Pooling'"),
        (
            dict(token_mixers=dict(pool_size=3)),
            ValueError,
            "token mixer={'pool_size': 3}, expected .* a dict with type",
        ),
        (
            dict(token_mixers=dict(type='Pooling', size=3)),
            TypeError,
            "Pooling has no argument 'size'.*pool_size",
        ),
        (
            dict(token_mixers=dict(type='SpatialFC')),
            TypeError,
            'SpatialFC: missing.*num_tok',
        ),
        (
            dict(token_mixers=dict(type='Pooling', dim=8)),
            ValueError,
            "'dim': 8}, expected .* arguments other than dim",
        ),
        (dict(token_mixers=nn.GELU), ValueError, "GELU has no argument 'dim'"),
        (
            dict(arch='s12'),
            ValueError,
            "arch='s12', expected a dict with embed_dims, depths, mlp_ratios",
        ),
        (
            dict(mlp_ratios=(1, 2)),
            ValueError,
            r'mlp_ratios=\(1, 2\), expected 4 values, one per stage',
        ),
        (
            dict(mlp_ratios=-1),
            ValueError,
            r'mlp_ratios\[0\]=-1, expected a number from 0',
        ),
        (dict(layer_scale='on'), ValueError, "layer_scale='on', expected a number"),
        (dict(mlp_ratios=0.01), ValueError, 'mlp_ratio=0.01: hidden channels=0'),
        (dict(token_mixers=5), ValueError, 'token mixer=5, expected a name, a class'),
        (dict(token_mixers=[]), ValueError, r'token_mixers=\[\], expected 4 values'),
        (dict(token_mixers=[5] * 4), ValueError, 'token mixer=5, expected a name'),
        (
            dict(arch=dict(SIZES, depths=(1.0, 1, 1, 1))),
            ValueError,
            r'depths\[0\]=1.0, expected an integer of at least 1',
        ),
        (
            dict(arch=dict(SIZES, embed_dims=(8.0, 8, 8, 8))),
            ValueError,
            r'embed_dims\[0\]=8.0, expected an integer',
        ),
        (
            dict(arch=dict(depths=(1, 1, 1, 1))),
            ValueError,
            "arch: missing 'embed_dims', 'mlp_ratios'. Its arguments: embed_dims, depths",
        ),
        (dict(norm_cfg=dict(type='GroupNrm')), ValueError, "'GroupNrm'.*type='GN'"),
        (dict(act_cfg=dict(type='Gelu')), ValueError, "'Gelu'.*type='GELU'"),
        (
            dict(position_embeddings=((7, 7),)),
            ValueError,
            r'position_embeddings=\(\(7, 7\),\), expected 4 values, one per stage',
        ),
        (
            dict(position_embeddings=(None, None, None, (7, 0))),
            ValueError,
            r'position_embeddings\[3\]=0, expected an integer of at least 1',
        ),
        (
            dict(final_norm=True, out_indices=(0, 1)),
            ValueError,
            r'out_indices=\(0, 1\), expected 3 in it, as final_norm=True',
        ),
        (
            dict(layer_scale=float('nan')),
            ValueError,
            'layer_scale=nan, expected a number',
        ),
        (dict(token_mixers=''), ValueError, "token mixer='', expected a name, a class"),
        (
            dict(token_mixers=int),
            ValueError,
            "token mixer=<class 'int'>, expected a name",
        ),
        (
            dict(norm_cfg=dict(type='GN', num_groups=0)),
            ValueError,
            "'num_groups': 0}, expected a norm",
        ),
        (
            dict(norm_cfg=dict(type='BN1d')),
            ValueError,
            "norm_cfg={'type': 'BN1d'}, expected a norm",
        ),
        (
            dict(act_cfg=dict(type='LeakyReLU', negative_slope='0.1')),
            ValueError,
            "'negative_slope': '0.1'}, expected an activation",
        ),
        (dict(init_cfg='a.pth'), ValueError, "init_cfg='a.pth', expected None or a dict"),
        (dict(pretrained=5), ValueError, 'pretrained=5, expected the path of a file'),
        (dict(norms='LN'), TypeError, "MetaFormer has no argument 'norms'"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_named_with_the_allowed_ones(arguments, error, message):
    with pytest.raises(error, match=message):
        build_metaformer(**arguments)


@pytest.mark.smoke
def test_a_subclass_names_itself_in_messages():
    with pytest.raises(TypeError, match="PoolFormer has no argument 'pool_size'"):
        PoolFormer('s12', pool_size=3)
    with pytest.raises(UserError, match="PoolFormer: arch='s13', expected s12, s24"):
        PoolFormer('s13')
