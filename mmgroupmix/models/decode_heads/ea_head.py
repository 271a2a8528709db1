"""The head of EANet, for mmsegmentation.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Section 3.1 and its experiments on semantic segmentation.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from ...arguments import check_argument, check_choice, check_names, explain_arguments
from ...checkpoints.eanet import convert_head
from ..blocks.external_attention_block import ExternalAttentionBlock
from ..blocks.self_attention_block import SelfAttentionBlock
from ..layers.state_dict import convert_entries

ATTENTION_BLOCKS = {
    'external': ExternalAttentionBlock,
    'self': SelfAttentionBlock,
    None: None,
}


@explain_arguments
class EAHead(BaseDecodeHead):
    """3x3 conv-norm-ReLU, attention block, 3x3 conv-norm-ReLU, 1x1 conv to classes.

    The second convolution halves the channels and is followed by dropout of channels.
    ``load_state_dict`` takes the published names: those of a head, the same with the
    prefix ``decode_head.``, or those of a whole EANet, of which the head is loaded. For a
    whole EANet with its backbone, see :func:`mmgroupmix.checkpoints.convert_eanet`.

    Args:
        in_channels (int): Channels of the backbone's map.
        channels (int): Channels of the attention block, an even number.
            Defaults to 512.
        num_classes (int): Number of classes.
        attention (str, optional): ``'external'``; or its ablations, ``'self'`` for
            self-attention and None for no block at all. Defaults to 'external'.
        num_memories (int, optional): Entries S of the memories; for external attention
            only. Defaults to None: 64.
        norm (str, optional): ``'double'`` normalisation or ``'softmax'``.
            Defaults to None: 'double' for external attention, 'softmax' for
            self-attention.
        tied (bool): Use the keys' memory for the values too; for external attention
            only. Defaults to False.
        norm_cfg (dict, optional): Config of the norms; None for no norms.
            Defaults to ``dict(type='BN')``.
        **arguments: Arguments of mmsegmentation's ``BaseDecodeHead``: ``in_index``,
            ``dropout_ratio`` (0.1), ``align_corners``, ``loss_decode``, ...

    Raises:
        UserError: If an argument is not as described.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 512,
        *,
        num_classes: int,
        attention: str | None = 'external',
        num_memories: int | None = None,
        norm: str | None = None,
        tied: bool = False,
        norm_cfg: Mapping | None = dict(type='BN'),
        **arguments: Any,
    ):
        own, inherited = inspect.signature(EAHead), inspect.signature(BaseDecodeHead)
        check_names('EAHead', arguments, (*own.parameters, *inherited.parameters))
        # The last convolution has half of the channels.
        check_argument(channels % 2 == 0, 'EAHead: channels', channels, 'an even number')
        super().__init__(
            in_channels,
            channels // 2,
            num_classes=num_classes,
            norm_cfg=norm_cfg,
            **arguments,
        )
        check_choice(
            'EAHead: input_transform', self.input_transform, ('resize_concat', None)
        )
        given = dict(num_memories=num_memories, norm=norm, tied=tied or None)
        given = {key: value for key, value in given.items() if value is not None}
        self.conv_in = self.build_conv(self.in_channels, channels)
        self.attention_block = build_attention(attention, channels, norm_cfg, given)
        self.conv_out = self.build_conv(channels, channels // 2)

    def build_conv(self, in_channels: int, out_channels: int) -> nn.Module:
        """Build a 3x3 convolution with norm and ReLU."""
        return ConvModule(
            in_channels,
            out_channels,
            3,
            padding=1,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
        )

    def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """Classify every pixel.

        Args:
            inputs (tuple[Tensor]): Maps of the backbone, of which the head takes the one
                at ``in_index``, (B, in_channels, H, W).

        Returns:
            Tensor: Logits, (B, num_classes, H, W).
        """
        x = self.conv_in(self._transform_inputs(inputs))  # (B, channels, H, W)
        x = self.conv_out(self.attention_block(x))  # (B, channels / 2, H, W)
        return self.cls_seg(x)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        convert_entries(state_dict, prefix, convert_head)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def build_attention(
    attention: str | None, channels: int, norm_cfg: Mapping | None, given: Mapping
) -> nn.Module:
    """Build the block between the two convolutions, (B, C, H, W) to (B, C, H, W).

    Args:
        attention (str, optional): 'external', 'self' or None.
        channels (int): Channels C.
        norm_cfg (dict, optional): Config of the block's norm.
        given (Mapping): Those of ``num_memories``, ``norm`` and ``tied`` that were given.

    Raises:
        UserError: If ``attention`` is none of these, or does not take what was given.
    """
    check_choice('EAHead: attention', attention, ATTENTION_BLOCKS)
    block = ATTENTION_BLOCKS[attention]
    known = inspect.signature(block).parameters if block else ()
    for key, value in given.items():
        check_argument(
            key in known, f'EAHead: {key}', value, f'none with attention={attention!r}'
        )
    return block(channels, norm_cfg=norm_cfg, **given) if block else nn.Identity()
