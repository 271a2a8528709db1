"""The attention layers of point clouds: PCT's self-attention, or external attention.

Papers: "PCT: Point Cloud Transformer" (arXiv 2012.09688), Section 3.2; "Beyond
Self-attention: External Attention using Two Linear Layers for Visual Tasks" (arXiv
2105.02358), Section 4.6, which replaces one by the other and published no code.
"""

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from ..arguments import check_argument, check_call, explain_arguments
from ..models.layers.double_normalization import double_normalize
from ..models.token_mixers import ExternalAttention
from ..registry import MODELS
from .layers import PointLayer


class OffsetAttention(nn.Module):
    """Attention with the residual of PCT (Section 3.2.3, Equation 5).

    With r = attention(x), and LBR for a linear layer, batch norm and ReLU:

        x + LBR(x - r), the offset form, or
        x + LBR(r)

    Args:
        dim (int): Channels of a point.
        offset (bool): The form of the residual. Defaults to True.
    """

    def __init__(self, dim: int, offset: bool = True):
        super().__init__()
        self.offset = offset
        self.out = PointLayer(dim, dim, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Mix points, (B, N, C) to (B, N, C)."""
        mixed = self.attend(x)
        return x + self.out(x - mixed if self.offset else mixed)

    @abstractmethod
    def attend(self, x: Tensor) -> Tensor:
        """Attention without residual, r, (B, N, C) to (B, N, C)."""

    def extra_repr(self) -> str:
        """The form of the residual, for ``print(model)``."""
        return f'offset={self.offset}'


@MODELS.register_module()
@explain_arguments
class OffsetSelfAttention(OffsetAttention):
    """PCT's self-attention, quadratic in the number of points.

    Queries and keys have C / 4 channels and share their weight, as published.

    Args:
        dim (int): Channels C of a point, a multiple of 4.
        offset (bool): See :class:`OffsetAttention`. Defaults to True.

    Raises:
        UserError: If ``dim`` is not a multiple of 4.
    """

    def __init__(self, dim: int, offset: bool = True):
        is_valid = isinstance(dim, int) and dim > 0 and dim % 4 == 0
        check_argument(is_valid, 'OffsetSelfAttention: dim', dim, 'a multiple of 4')
        super().__init__(dim, offset)
        self.query_key = nn.Linear(dim, dim // 4, bias=False)
        self.value = nn.Linear(dim, dim)

    def attend(self, x: Tensor) -> Tensor:
        """Attention without residual, (B, N, C) to (B, N, C)."""
        keys = self.query_key(x)  # also the queries
        # The published code takes the softmax over keys and divides by the sum over
        # queries, then multiplies the values from the left. Since keys and queries are
        # the same, that is external attention's double normalisation of the rows here.
        return double_normalize(keys @ keys.mT) @ self.value(x)


@MODELS.register_module()
@explain_arguments
class OffsetExternalAttention(OffsetAttention):
    """External attention in place of self-attention, linear in the number of points.

    Args:
        dim (int): Channels C of a point.
        num_memories (int): Entries S of the memories. Defaults to 64.
        norm (str): ``'double'`` or ``'softmax'``, see :class:`ExternalAttention`.
            Defaults to 'double'.
        tied (bool): Use Mk as Mv too. Defaults to False.
        offset (bool): See :class:`OffsetAttention`. The paper does not say which form it
            uses; True changes nothing in PCT but the attention. Defaults to True.

    Raises:
        UserError: If an argument of :class:`ExternalAttention` is not as described there.
    """

    def __init__(
        self,
        dim: int,
        num_memories: int = 64,
        norm: str = 'double',
        tied: bool = False,
        offset: bool = True,
    ):
        super().__init__(dim, offset)
        self.attention = ExternalAttention(dim, num_memories, norm, tied)

    def attend(self, x: Tensor) -> Tensor:
        """Attention without residual, (B, N, C) to (B, N, C)."""
        return self.attention(x)


def build_attention_layers(
    owner: str, attention: str | Mapping, dim: int, number: int
) -> nn.ModuleList:
    """Build the attention layers of a network.

    Args:
        owner (str): The network, for messages.
        attention (str | Mapping): The name of a layer in ``MODELS``, or its config
            without ``dim``.
        dim (int): Channels of a point.
        number (int): How many layers.

    Returns:
        nn.ModuleList: The layers, each with its own weights.

    Raises:
        UserError: If the name is unknown, or it does not take the arguments.
    """
    given = attention if isinstance(attention, Mapping) else dict(type=attention)
    arguments = {**given, 'dim': dim}
    kind = arguments.pop('type', None)
    layer = MODELS.get(kind) if isinstance(kind, str) else kind
    check_argument(
        isinstance(layer, type) and 'dim' not in given,
        f'{owner}: attention',
        attention,
        "'OffsetSelfAttention', 'OffsetExternalAttention' or a dict with such a type and "
        'arguments other than dim, which the network adds',
    )
    assert isinstance(layer, type), 'checked above'
    check_call(f'Attention {layer.__name__}', layer, (), arguments)
    return nn.ModuleList([layer(**arguments) for _ in range(number)])
