"""The MetaFormer block, of which every backbone here is made.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Section 3.1,
Equations 1 to 3: a norm, *any* token mixer and a residual; then a norm, a channel MLP and
a residual. What a paper adds is the mixer.
"""

from collections.abc import Mapping

import torch
from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn

from ...arguments import check_int
from ...errors import UserError
from ..layers.mlp import Mlp
from ..layers.norm import apply_norm, build_norm


class MetaFormerBlock(nn.Module):
    """Norm, token mixer, residual; norm, channel MLP, residual.

    Args:
        dim (int): Channels C.
        token_mixer (nn.Module): Maps (B, H, W, C) tokens to (B, H, W, C).
        mlp_ratio (float): Hidden channels of the MLP in units of C; 0 leaves out the
            second half, norm and MLP. Defaults to 4.
        norm_cfg (dict, optional): Config of the norm in both halves, as
            :func:`build_norm` takes it; None for no norm.
            Defaults to ``dict(type='GN', num_groups=1)``.
        act_cfg (dict): Config of the MLP's activation. Defaults to ``dict(type='GELU')``.
        layer_scale (float): Initial value of the learnt factors on both branches, one per
            channel ("Going deeper with Image Transformers", arXiv 2103.17239,
            Section 2); 0 for none. Defaults to 0.
        residual (bool): Add the input to both branches. Defaults to True.
        drop_path (float): Probability that stochastic depth drops a residual branch.
            Defaults to 0.
        position_encoding (nn.Module, optional): Applied to the tokens first,
            (B, H, W, C) to (B, H, W, C). Defaults to None.
        mlp_norm_cfg (dict, optional): Config of another norm for the MLP's half. Defaults
            to None: ``norm_cfg`` for both halves.
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
        self.mlp = build_mlp(dim, mlp_ratio, act_cfg) if mlp_ratio else None
        if self.mlp:
            self.norm2 = (
                build_norm(norm_cfg, dim)
                if mlp_norm_cfg is None
                else build_norm(mlp_norm_cfg, dim, 'mlp_norm_cfg')
            )
            self.layer_scale2 = build_layer_scale(layer_scale, dim)
        self.drop_path = DropPath(drop_path)
        FirstOutputCheck(token_mixer)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H, W, C)."""
        x = self.position_encoding(x)
        if getattr(self.token_mixer, 'takes_norm', False):
            mixed = self.token_mixer(x, self.norm1)
        else:
            mixed = self.token_mixer(apply_norm(self.norm1, x))
        x = self.add_branch(x, mixed, self.layer_scale1)
        if self.mlp:
            mapped = self.mlp(x, self.norm2)
            x = self.add_branch(x, mapped, self.layer_scale2)
        return x

    def fuse(self) -> None:
        """Fold layer scale into the layers before it; the outputs stay the same."""
        weight = getattr(self.norm1, 'weight', None)
        keeps_factors = getattr(self.token_mixer, 'keeps_factors', False)
        if self.layer_scale1 is not None and keeps_factors and weight is not None:
            weight.data *= self.layer_scale1.data
            self.layer_scale1 = None
        if self.mlp and self.layer_scale2 is not None:
            scale_outputs(self.mlp.fc2, self.layer_scale2)
            self.layer_scale2 = None

    def add_branch(self, x: Tensor, branch: Tensor, scale: Tensor | None) -> Tensor:
        """Compute x + scale * branch, as far as this block has them."""
        if not self.residual:
            return branch if scale is None else branch * scale
        if self.training and self.drop_path.drop_prob:
            # Factors of whole images take no pass over the tokens of their own.
            kept = self.drop_path(x.new_ones(len(x), 1, 1, 1))
            scale = kept if scale is None else kept * scale
        return x + branch if scale is None else torch.addcmul(x, branch, scale)


class FirstOutputCheck:
    """Forward hook that checks the first output of a token mixer, then removes itself.

    PyTorch would not always notice a wrong shape, as broadcasting makes many of them fit.
    """

    def __init__(self, token_mixer: nn.Module):
        self.handle = token_mixer.register_forward_hook(self)

    def __call__(self, token_mixer: nn.Module, inputs: tuple, mixed: object) -> None:
        """Raise a UserError if the output is not a tensor of the input's shape."""
        expected = tuple(inputs[0].shape)
        shape = tuple(mixed.shape) if isinstance(mixed, Tensor) else type(mixed).__name__
        if shape != expected:
            raise UserError(
                f'The token mixer {type(token_mixer).__name__} returned {shape}, '
                f'expected {expected}: (B, H, W, C) tokens, as in its input. '
                'layers.layout.to_map and to_tokens convert to (B, C, H, W) and back.'
            )
        if not torch.compiler.is_compiling():  # a graph has no part that runs only once
            self.handle.remove()


def build_mlp(dim: int, mlp_ratio: float, act_cfg: Mapping) -> Mlp:
    """Build the MLP of a block."""
    hidden_dim = int(dim * mlp_ratio)
    check_int(f'dim={dim}, mlp_ratio={mlp_ratio}: hidden channels', hidden_dim, 1)
    return Mlp(dim, hidden_dim, act_cfg)


def scale_outputs(linear: nn.Linear, factors: Tensor) -> None:
    """Multiply the outputs of a linear layer by (D,) factors, in its parameters."""
    linear.weight.data *= factors.data[:, None]
    linear.bias.data *= factors.data


def build_layer_scale(value: float, dim: int) -> nn.Parameter | None:
    """Build (C,) factors that start at ``value``, or None if it is 0."""
    return nn.Parameter(torch.full((dim,), float(value))) if value else None


def spread_drop_path(rate: float, num_blocks: int) -> list[float]:
    """Stochastic depth of every block, linear from 0 to ``rate`` at the last one.

    Source: "Deep Networks with Stochastic Depth" (arXiv 1603.09382), Section 3.
    """
    return [rate * block / max(num_blocks - 1, 1) for block in range(num_blocks)]
