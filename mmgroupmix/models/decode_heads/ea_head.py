"""The head of EANet, for mmsegmentation.

Paper: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Section 3.1 and its experiments on semantic segmentation.
"""

from collections.abc import Mapping

from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from ...arguments import check_arguments, explain_arguments
from ...checkpoints.eanet import convert_head
from ...errors import UserError
from ..blocks.external_attention_block import ExternalAttentionBlock
from ..blocks.self_attention_block import SelfAttentionBlock


@explain_arguments
class EAHead(BaseDecodeHead):
    """3x3 conv-norm-ReLU, attention block, 3x3 conv-norm-ReLU, 1x1 conv to classes.

    The second convolution halves the channels; dropout, on channels, comes after it.
    ``load_state_dict`` takes the published names: those of a head, those below
    ``decode_head.`` or, of a whole EANet, the head's part. A whole EANet with its
    backbone loads by :func:`mmgroupmix.checkpoints.convert_eanet`.

    Args:
        in_channels (int): Channels of the backbone's map.
        channels (int): Channels of the attention block. Defaults to 512.
        num_classes (int): Classes.
        attention (str, optional): ``'external'``; or its ablations, ``'self'`` for
            self-attention and None for no block at all. Defaults to 'external'.
        num_memories (int, optional): Entries S of the memories; for external attention
            only. Defaults to None: 64.
        norm (str, optional): ``'double'`` normalisation or ``'softmax'``.
            Defaults to None: 'double' for external attention, 'softmax' for
            self-attention.
        tied (bool): Use the keys' memory for the values too; for external attention
            only. Defaults to False.
        norm_cfg (dict, optional): The norms; None for none.
            Defaults to ``dict(type='BN')``.
        **arguments: Those of mmsegmentation's ``BaseDecodeHead``: ``in_index``,
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
        **arguments,
    ):
        check_arguments('EAHead', arguments, EAHead, BaseDecodeHead)
        if type(channels) is not int or channels < 2 or channels % 2:
            raise UserError(
                f'EAHead: channels={channels!r}, expected an even number: the last '
                "convolution has half of them. The paper's is 512."
            )
        super().__init__(
            in_channels,
            channels // 2,
            num_classes=num_classes,
            norm_cfg=norm_cfg,
            **arguments,
        )
        given = dict(num_memories=num_memories, norm=norm, tied=tied or None)
        given = {key: value for key, value in given.items() if value is not None}
        if self.input_transform == 'multiple_select':
            raise UserError(
                "EAHead: input_transform='multiple_select' gives several maps, "
                "expected one: 'resize_concat', or None with one in_index."
            )
        self.conv_in = self.build_conv(self.in_channels, channels)
        self.attention_block = build_attention(attention, channels, norm_cfg, given)
        self.conv_out = self.build_conv(channels, channels // 2)

    def build_conv(self, in_channels: int, out_channels: int) -> nn.Module:
        """3x3 convolution, norm, ReLU."""
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
            inputs (tuple[Tensor]): Maps of the backbone; that of ``in_index`` is taken,
                (B, in_channels, H, W).

        Returns:
            Tensor: Logits, (B, num_classes, H, W).
        """
        x = self.conv_in(self._transform_inputs(inputs))  # (B, channels, H, W)
        x = self.conv_out(self.attention_block(x))  # (B, channels / 2, H, W)
        return self.cls_seg(x)

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs):
        # Called by torch's and by mmengine's load_state_dict alike.
        given = {
            key[len(prefix) :]: state_dict.pop(key)
            for key in list(state_dict)
            if key.startswith(prefix)
        }
        if given:
            ours = convert_head(given)
            state_dict.update((prefix + key, value) for key, value in ours.items())
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def build_attention(
    attention: str | None, channels: int, norm_cfg: Mapping | None, given: Mapping
) -> nn.Module:
    """The block between the two convolutions, (B, C, H, W) to (B, C, H, W).

    Args:
        attention (str, optional): 'external', 'self' or None.
        channels (int): Channels C.
        norm_cfg (dict, optional): The norm of the block.
        given (Mapping): What a person gave of ``num_memories``, ``norm`` and ``tied``.

    Raises:
        UserError: If there is no such attention or it does not take what is given.
    """
    blocks = {
        'external': (ExternalAttentionBlock, ('num_memories', 'norm', 'tied')),
        'self': (SelfAttentionBlock, ('norm',)),
        None: (None, ()),
    }
    if attention not in blocks:
        raise UserError(
            f"EAHead: attention={attention!r}, expected 'external', 'self' or None "
            '(no attention).'
        )
    block, takes = blocks[attention]
    for key in given:
        if key not in takes:
            raise UserError(
                f'EAHead: {key}={given[key]!r} has no meaning with '
                f"attention={attention!r}. Leave it out, or set attention='external'."
            )
    return block(channels, norm_cfg=norm_cfg, **given) if block else nn.Identity()
