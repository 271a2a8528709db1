"""The external attention (EA) block, which a map of any backbone can pass through.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Sections 3.1 and 3.2; its convolutions as in the published
code.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn

from ...arguments import check_int, explain_arguments
from ...checkpoints.eanet import convert_block
from ..layers.state_dict import convert_entries
from ..token_mixers.external_attention import ExternalAttention
from .attention_block import AttentionBlock


@explain_arguments
class ExternalAttentionBlock(AttentionBlock):
    """1x1 convolution, external attention, 1x1 convolution, BN, residual, ReLU.

    It is initialised as in the published code: convolutions from a normal distribution of
    standard deviation sqrt(2 / c), the bias of the first one as PyTorch does, BN with 1
    and 0.

    ``load_state_dict`` takes the published names too. Their two memories, ``linear_0``
    and ``linear_1``, become Mk and Mv. The published code makes them views of *one*
    storage, which ``.cuda()`` copies apart: on a GPU, where its models were trained and
    tested, they are two, as in this block. A model that never leaves the CPU has only one
    memory, with the values that a file has for ``linear_1``, which is read last; that is
    ``tied=True``.

    Args:
        channels (int): Channels c of the map, and width d of the memories.
        num_memories (int): Entries S of the memories. Defaults to 64.
        norm (str): ``'double'`` normalisation or ``'softmax'`` over the S entries, see
            :class:`ExternalAttention`. Defaults to 'double'.
        tied (bool): Use Mk as Mv too (Equations 5 and 6). Defaults to False.
        norm_cfg (dict, optional): Config of the norm after the second convolution; None
            for no norm. Defaults to ``dict(type='BN')``.

    Raises:
        UserError: If an argument is not as described.
    """

    def __init__(
        self,
        channels: int,
        num_memories: int = 64,
        norm: str = 'double',
        tied: bool = False,
        norm_cfg: Mapping | None = dict(type='BN'),
    ):
        check_int('ExternalAttentionBlock: channels', channels, 1)
        attention = ExternalAttention(channels, num_memories, norm, tied)
        super().__init__(channels, attention, channels, norm_cfg)
        for conv in (self.conv1, self.conv2):
            nn.init.normal_(conv.weight, std=math.sqrt(2 / channels))

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        tied = self.attention.memory_value is None
        convert_entries(state_dict, prefix, partial(convert_block, tied=tied))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
