"""The block that every backbone here is made of.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Section 3.1,
Equations 1 to 3: a norm, *any* token mixer and a residual; then a norm, a channel MLP and
a residual. What a paper adds is the mixer.
"""

from collections.abc import Mapping

import torch
from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn

from ...errors import UserError
from ..layers.mlp import Mlp
from ..layers.norm import build_norm, norm_tokens


class MetaFormerBlock(nn.Module):
    """Norm, token mixer, residual; norm, channel MLP, residual.

    Args:
        dim (int): Channels C.
        token_mixer (nn.Module): Maps (B, H, W, C) tokens to (B, H, W, C).
        mlp_ratio (float): Hidden width of the MLP in units of C; 0 leaves the second
            half, norm and MLP, out. Defaults to 4.
        norm_cfg (dict, optional): The norm of both halves, as :func:`build_norm` takes
            it; None for none. Defaults to ``dict(type='GN', num_groups=1)``.
        act_cfg (dict): The activation of the MLP. Defaults to ``dict(type='GELU')``.
        layer_scale (float): Initial value of the learnt factors, one a channel, on both
            branches ("Going deeper with Image Transformers", arXiv 2103.17239,
            Section 2); 0 for none. Defaults to 0.
        residual (bool): Add the input to both branches. Defaults to True.
        drop_path (float): Probability that stochastic depth drops a residual branch.
            Defaults to 0.
        position_encoding (nn.Module, optional): Applied to the tokens before all else,
            (B, H, W, C) to (B, H, W, C). Defaults to None.
        mlp_norm_cfg (dict, optional): Another norm for the MLP's half. Defaults to None:
            ``norm_cfg`` is that of both halves.
    """

    def __init__(
        self,
        dim: int,
        token_mixer: nn.Module,
        mlp_ratio: float = 4,
        norm_cfg: Mapping | None = dict(type='GN', num_groups=1),
        act_cfg: Mapping = dict(type='GELU'),
        layer_scale: float = 0.0,
        residual: bool = True,
        drop_path: float = 0.0,
        position_encoding: nn.Module | None = None,
        mlp_norm_cfg: Mapping | None = None,
    ):
        super().__init__()
        self.residual = residual
        self.position_encoding = position_encoding or nn.Identity()
        self.norm1 = build_norm(norm_cfg, dim)
        self.token_mixer = token_mixer
        self.layer_scale1 = build_layer_scale(layer_scale, dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio), act_cfg) if mlp_ratio else None
        if self.mlp:
            self.norm2 = build_norm(mlp_norm_cfg or norm_cfg, dim)
            self.layer_scale2 = build_layer_scale(layer_scale, dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H, W, C)."""
        x = self.position_encoding(x)
        mixed = self.token_mixer(norm_tokens(self.norm1, x))
        check_mixed(self.token_mixer, mixed, x)
        x = self.join(x, mixed, self.layer_scale1)
        if self.mlp:
            x = self.join(x, self.mlp(norm_tokens(self.norm2, x)), self.layer_scale2)
        return x

    def join(self, x: Tensor, branch: Tensor, scale: Tensor | None) -> Tensor:
        """x + scale * branch, or what of it this block has."""
        if not self.residual:
            return branch if scale is None else branch * scale
        branch = self.drop_path(branch)
        return x + branch if scale is None else torch.addcmul(x, branch, scale)


def check_mixed(token_mixer: nn.Module, mixed: Tensor, x: Tensor) -> None:
    """Raise a UserError if a mixer did not return tokens of the shape that it got."""
    if not isinstance(mixed, Tensor) or mixed.shape != x.shape:
        what = tuple(mixed.shape) if isinstance(mixed, Tensor) else type(mixed).__name__
        raise UserError(
            f'The token mixer {type(token_mixer).__name__} returned {what}, expected '
            f'{tuple(x.shape)}: (B, H, W, C) tokens as it got them. layers.layout.to_map '
            'and to_tokens lead to (B, C, H, W) and back.'
        )


def build_layer_scale(value: float, dim: int) -> nn.Parameter | None:
    """(C,) factors that start at ``value``, or None if it is 0."""
    return nn.Parameter(torch.full((dim,), float(value))) if value else None
