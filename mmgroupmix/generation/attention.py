"""Attention over the pixels of a map inside a GAN: SAGAN's, and external attention.

Papers: "Self-Attention Generative Adversarial Networks" (arXiv 1805.08318), Section 3,
and "Beyond Self-attention: External Attention using Two Linear Layers for Visual Tasks"
(arXiv 2105.02358), Sections 3 and 4.6. The second paper published no code of its GAN and
does not say where its memories are; what :class:`ExternalAttention2d` does is our choice.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..arguments import check_call, check_int, explain_arguments, suggest
from ..errors import UserError
from ..models.blocks.external_attention_block import ExternalAttentionBlock
from ..models.layers.layout import to_map, to_tokens
from ..models.token_mixers.external_attention import ExternalAttention
from .spectral_norm import normalize_spectrally

#: Channels of SAGAN's queries and keys are an eighth of those of the map.
QUERY_REDUCTION = 8


def _conv1x1(in_channels: int, out_channels: int) -> nn.Conv2d:
    return normalize_spectrally(nn.Conv2d(in_channels, out_channels, 1, bias=False))


@explain_arguments
class SelfAttention2d(nn.Module):
    """SAGAN's self-attention (Section 3 of its paper).

    With theta and phi to C/8 and g to C/2 channels, phi and g max-pooled 2x2:

        y = x + sigma * W softmax(theta(x)^T phi(x)) g(x),    sigma = 0 at first

    Args:
        channels (int): Channels C of the map, a multiple of 8.

    Raises:
        UserError: If ``channels`` is not such a multiple.
    """

    def __init__(self, channels: int):
        super().__init__()
        hint = f'a multiple of {QUERY_REDUCTION}'
        if check_int('SelfAttention2d: channels', channels, 1) % QUERY_REDUCTION:
            raise UserError(f'SelfAttention2d: channels={channels}, expected {hint}.')
        self.conv1x1_theta = _conv1x1(channels, channels // QUERY_REDUCTION)
        self.conv1x1_phi = _conv1x1(channels, channels // QUERY_REDUCTION)
        self.conv1x1_g = _conv1x1(channels, channels // 2)
        self.conv1x1_attn = _conv1x1(channels // 2, channels)
        self.sigma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Attend.

        Args:
            x (Tensor): Map, (B, C, H, W), of even height and width.

        Returns:
            Tensor: (B, C, H, W).
        """
        queries = self.conv1x1_theta(x).flatten(2).mT  # (B, N, C/8)
        keys = F.max_pool2d(self.conv1x1_phi(x), 2).flatten(2)  # (B, C/8, N/4)
        values = F.max_pool2d(self.conv1x1_g(x), 2).flatten(2).mT  # (B, N/4, C/2)
        attention = (queries @ keys).softmax(dim=-1)  # (B, N, N/4)
        mixed = (attention @ values).mT.unflatten(2, x.shape[2:])  # (B, C/2, H, W)
        return x + self.sigma * self.conv1x1_attn(mixed)


@explain_arguments
class ExternalAttention2d(nn.Module):
    """External attention in the place of SAGAN's self-attention: x + sigma * EA(x).

    Mk and Mv are spectrally normalised, as every weight of SAGAN is, and sigma starts at
    0, so that the network begins as one without attention. It ends without batch norm
    and ReLU; :class:`ExternalAttentionBlock` has both.

    Args:
        channels (int): Channels of the map, and width d of the memories.
        num_memories (int): Entries S of the memories. Defaults to 64.
        norm (str): ``'double'`` normalisation or ``'softmax'`` over the S entries.
            Defaults to 'double'.
        tied (bool): Use Mk as Mv too. Defaults to False.

    Raises:
        UserError: If an argument is not as described.
    """

    def __init__(
        self,
        channels: int,
        num_memories: int = 64,
        norm: str = 'double',
        tied: bool = False,
    ):
        super().__init__()
        self.attention = ExternalAttention(channels, num_memories, norm, tied)
        _normalize_memories(self.attention)
        self.sigma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Attend.

        Args:
            x (Tensor): Map, (B, C, H, W).

        Returns:
            Tensor: (B, C, H, W).
        """
        return x + self.sigma * to_map(self.attention(to_tokens(x)))


def _normalize_memories(attention: ExternalAttention) -> None:
    """Normalise Mk and, unless it is Mk too, Mv."""
    names = ['memory_key'] + ['memory_value'] * (attention.memory_value is not None)
    normalize_spectrally(attention, *names)


def build_external_attention_block(channels: int, **arguments: object) -> nn.Module:
    """Build EANet's whole block, with spectral norms on its convolutions and memories."""
    block = ExternalAttentionBlock(channels, **arguments)  # type: ignore[arg-type]
    for conv in (block.conv1, block.conv2):
        normalize_spectrally(conv)
    _normalize_memories(block.attention)  # type: ignore[arg-type]
    return block


#: Kinds of attention by their names in configs.
ATTENTIONS: dict[str, Callable[..., nn.Module]] = dict(
    SelfAttention2d=SelfAttention2d,
    ExternalAttention2d=ExternalAttention2d,
    ExternalAttentionBlock=build_external_attention_block,
)


def build_attention(
    owner: str, attention: str | Mapping | None, channels: int
) -> nn.Module | None:
    """Build the attention of a network.

    Args:
        owner (str): The network, for messages.
        attention (str | dict | None): A name in ``ATTENTIONS``, or a dict with it as
            ``type`` and further arguments; None for none.
        channels (int): Channels of the map.

    Returns:
        nn.Module | None: Maps (B, C, H, W) to (B, C, H, W).

    Raises:
        UserError: If the name is unknown, or it does not take the arguments.
    """
    if attention is None:
        return None
    given = dict(attention) if isinstance(attention, Mapping) else dict(type=attention)
    name = given.pop('type', None)
    if not isinstance(name, str) or name not in ATTENTIONS:
        raise UserError(
            f'{owner}: attention={attention!r}, expected None or one of '
            f'{", ".join(ATTENTIONS)}{suggest(name, ATTENTIONS)}, alone or as the type '
            'of a dict with further arguments.'
        )
    kind = ATTENTIONS[name]
    signature = ExternalAttentionBlock if name == 'ExternalAttentionBlock' else kind
    arguments = dict(given, channels=channels)
    check_call(f'{owner}: attention {name}', signature, (), arguments)
    return kind(**arguments)
