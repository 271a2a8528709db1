"""The channel MLP of a MetaFormer block."""

from collections.abc import Mapping

from torch import Tensor, nn

from .activation import build_activation
from .packed import find_activation, pack_linear
from .recomputation import (
    Linear,
    apply_linear_to_activation,
    apply_linear_to_norm,
)


class Mlp(nn.Module):
    """Channel MLP: linear layer, activation, linear layer.

    Args:
        dim (int): Channels C of input and output.
        hidden_dim (int): Channels between the two linear layers.
        act_cfg (dict): Config of the activation. Defaults to ``dict(type='GELU')``.
    """

    def __init__(self, dim: int, hidden_dim: int, act_cfg: Mapping = dict(type='GELU')):
        super().__init__()
        self.fc1: nn.Linear = Linear(dim, hidden_dim)
        self.act = build_activation(act_cfg)
        self.fc2: nn.Linear = Linear(hidden_dim, dim)

    def forward(self, x: Tensor, norm: nn.Module | None = None) -> Tensor:
        """(..., C) to (..., C), of x or of its norm."""
        hidden = apply_linear_to_norm(self.fc1, norm, x)
        return apply_linear_to_activation(self.fc2, self.act, hidden)

    def fuse(self) -> None:
        """Lay out the weights for inference, the activation joined to the first layer."""
        name = find_activation(self.act)
        if name:
            self.act = nn.Identity()
        self.fc1 = pack_linear(self.fc1, name or 'none')
        self.fc2 = pack_linear(self.fc2)
