"""EAMLP: T2T-ViT with external attention in place of every self-attention.

Papers: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Section 3.3, on the architecture of "Tokens-to-Token ViT"
(arXiv 2101.11986), Section 3. One sequence of tokens instead of four stages of maps;
the blocks are the MetaFormer's.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...arguments import check_call, check_int, check_number, explain_arguments
from ...checkpoints.input_channels import adapt_normed_projection
from ...errors import CheckpointError
from ...registry import MODELS
from ..blocks.metaformer_block import MetaFormerBlock, spread_drop_path
from ..blocks.tokens_to_token import SOFT_SPLITS, TokensToToken
from ..layers.activation_checkpointing import checkpoint_block
from ..layers.initialization import initialize_except_mixers
from ..layers.position import SinusoidPosition, build_sinusoid_table
from ..token_mixers.build import build_token_mixer, resolve_token_mixer
from .architecture import check_size, check_training_arguments
from .backbone import Backbone
from .foreign_arguments import EAMLP_RULES, translate_arguments, translate_eamlp

#: Largest rounding error of a sine stored in bfloat16, which is coarser than float16.
POSITION_TOLERANCE = 4e-3

_BLOCK = re.compile(r'blocks\.(\d+)\.')
#: The norm of the first windows, and the linear layer behind it, by its name in either
#: attention of the tokens-to-token module.
_FIRST = 'tokens_to_token.encoders.0'
_FIRST_NORM = f'{_FIRST}.norm1'
_PARAMETERS = ('weight', 'bias')
_FIRST_LINEARS = (f'{_FIRST}.attention.reduce', f'{_FIRST}.attention.kqv')


@MODELS.register_module()
@translate_arguments(EAMLP_RULES, translate_eamlp)
@explain_arguments
class EAMLP(Backbone):
    """EAMLP backbone for classification (Section 3.3).

    A call by name, as from a config, also takes the arguments of the published class: see
    ``foreign_arguments``.

    Args:
        arch (str | int | dict): ``7``, ``14`` or ``19``, or a dict with ``embed_dims``
            (channels), ``depth`` (blocks), ``num_heads`` (of the default token mixer,
            before its expansion), ``mlp_ratio`` and optionally ``drop_path_rate``, the
            default of the argument below.
        img_size (int | Sequence[int]): Side, or (height, width), of the images whose
            positions are computed in advance; those of larger images are computed when
            needed. Defaults to 224.
        in_channels (int): Channels of the image. Defaults to 3.
        t2t (str): The attention of the tokens-to-token module, ``external_attention`` or
            ``performer``. Defaults to 'external_attention'.
        t2t_drop_rate (float): Dropout in the encoders of the tokens-to-token module, of
            attention and outputs. Defaults to 0.1, as in the published code of EAMLP and
            of T2T-ViT, whose dropout elsewhere is 0.
        token_mixer (str | dict, optional): The mixer of the blocks as ``TOKEN_MIXERS``
            builds it. Defaults to None: :class:`MultiHeadExternalAttention` with the
            heads of the architecture and 64 memories.
        mlp_norm_cfg (dict, optional): Config of another norm before the MLPs of the
            blocks: ``dict(type='BN')`` makes EAMLP-BN. Defaults to None: layer norm, as
            before the token mixers.
        drop_path_rate (float, optional): Stochastic depth of the last block; it rises
            linearly from 0 over all blocks. Defaults to the architecture's rate in
            ImageNet training, 0 for a dict without one.
        frozen_stages (int): -1 freezes nothing, 0 the tokens-to-token module and the
            class token, n these and the first n blocks. Frozen parts stay in eval mode.
            Defaults to -1.
        norm_eval (bool): Keep batch norms in eval mode while training.
            Defaults to False.
        with_cp (bool): Activation checkpointing: blocks and encoders keep only their
            input and run again in the backward pass. Defaults to False.
        init_cfg (dict | list[dict], optional): mmengine's weight initialisation.
            ``type='Pretrained'`` takes published files. Defaults to None.

    Raises:
        UserError: If an argument is not as described.
    """

    arch_settings: ClassVar = {
        '7': dict(embed_dims=256, depth=7, num_heads=4, mlp_ratio=2, drop_path_rate=0.1),
        '14': dict(
            embed_dims=384, depth=14, num_heads=6, mlp_ratio=3, drop_path_rate=0.1
        ),
        '19': dict(
            embed_dims=448, depth=19, num_heads=7, mlp_ratio=3, drop_path_rate=0.1
        ),
    }
    arch_keys = ('embed_dims', 'depth', 'num_heads', 'mlp_ratio')

    def __init__(
        self,
        arch: str | int | Mapping,
        img_size: int | Sequence[int] = 224,
        in_channels: int = 3,
        t2t: str = 'external_attention',
        t2t_drop_rate: float = 0.1,
        token_mixer: str | Mapping | None = None,
        mlp_norm_cfg: Mapping | None = None,
        drop_path_rate: float | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ):
        super().__init__(frozen_stages, norm_eval, with_cp, init_cfg)
        self.arch, table = self.resolve_arch(arch)
        if drop_path_rate is not None:
            table['drop_path_rate'] = drop_path_rate
        sizes = resolve_sizes(table)
        check_training_arguments(
            'EAMLP',
            in_channels,
            sizes.drop_path_rate,
            frozen_stages,
            ('the tokens-to-token module', 'blocks'),
            sizes.depth,
        )
        check_number('EAMLP: t2t_drop_rate', t2t_drop_rate, 0, below=1)
        if token_mixer is None:
            token_mixer = dict(
                type='MultiHeadExternalAttention',
                num_heads=sizes.num_heads,
                num_memories=64,
            )
        mixer = resolve_token_mixer('EAMLP', token_mixer)
        dim = sizes.embed_dims
        self.in_channels = in_channels
        self.embed_dims = dim
        self.t2t = t2t

        self.tokens_to_token = TokensToToken(in_channels, dim, t2t, t2t_drop_rate)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        num_tokens = self.tokens_to_token.count_tokens(*resolve_img_size(img_size))
        self.position = SinusoidPosition(dim, 1 + num_tokens)
        self.blocks = nn.ModuleList(
            MetaFormerBlock(
                dim,
                build_token_mixer(mixer, dim),
                sizes.mlp_ratio,
                dict(type='LN'),
                drop_path=drop_path,
                mlp_norm_cfg=mlp_norm_cfg,
            )
            for drop_path in spread_drop_path(sizes.drop_path_rate, sizes.depth)
        )
        self.final_norm = nn.LayerNorm(dim)
        initialize_except_mixers(self)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        self.freeze()

    @classmethod
    def resolve_arch(cls, arch: str | int | Mapping) -> tuple[str, dict]:
        """Look up an architecture; a command line or YAML makes 7 of '7'."""
        return super().resolve_arch(str(arch) if isinstance(arch, int) else arch)

    @classmethod
    def infer_arch(cls, tensors: Mapping[str, Tensor]) -> dict:
        """Infer embed_dims and depth from a state dict in our names; 0 if missing."""
        cls_token = tensors.get('cls_token')
        blocks = {m[1] for key in tensors if (m := _BLOCK.match(key))}
        dim = 0 if cls_token is None else cls_token.shape[-1]
        return dict(embed_dims=dim, depth=len(blocks))

    @classmethod
    def from_state_dict(
        cls, arch: str, tensors: Mapping[str, Tensor], classifier: bool
    ) -> 'EAMLP':
        """Build a backbone with the parts that a complete state dict has."""
        has_batch_norms = any(key.endswith('norm2.running_mean') for key in tensors)
        return cls(arch, mlp_norm_cfg=dict(type='BN') if has_batch_norms else None)

    @classmethod
    def check_fixed_tensors(cls, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Drop stored positions, which must be the sinusoids that are computed here."""
        tensors = dict(ours)
        table = tensors.pop('position.table', None)
        if table is not None:
            expected = build_sinusoid_table(*table.shape)
            difference = (table.float().cpu() - expected).abs().max()
            if not difference <= POSITION_TOLERANCE:
                raise CheckpointError(
                    f'The positions {tuple(table.shape)} of this EAMLP are not the '
                    'sinusoid table of the published models, which this package computes '
                    f'itself (the largest difference is {difference:.3g}): learnt '
                    'positions cannot be loaded. Give a published file, or train with '
                    'fixed positions.'
                )
        return tensors

    @classmethod
    def infer_in_channels(cls, tensors: Mapping[str, Tensor]) -> int | None:
        """Infer the channels of the image from the width of the first windows."""
        names = [name for name in _FIRST_LINEARS if f'{name}.weight' in tensors]
        parts = [f'{name}.{p}' for name in (_FIRST_NORM, *names) for p in _PARAMETERS]
        if not names or any(part not in tensors for part in parts):
            return None
        return len(tensors[f'{_FIRST_NORM}.weight']) // SOFT_SPLITS[0][0] ** 2

    def adapt_stem(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Adapt the first norm and linear layer from RGB to ``in_channels``."""
        linear = next(name for name in _FIRST_LINEARS if f'{name}.weight' in tensors)
        adapted = adapt_normed_projection(tensors, _FIRST_NORM, linear, self.in_channels)
        return {**tensors, **adapted}

    def describe(self) -> str:
        """Name and parts of this backbone, for messages."""
        block = self.blocks[0]
        mlps = f'{type(block.norm2).__name__} before the MLPs' if block.mlp else 'no MLPs'
        return (
            f'EAMLP {self.arch!r} (embed_dims {self.embed_dims}, depth '
            f'{len(self.blocks)}, t2t {self.t2t!r}, '
            f'{type(block.token_mixer).__name__}, {mlps})'
        )

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Compute features of whole images, in the form that mmpretrain's heads take.

        Args:
            x (Tensor): Images, (B, in_channels, H, W), any H and W from 32 pixels.

        Returns:
            tuple[Tensor]: The class token after the last block and its norm, (B, C).
        """
        recompute = self.with_cp and self.training
        tokens = self.tokens_to_token(x, recompute).flatten(1, 2)  # (B, N, C)
        tokens = torch.cat((self.cls_token.expand(len(x), -1, -1), tokens), dim=1)
        tokens = self.position(tokens)[:, None]  # (B, 1, 1 + N, C)
        for block in self.blocks:
            tokens = checkpoint_block(block, tokens) if recompute else block(tokens)
        return (self.final_norm(tokens[:, 0, 0]),)

    def freeze(self) -> None:
        """Freeze the parts that ``frozen_stages`` counts."""
        for part in (self.tokens_to_token, *self.blocks)[: self.frozen_stages + 1]:
            part.eval().requires_grad_(False)
        if self.frozen_stages >= 0:
            self.cls_token.requires_grad_(False)


@dataclass(frozen=True)
class BlockSizes:
    """Sizes of an EAMLP, see its ``arch``."""

    embed_dims: int
    depth: int
    num_heads: int
    mlp_ratio: float
    drop_path_rate: float = 0.0


def resolve_sizes(arch: Mapping) -> BlockSizes:
    """Complete the sizes of an architecture.

    Raises:
        UserError: If one is missing, unknown or out of range.
    """
    check_call('EAMLP: arch', BlockSizes, (), arch)
    sizes = BlockSizes(**arch)
    for key in ('embed_dims', 'depth', 'num_heads'):
        check_int(f'EAMLP: {key}', getattr(sizes, key), 1)
    check_number('EAMLP: mlp_ratio', sizes.mlp_ratio, 0)
    return sizes


def resolve_img_size(img_size: int | Sequence[int]) -> Sequence[int]:
    """Complete ``img_size`` to (height, width)."""
    size = (img_size, img_size) if isinstance(img_size, int) else img_size
    check_size('EAMLP: img_size', size, 32)
    return size
