"""Wrong values of every argument of every model, generated: each is named."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgroupmix.errors import UserError
from mmgroupmix.models import (
    EAMLP,
    ExternalAttentionBlock,
    GroupMixFormer,
    MetaFormer,
    PoolFormer,
    WithExternalAttention,
)
from mmgroupmix.models.blocks.self_attention_block import SelfAttentionBlock
from mmgroupmix.registry import TOKEN_MIXERS

from .small_backbones import NANO, NANO_EAMLP
from .token_mixers.test_every_mixer import WITHOUT_DIM
from .wrong_values import (
    ACTIVATIONS,
    CHOICES,
    COUNTS,
    EVEN,
    NONE,
    NORMS,
    NOT_FINITE,
    OTHERS,
    OUT_INDICES,
    RATES,
    REALS,
    four,
    integers_outside,
    numbers_outside,
)

ANY_BACKBONE = dict(
    in_channels=COUNTS,
    drop_path_rate=RATES,
    init_cfg=st.one_of(OTHERS, st.integers()).filter(bool),
)
FOUR_STAGES = dict(
    ANY_BACKBONE,
    out_indices=OUT_INDICES,
    frozen_stages=integers_outside(-1, 4),
    pretrained=st.one_of(OTHERS, st.integers(), REALS).filter(
        lambda v: not isinstance(v, str)
    ),
    norm_cfg=NORMS,
)
SIZES = {
    'arch.embed_dims': four(COUNTS, 10),
    'arch.depths': four(COUNTS, 1),
    'arch.mlp_ratios': four(numbers_outside(0), 2).filter(
        lambda v: not isinstance(v, int) or v < 0
    ),
    'arch.drop_path_rate': RATES,
    'arch.layer_scale': st.one_of(OTHERS, NOT_FINITE),
}
MIXERS = dict(
    DepthwiseConv=dict(kernel_size=EVEN),
    ExternalAttention=dict(num_memories=COUNTS, norm=CHOICES),
    GroupMixAttention=dict(
        kinds=CHOICES, kernel_sizes=st.one_of(OTHERS, EVEN), norm_cfg=NORMS
    ),
    Identity={},
    MultiHeadExternalAttention=dict(
        num_heads=st.one_of(COUNTS, st.integers(min_value=41)),
        num_memories=COUNTS,
        expansion=COUNTS,
    ),
    Pooling=dict(pool_size=EVEN),
    RandomMixing=dict(num_tokens=COUNTS),
    SelfAttention=dict(head_dim=st.one_of(COUNTS, st.integers(min_value=41))),
    SpatialFC=dict(num_tokens=COUNTS),
    SpatialReductionAttention=dict(
        num_heads=st.one_of(COUNTS, st.integers(min_value=41)), reduction=COUNTS
    ),
    WindowAttention=dict(
        num_heads=st.one_of(COUNTS, st.integers(min_value=41)), window_size=COUNTS
    ),
)
NEEDED = dict(
    RandomMixing=dict(num_tokens=4),
    SelfAttention=dict(head_dim=8),
    SpatialFC=dict(num_tokens=4),
)


def is_valid_in_mmpretrain(indices: object) -> bool:
    """Whether they count stages as mmpretrain does, which PoolFormer translates."""
    values = indices if isinstance(indices, (tuple, list)) else [indices]
    return bool(values) and all(
        type(v) is int and -7 <= v <= 6 and v % 7 % 2 == 0 for v in values
    )


@dataclass(frozen=True)
class Model:
    """A model with arguments that are right, and wrong values of each."""

    build: Callable
    right: dict
    wrong: dict


MODELS = {
    'MetaFormer': Model(
        MetaFormer,
        dict(arch=NANO, token_mixers='Identity'),
        dict(
            FOUR_STAGES,
            **SIZES,
            token_mixers=CHOICES,
            act_cfg=ACTIVATIONS,
            mlp_ratios=four(numbers_outside(0), 2).filter(
                lambda v: not isinstance(v, int) or v < 0
            ),
            layer_scale=st.one_of(OTHERS, NOT_FINITE),
            position_embeddings=four(COUNTS.filter(lambda v: v is not None), (3, 3)),
            arch=CHOICES,
        ),
    ),
    'PoolFormer': Model(
        PoolFormer,
        dict(arch=NANO),
        dict(
            FOUR_STAGES,
            arch=CHOICES,
            out_indices=OUT_INDICES.filter(lambda v: not is_valid_in_mmpretrain(v)),
        ),
    ),
    'GroupMixFormer': Model(
        GroupMixFormer,
        dict(arch=NANO),
        dict(
            FOUR_STAGES,
            **SIZES,
            arch=CHOICES,
            aggregators=st.one_of(OTHERS, st.integers(), REALS).filter(lambda v: v != {}),
        ),
    ),
    'EAMLP': Model(
        EAMLP,
        dict(arch=NANO_EAMLP),
        {
            **ANY_BACKBONE,
            'arch': CHOICES.filter(lambda v: v not in (7, 14, 19)),
            'arch.embed_dims': COUNTS,
            'arch.depth': COUNTS,
            'arch.num_heads': st.one_of(COUNTS, st.integers(min_value=17)),
            'arch.mlp_ratio': numbers_outside(0),
            'img_size': integers_outside(32),
            't2t': st.one_of(CHOICES, NONE),
            't2t_drop_rate': st.one_of(RATES, NONE),
            'token_mixer': CHOICES,
            'mlp_norm_cfg': NORMS,
            'frozen_stages': integers_outside(-1, NANO_EAMLP['depth']),
        },
    ),
    'ExternalAttentionBlock': Model(
        ExternalAttentionBlock,
        dict(channels=40),
        dict(channels=COUNTS, num_memories=COUNTS, norm=CHOICES, norm_cfg=NORMS),
    ),
    'SelfAttentionBlock': Model(
        SelfAttentionBlock,
        dict(channels=40),
        dict(channels=COUNTS, norm=CHOICES, norm_cfg=NORMS),
    ),
    'WithExternalAttention': Model(
        WithExternalAttention,
        dict(base=PoolFormer, arch=NANO, external_attention=dict(channels=40)),
        {
            'base': st.one_of(OTHERS, st.integers(), NONE),
            'external_attention': st.one_of(OTHERS, st.integers(), NONE),
            'external_attention.channels': COUNTS,
            'external_attention.stage': st.one_of(REALS, OTHERS, NONE, st.booleans()),
        },
    ),
    **{
        name: Model(
            TOKEN_MIXERS.get(name),
            dict(dim=40, **NEEDED.get(name, {})),
            wrong if name in WITHOUT_DIM else dict(wrong, dim=COUNTS),
        )
        for name, wrong in MIXERS.items()
    },
}
ARGUMENTS = [(model, name) for model in MODELS for name in MODELS[model].wrong]


def replace(arguments: dict, name: str, value: object) -> dict:
    """Replace an argument, or an entry 'argument.entry' of one that is a dict."""
    outer, _, inner = name.partition('.')
    return {**arguments, outer: {**arguments[outer], inner: value} if inner else value}


@pytest.mark.parametrize('model, name', ARGUMENTS)
@given(data=st.data())
def test_a_wrong_value_is_named_by_the_error_that_a_user_can_correct(model, name, data):
    model = MODELS[model]
    value = data.draw(model.wrong[name], label=name)
    with pytest.raises(UserError) as error:
        model.build(**replace(model.right, name, value))
    # Of several token mixers, the message quotes the one that is wrong.
    name = name.rpartition('.')[2].replace('token_mixers', 'token mixer')
    assert name.replace('_', ' ') in str(error.value).replace('_', ' ')


@pytest.mark.parametrize('model', MODELS)
def test_the_arguments_that_these_properties_start_from_are_right(model):
    MODELS[model].build(**MODELS[model].right)
