"""Configs of norms and of every registered token mixer, drawn by hypothesis."""

from hypothesis import strategies as st

#: All that apply to any multiple of 10.
norm_cfgs = st.sampled_from(
    [
        dict(type='GN', num_groups=1),
        dict(type='GN', num_groups=5),
        dict(type='LN', eps=1e-6),
        dict(type='BN'),
        dict(type='BN', eps=1e-3, momentum=0.01),
        None,
    ]
)
batch_norm_cfgs = st.sampled_from(
    [
        dict(type='BN'),
        dict(type='BN', eps=1e-3, momentum=0.03),
        dict(type='BN', affine=False),
        dict(type='BN', momentum=None),
        dict(type='BN', requires_grad=False),
    ]
)


def divisors(number: int) -> st.SearchStrategy[int]:
    """Divisors of a number."""
    return st.sampled_from([d for d in range(1, number + 1) if number % d == 0])


@st.composite
def group_mix_arguments(draw, dim: int) -> dict:
    """Arguments of Group-Mix Attention other than ``dim``."""
    kinds = ('conv', 'identity', 'max_pool', 'avg_pool', 'min_pool')
    sides = st.sampled_from((1, 3, 5, 7, 9))
    last = draw(st.sampled_from(('conv', 'identity'))) if dim % 40 == 0 else 'conv'
    return dict(
        kinds=[draw(st.sampled_from(kinds)) for _ in range(4)] + [last],
        kernel_sizes=[draw(sides) for _ in range(3)],
        aggregate_input=last == 'identity' and draw(st.booleans()),
        norm_cfg=draw(batch_norm_cfgs),
    )


def token_mixers(dim: int, size: tuple[int, int]) -> st.SearchStrategy[dict]:
    """Configs of every registered mixer that fit a map of that size."""
    odd = st.sampled_from((1, 3, 5, 7))
    num_tokens = st.just(size[0] * size[1])
    reductions = st.integers(1, min(*size, 8))
    norms = st.sampled_from(('double', 'softmax'))
    memories = st.integers(1, 9)
    return st.one_of(
        config('Pooling', pool_size=odd),
        config('Identity'),
        config('DepthwiseConv', kernel_size=odd),
        config(
            'ExternalAttention', num_memories=memories, norm=norms, tied=st.booleans()
        ),
        config(
            'MultiHeadExternalAttention',
            num_heads=divisors(dim),
            num_memories=memories,
            expansion=st.integers(1, 4),
        ),
        config('RandomMixing', num_tokens=num_tokens),
        config('SpatialFC', num_tokens=num_tokens),
        config('SelfAttention', head_dim=divisors(dim), qkv_bias=st.booleans()),
        config(
            'SpatialReductionAttention', num_heads=divisors(dim), reduction=reductions
        ),
        config(
            'WindowAttention',
            num_heads=divisors(dim),
            window_size=st.integers(1, 7),
            shifted=st.booleans(),
        ),
        group_mix_arguments(dim).map(lambda a: dict(type='GroupMixAttention', **a)),
    )


def config(name: str, **arguments: st.SearchStrategy) -> st.SearchStrategy[dict]:
    """Configs of a mixer."""
    return st.fixed_dictionaries({'type': st.just(name), **arguments})
