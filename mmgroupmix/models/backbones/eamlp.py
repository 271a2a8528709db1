"""EAMLP: T2T-ViT with external attention in the place of every self-attention.

Papers: "Beyond Self-attention: External Attention using Two Linear Layers for Visual
Tasks" (arXiv 2105.02358), Section 3.3, on the architecture of "Tokens-to-Token ViT"
(arXiv 2101.11986), Section 3. One sequence of tokens instead of four stages of maps;
the blocks are the MetaFormer's.
"""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ...arguments import check_keys, explain_arguments
from ...errors import CheckpointError, UserError
from ...registry import MODELS
from ..blocks.metaformer_block import MetaFormerBlock
from ..blocks.tokens_to_token import TokensToToken
from ..layers.activation_checkpointing import checkpoint_block
from ..layers.initialization import initialize_around_mixers
from ..layers.position import SinusoidPosition, sinusoid_table
from .backbone import Backbone
from .settings import build_mixer, check_numbers, resolve_token_mixer

#: What storing in bfloat16 may cost a sine, and more than float16 costs it.
POSITION_TOLERANCE = 4e-3

_BLOCK = re.compile(r'blocks\.(\d+)\.')


@MODELS.register_module()
@explain_arguments
class EAMLP(Backbone):
    """EAMLP backbone for classification (Section 3.3).

    Args:
        arch (str | int | dict): ``7``, ``14`` or ``19``, or a dict with ``embed_dims``
            (channels), ``depth`` (blocks), ``num_heads`` (of the default token mixer,
            before its expansion) and ``mlp_ratio``; perhaps with ``drop_path_rate``,
            default of the argument below.
        img_size (int | Sequence[int]): Side, or (height, width), of the images whose
            positions are kept ready; those of larger ones are computed as they come.
            Defaults to 224.
        in_channels (int): Channels of the image. Defaults to 3.
        t2t (str): The attention of the tokens-to-token module, ``external_attention`` or
            ``performer``. Defaults to 'external_attention'.
        token_mixer (str | dict, optional): The mixer of the blocks as ``TOKEN_MIXERS``
            builds it. Defaults to None: :class:`MultiHeadExternalAttention` with the
            heads of the architecture and 64 memories.
        mlp_norm_cfg (dict, optional): Another norm before the MLPs of the blocks:
            ``dict(type='BN')`` makes EAMLP-BN. Defaults to None: layer norm, as before
            the token mixers.
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
            ``type='Pretrained'`` takes published files.

    Raises:
        UserError: If an argument is not as described.
    """

    arch_settings = {
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
        token_mixer: str | Mapping | None = None,
        mlp_norm_cfg: Mapping | None = None,
        drop_path_rate: float | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ):
        super().__init__(norm_eval, init_cfg)
        self.arch, table = self.resolve_arch(arch)
        dim, depth, num_heads, mlp_ratio, rate = resolve_block_sizes(
            table, drop_path_rate
        )
        check_numbers(
            'EAMLP',
            in_channels,
            rate,
            frozen_stages,
            depth,
            ('the tokens-to-token module', 'blocks'),
        )
        mixer = resolve_token_mixer(
            'EAMLP',
            token_mixer
            or dict(
                type='MultiHeadExternalAttention', num_heads=num_heads, num_memories=64
            ),
        )
        self.embed_dims = dim
        self.t2t = t2t
        self.frozen_stages = frozen_stages
        self.with_cp = with_cp

        self.tokens_to_token = TokensToToken(in_channels, dim, t2t)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.position = SinusoidPosition(
            dim, 1 + self.tokens_to_token.num_tokens(*resolve_img_size(img_size))
        )
        self.blocks = nn.ModuleList(
            MetaFormerBlock(
                dim,
                build_mixer(mixer, dim),
                mlp_ratio,
                dict(type='LN'),
                drop_path=rate * block / max(depth - 1, 1),
                mlp_norm_cfg=mlp_norm_cfg,
            )
            for block in range(depth)
        )
        self.final_norm = nn.LayerNorm(dim)
        initialize_around_mixers(self)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        self.freeze()

    @classmethod
    def resolve_arch(cls, arch: str | int | Mapping) -> tuple[str, dict]:
        """The name and the table of sizes; a command line or YAML makes 7 of '7'."""
        return super().resolve_arch(str(arch) if type(arch) is int else arch)

    @classmethod
    def infer_arch(cls, tensors: Mapping[str, Tensor]) -> dict:
        """embed_dims and depth of a file in our names, as far as they tell."""
        cls_token = tensors.get('cls_token')
        blocks = {m[1] for key in tensors if (m := _BLOCK.match(key))}
        dim = 0 if cls_token is None else cls_token.shape[-1]
        return dict(embed_dims=dim, depth=len(blocks))

    @classmethod
    def from_state_dict(
        cls, arch: str, tensors: Mapping[str, Tensor], classifier: bool
    ) -> 'EAMLP':
        """A backbone with the parts that a whole file of this architecture has."""
        has_batch_norms = any(key.endswith('norm2.running_mean') for key in tensors)
        return cls(arch, mlp_norm_cfg=dict(type='BN') if has_batch_norms else None)

    @classmethod
    def check_fixed_tensors(cls, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Drop the stored positions, which must be the sines that are computed here."""
        tensors = dict(ours)
        table = tensors.pop('position.table', None)
        if table is not None:
            difference = (table.float().cpu() - sinusoid_table(*table.shape)).abs().max()
            if not difference <= POSITION_TOLERANCE:
                raise CheckpointError(
                    f'The positions {tuple(table.shape)} of this EAMLP are not the '
                    'sinusoid table of the published models, which this package computes '
                    f'by itself (the largest difference is {difference:.3g}): learnt '
                    'positions cannot be loaded. Give a published file, or train with '
                    'fixed positions.'
                )
        return tensors

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
        """Features of whole images, as the heads of mmpretrain take them.

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
        """Freeze what ``frozen_stages`` names."""
        for part in (self.tokens_to_token, *self.blocks)[: self.frozen_stages + 1]:
            part.eval().requires_grad_(False)
        if self.frozen_stages >= 0:
            self.cls_token.requires_grad_(False)


def resolve_block_sizes(arch: Mapping, drop_path_rate: float | None) -> tuple:
    """embed_dims, depth, num_heads, mlp_ratio and drop_path_rate.

    Raises:
        UserError: If one is missing, unknown or out of range.
    """
    sizes = dict(drop_path_rate=0.0) | dict(arch)
    if drop_path_rate is not None:
        sizes['drop_path_rate'] = drop_path_rate
    keys = (*EAMLP.arch_keys, 'drop_path_rate')
    check_keys('EAMLP: arch', sizes, keys)
    for key in ('embed_dims', 'depth', 'num_heads'):
        if type(sizes[key]) is not int or sizes[key] < 1:
            raise UserError(
                f'EAMLP: {key}={sizes[key]!r}, expected a whole number, 1 or more.'
            )
    ratio = sizes['mlp_ratio']
    if type(ratio) not in (int, float) or ratio < 0:
        raise UserError(f'EAMLP: mlp_ratio={ratio!r}, expected a number from 0 (no MLP).')
    return tuple(sizes[key] for key in keys)


def resolve_img_size(img_size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width of ``img_size``, or a UserError."""
    sides = [img_size] * 2 if type(img_size) is int else img_size
    if not (
        isinstance(sides, (tuple, list))
        and len(sides) == 2
        and all(type(side) is int and side >= 32 for side in sides)
    ):
        raise UserError(
            f'EAMLP: img_size={img_size!r}, expected the side of the images in pixels, '
            'from 32, or their (height, width).'
        )
    return tuple(sides)
