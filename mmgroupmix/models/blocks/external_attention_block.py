"""The external attention (EA) block: what a map passes on its way.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Sections 3.1 and 3.2; its convolutions as in the published
code.
"""

import math
from collections.abc import Mapping

from torch import nn

from ...checkpoints.eanet import convert_block
from ..token_mixers.external_attention import ExternalAttention
from .attention_block import AttentionBlock


class ExternalAttentionBlock(AttentionBlock):
    """1x1 convolution, external attention, 1x1 convolution, BN, residual, ReLU.

    It starts as the published code does: convolutions normal with standard deviation
    sqrt(2 / c), the first one's bias as PyTorch draws it, BN at 1 and 0.

    ``load_state_dict`` takes the published names too. Their two memories, ``linear_0``
    and ``linear_1``, become Mk and Mv. The published code makes them views of *one*
    storage, which ``.cuda()`` copies apart: on the GPU, where its models were trained
    and tested, they are two, as in this block. Only a model that never leaves the CPU
    has one memory there, which holds what a file calls ``linear_1``, read last; that is
    ``tied=True``.

    Args:
        channels (int): Channels c of the map, and width d of the memories.
        num_memories (int): Entries S of the memories. Defaults to 64.
        norm (str): ``'double'`` normalisation or ``'softmax'`` over the S entries, see
            :class:`ExternalAttention`. Defaults to 'double'.
        tied (bool): Use Mk as Mv too (Equations 5 and 6). Defaults to False.
        norm_cfg (dict, optional): The norm after the second convolution; None for none.
            Defaults to ``dict(type='BN')``.

    Raises:
        UserError: If ``num_memories`` is no positive number, ``norm`` is none of the two
            or mmcv knows no norm of ``norm_cfg``.
    """

    def __init__(
        self,
        channels: int,
        num_memories: int = 64,
        norm: str = 'double',
        tied: bool = False,
        norm_cfg: Mapping | None = dict(type='BN'),
    ):
        attention = ExternalAttention(channels, num_memories, norm, tied)
        super().__init__(channels, attention, channels, norm_cfg)
        for conv in (self.conv1, self.conv2):
            nn.init.normal_(conv.weight, std=math.sqrt(2 / channels))

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs):
        # Called by torch's and by mmengine's load_state_dict alike.
        given = {
            key[len(prefix) :]: state_dict.pop(key)
            for key in list(state_dict)
            if key.startswith(prefix)
        }
        tied = self.attention.memory_value is None
        ours = convert_block(given, tied)
        state_dict.update((prefix + key, value) for key, value in ours.items())
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
