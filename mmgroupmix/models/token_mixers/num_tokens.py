"""The checks of mixers whose weights are bound to one number of tokens."""

from collections.abc import Sequence
from math import prod

from ...errors import UserError


def check_num_tokens_argument(name: str, num_tokens: int) -> None:
    """Raise a UserError if ``num_tokens`` is no positive number."""
    if type(num_tokens) is not int or num_tokens < 1:
        raise UserError(
            f'{name}: num_tokens={num_tokens!r}, expected the number of tokens of this '
            'stage, H * W, such as 196 for a 14 x 14 map.'
        )


def check_num_tokens(name: str, num_tokens: int, size: Sequence[int]) -> None:
    """Check that a map has the number of tokens that a mixer was built for.

    Args:
        name (str): The mixer, for the message.
        num_tokens (int): Tokens N that it was built for.
        size (Sequence[int]): The token axes that it got: (H, W) or (N,).

    Raises:
        UserError: If there are more or fewer tokens.
    """
    given = prod(size)
    if given == num_tokens:
        return
    sides = f'{" x ".join(map(str, size))} = ' if len(size) > 1 else ''
    raise UserError(
        f'{name} was built for num_tokens={num_tokens} and got {sides}{given} tokens: it '
        'has a weight for every pair of tokens. Feed images of the size that it was '
        f'built for; or set num_tokens={given} at this stage (the map of stage 0, 1, 2 '
        "or 3 has about 1/4, 1/8, 1/16 or 1/32 of the image's height and width); or "
        'choose a mixer that takes any number, such as Pooling or SelfAttention.'
    )
