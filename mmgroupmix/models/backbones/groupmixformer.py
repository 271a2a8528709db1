"""GroupMixFormer: MetaFormer with Group-Mix Attention.

Paper: "Advancing Vision Transformers with Group-Mix Attention" (arXiv 2311.15157),
Section 3.3 and Table 1. Where paper and published code differ (the large architecture),
this follows the published code, with which users' checkpoints were made.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import nn

from ...arguments import check_argument, explain_arguments
from ...registry import MODELS
from ..blocks.metaformer_block import MetaFormerBlock
from ..layers.conv_norm import ConvNormAct
from ..layers.norm import build_batch_norm
from ..layers.position import ConvPositionEncoding
from ..layers.separable_conv import SeparableConv2d
from .architecture import spread_over_stages
from .foreign_arguments import (
    GROUPMIXFORMER_RULES,
    translate_arguments,
    translate_groupmixformer,
)
from .metaformer import MetaFormer


@MODELS.register_module()
@translate_arguments(GROUPMIXFORMER_RULES, translate_groupmixformer)
@explain_arguments
class GroupMixFormer(MetaFormer):
    """GroupMixFormer backbone (Section 3.3, Table 1).

    A call by name, as from a config, also takes the arguments of the published class: see
    ``foreign_arguments``.

    Args:
        arch (str | dict): ``mobile``, ``tiny``, ``small``, ``base`` or ``large``, in
            short ``m``, ``t``, ``s``, ``b``, ``l``; or a dict, as in
            :class:`MetaFormer`, with multiples of 10 as ``embed_dims``.
        in_channels (int): Channels of the image. Defaults to 3.
        out_indices (Sequence[int]): Stages, 0 to 3, whose maps are returned.
            Defaults to (0, 1, 2, 3).
        drop_path_rate (float, optional): Stochastic depth of the last block; it rises
            linearly from 0 over all blocks. Defaults to the architecture's rate in
            ImageNet training, 0 for a dict without one.
        frozen_stages (int): -1 freezes nothing, 0 the stem, n the stem and the first n
            stages. Frozen parts stay in eval mode. Defaults to -1.
        norm_eval (bool): Keep batch norms in eval mode while training.
            Defaults to False.
        with_cp (bool): Activation checkpointing in the blocks. Defaults to False.
        norm_cfg (dict): Config of the batch norms in stem, embeddings and aggregators;
            ``SyncBN`` for training on several devices. Defaults to ``dict(type='BN')``.
        aggregators (dict, optional): Arguments of :class:`GroupMixAttention`: ``kinds``,
            ``kernel_sizes`` and ``aggregate_input``, one value for all stages or four,
            one per stage. Defaults to None: convolutions of 3x3, 5x5 and 7x7.
        final_norm (bool): True for a classifier: batch norm on the last map. False for
            dense prediction: maps without further norms. Defaults to False.
        token_mixers (str | dict | Sequence, optional): Other mixers instead of
            Group-Mix Attention, as in :class:`MetaFormer`. Defaults to None.
        init_cfg (dict | list[dict], optional): mmengine's weight initialisation.
            ``type='Pretrained'`` takes published files. Defaults to None.
        pretrained (str, optional): A segmentor's ``model.pretrained``, see
            :class:`MetaFormer`. Defaults to None.

    Raises:
        UserError: If an argument is not as described.
    """

    arch_settings: ClassVar = dict(
        mobile=dict(
            embed_dims=(40, 80, 160, 160),
            depths=(3, 3, 12, 4),
            mlp_ratios=(4, 4, 4, 4),
            drop_path_rate=0.0,
        ),
        tiny=dict(
            embed_dims=(80, 160, 200, 240),
            depths=(4, 4, 12, 4),
            mlp_ratios=(4, 4, 4, 4),
            drop_path_rate=0.1,
        ),
        small=dict(
            embed_dims=(80, 160, 320, 320),
            depths=(2, 4, 12, 4),
            mlp_ratios=(4, 4, 4, 4),
            drop_path_rate=0.2,
        ),
        base=dict(
            embed_dims=(200, 240, 320, 480),
            depths=(8, 8, 12, 8),
            mlp_ratios=(2, 2, 4, 4),
            drop_path_rate=0.4,
        ),
        large=dict(
            embed_dims=(240, 320, 360, 480),
            depths=(8, 10, 30, 10),
            mlp_ratios=(4, 4, 2, 2),
            drop_path_rate=0.5,
        ),
    )
    arch_aliases: ClassVar = dict(m='mobile', t='tiny', s='small', b='base', l='large')
    stem_weight = 'stem.0.conv.weight'
    #: Norms of the blocks; ``norm_cfg`` is that of the convolutions.
    block_norm_cfg: ClassVar = dict(type='LN', eps=1e-6)

    def __init__(
        self,
        arch: str | Mapping,
        in_channels: int = 3,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        drop_path_rate: float | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool = False,
        norm_cfg: Mapping = dict(type='BN'),
        aggregators: Mapping | None = None,
        final_norm: bool = False,
        token_mixers: str | Mapping | Sequence | None = None,
        init_cfg: dict | list[dict] | None = None,
        pretrained: str | None = None,
    ):
        owner = type(self).__name__
        if token_mixers is None:
            aggregators = {} if aggregators is None else aggregators
            stages = spread_over_stages(f'{owner}: aggregators', aggregators)
            token_mixers = [
                dict(type='GroupMixAttention', norm_cfg=norm_cfg, **stage)
                for stage in stages
            ]
        else:
            expected = 'None, as token_mixers replace Group-Mix Attention'
            check_argument(
                aggregators is None, f'{owner}: aggregators', aggregators, expected
            )
        super().__init__(
            arch,
            token_mixers,
            in_channels,
            out_indices,
            norm_cfg=norm_cfg,
            drop_path_rate=drop_path_rate,
            frozen_stages=frozen_stages,
            norm_eval=norm_eval,
            with_cp=with_cp,
            final_norm=final_norm,
            init_cfg=init_cfg,
            pretrained=pretrained,
        )

    def build_stem(self, in_channels: int, dim: int) -> nn.Module:
        """Build two 3x3 convolutions of stride 2, the first one of half the width."""
        first = nn.Conv2d(in_channels, dim // 2, 3, 2, padding=1)
        second = nn.Conv2d(dim // 2, dim, 3, 2, padding=1)
        return nn.Sequential(
            ConvNormAct(first, self.norm_cfg), ConvNormAct(second, self.norm_cfg)
        )

    def build_downsample(self, index: int, in_channels: int, dim: int) -> nn.Module:
        """Build a separable convolution; stages 1 to 3 halve the resolution."""
        conv = SeparableConv2d(in_channels, dim, stride=1 if index == 0 else 2)
        return ConvNormAct(conv, self.norm_cfg)

    def build_block(
        self, dim: int, token_mixer: nn.Module, mlp_ratio: float, drop_path: float
    ) -> nn.Module:
        """Build the MetaFormer block with a convolutional position encoding."""
        return MetaFormerBlock(
            dim,
            token_mixer,
            mlp_ratio,
            self.block_norm_cfg,
            drop_path=drop_path,
            position_encoding=ConvPositionEncoding(dim),
        )

    def build_out_norm(self, dim: int) -> nn.Module:
        """Build no norm: dense prediction takes the maps without one."""
        return nn.Identity()

    def build_final_norm(self, dim: int) -> nn.Module:
        """Build the classifier's batch norm."""
        return build_batch_norm(self.norm_cfg, dim)
