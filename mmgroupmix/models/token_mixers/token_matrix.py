"""Products with a matrix over tokens, for mixers bound to one number of tokens."""

from torch import Tensor

from ...arguments import check_int
from ...errors import UserError


def check_num_tokens(owner: str, num_tokens: object) -> int:
    """Check the argument ``num_tokens`` of a mixer."""
    hint = 'It is H * W of this stage, such as 196 for a 14 x 14 map.'
    return check_int(f'{owner}: num_tokens', num_tokens, 1, hint)


def mix_by_matrix(owner: str, matrix: Tensor, x: Tensor) -> Tensor:
    """Compute X' = W X.

    Args:
        owner (str): Name of the mixer, for the message.
        matrix (Tensor): W, (N, N).
        x (Tensor): Tokens X, (B, N, C) or (B, H, W, C) with N = H * W.

    Returns:
        Tensor: X', of the shape of ``x``.

    Raises:
        UserError: If there are not N tokens.
    """
    tokens = x.flatten(1, -2)  # (B, N, C)
    try:
        return (matrix @ tokens).reshape(x.shape)
    except RuntimeError as error:
        expected, given = len(matrix), tokens.shape[1]
        if given == expected:
            raise
        size = ' x '.join(map(str, x.shape[1:-1]))
        raise UserError(
            f'{owner}: num_tokens={expected}, expected {given}: it got {size} tokens and '
            'has one weight for every pair. Feed images of the size that it was built '
            f'for; set num_tokens={given} at this stage (the map of stage 0, 1, 2 or 3 '
            "has about 1/4, 1/8, 1/16 or 1/32 of the image's height and width); or use "
            'a mixer that takes any number of tokens, such as Pooling or SelfAttention.'
        ) from error
