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

from ...arguments import (
    check_argument,
    check_choice,
    check_int,
    check_names,
    check_number,
    check_sequence,
    explain_arguments,
)
from ...checkpoints.eanet import convert_head
from ..blocks.external_attention_block import ExternalAttentionBlock
from ..blocks.self_attention_block import SelfAttentionBlock
from ..layers.norm import build_norm
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
        check_inputs(in_channels, **select(arguments, 'in_index', 'input_transform'))
        # The last convolution has half of the channels.
        is_even = check_int('EAHead: channels', channels, 2) % 2 == 0
        check_argument(is_even, 'EAHead: channels', channels, 'an even number')
        check_int('EAHead: num_classes', num_classes, 1)
        check_number('EAHead: dropout_ratio', arguments.get('dropout_ratio', 0), 0, 1)
        for width in (channels, channels // 2):
            check_map_norm(norm_cfg, width)
        super().__init__(
            in_channels,
            channels // 2,
            num_classes=num_classes,
            norm_cfg=norm_cfg,
            **arguments,
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


def select(arguments: Mapping, *names: str) -> dict:
    """Select those arguments that were given."""
    return {name: arguments[name] for name in names if name in arguments}


def check_inputs(
    in_channels: Any, in_index: Any = -1, input_transform: object = None
) -> None:
    """Check which maps the head takes: one, or several that are concatenated.

    Raises:
        UserError: If an argument is not as mmsegmentation describes, or the two lists
            for several maps are not equally long.
    """
    owner = 'EAHead'
    transforms = ('resize_concat', None)
    check_choice(f'{owner}: input_transform', input_transform, transforms)
    if input_transform is None:
        check_int(f'{owner}: in_channels', in_channels, 1)
        expected = "an integer, or several with input_transform='resize_concat'"
        check_argument(type(in_index) is int, f'{owner}: in_index', in_index, expected)
        return
    is_sequence = isinstance(in_index, (tuple, list)) and len(in_index) > 0
    is_sequence = is_sequence and all(type(index) is int for index in in_index)
    expected = 'the indices of several maps'
    check_argument(is_sequence, f'{owner}: in_index', in_index, expected)
    name = f'{owner}: in_channels'
    check_sequence(name, in_channels, len(in_index), 'one per map of in_index')
    for channels in in_channels:
        check_int(name, channels, 1)


def check_map_norm(norm_cfg: Mapping | None, channels: int) -> None:
    """Check that mmcv's ``ConvModule`` can apply the norm: not PyTorch's layer norm."""
    norm = build_norm(norm_cfg, channels, 'EAHead: norm_cfg')
    expected = 'a norm of (B, C, H, W) maps, such as BN, SyncBN or GN'
    is_for_maps = type(norm) is not nn.LayerNorm
    check_argument(is_for_maps, 'EAHead: norm_cfg', norm_cfg, expected)


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
