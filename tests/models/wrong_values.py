"""Wrong values of arguments, drawn by hypothesis."""

import math

from hypothesis import strategies as st

#: Values of other types than a number, as a config or a command line may hold them.
OTHERS = st.sampled_from(('', '3', 'no such value', b'3', [], (1, 2), {}, {3}, object))
REALS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: x % 1 != 0),
    st.sampled_from((math.nan, math.inf, -math.inf)),
)
NOT_FINITE = st.sampled_from((math.nan, math.inf))
NONE = st.none()


def integers_outside(minimum, maximum=None):
    """What is not an integer from ``minimum`` to ``maximum``."""
    outside = [st.integers(max_value=minimum - 1), REALS, OTHERS, NONE, st.booleans()]
    if maximum is not None:
        outside.append(st.integers(min_value=maximum + 1))
    return st.one_of(*outside)


def numbers_outside(minimum, below=None):
    """What is not a number from ``minimum`` to below ``below``."""
    outside = [
        st.floats(max_value=minimum, exclude_max=True),
        NOT_FINITE,
        OTHERS,
    ]
    if below is not None:
        outside.append(st.floats(min_value=below))
    return st.one_of(*outside)


COUNTS = integers_outside(1)
RATES = numbers_outside(0, 1)
EVEN = st.one_of(COUNTS, st.integers(1, 9).map(lambda n: 2 * n))
CHOICES = st.one_of(OTHERS, st.integers(), REALS)
NORMS = st.one_of(
    st.sampled_from(('', 'BN', 5, ['BN'], {}, object)),
    st.sampled_from(
        (
            dict(type='NoSuchNorm'),
            dict(type='BN', no_such_argument=1),
            dict(type=5),
            dict(type='GN', num_groups=3),  # no divisor of the channels
            dict(type='GN', num_groups=0),
            dict(type='GN', num_groups=-1),
            dict(type='GN', num_groups=2.5),
            dict(type='BN', eps='1e-6'),
            dict(type='BN1d'),
            dict(type='GN'),
            dict(num_groups=1),
        )
    ),
)
ACTIVATIONS = st.sampled_from(
    (
        '',
        'GELU',
        5,
        ['GELU'],
        {},
        dict(type='NoSuch'),
        dict(type='GELU', x=1),
        None,
        dict(type='LeakyReLU', negative_slope='0.1'),
    )
)


def four(wrong, right):
    """Sequences of another length, or of four values one of which is wrong."""
    return st.one_of(
        OTHERS,
        st.integers(),
        st.lists(st.just(right), max_size=7).filter(lambda v: len(v) != 4),
        st.tuples(wrong, st.integers(0, 3)).map(
            lambda w: tuple(w[0] if i == w[1] else right for i in range(4))
        ),
    )


OUT_INDICES = st.one_of(
    OTHERS.filter(lambda v: v != (1, 2)),
    st.integers(),
    st.lists(st.integers(-5, 9)).filter(
        lambda v: not v or v != sorted(set(v)) or v[0] < 0 or v[-1] > 3
    ),
)
