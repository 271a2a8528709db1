"""What the networks on point clouds are built of: layers that see one point at a time."""

from torch import Tensor, nn

#: Slope of LeakyReLU below 0, as published.
NEGATIVE_SLOPE = 0.2


class PointLayer(nn.Module):
    """Linear layer, batch norm and activation of each point.

    Args:
        in_channels (int): Channels of a point.
        out_channels (int): Channels that it gets.
        bias (bool): Whether the linear layer has a bias. Defaults to False.
        leaky (bool): LeakyReLU of slope 0.2 instead of ReLU. Defaults to False.
    """

    def __init__(
        self, in_channels: int, out_channels: int, bias: bool = False, leaky: bool = False
    ):
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels, bias)
        self.norm = nn.BatchNorm1d(out_channels)
        self.act = nn.LeakyReLU(NEGATIVE_SLOPE) if leaky else nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map points, (..., C) to (..., C')."""
        return self.normalize(self.linear(x))

    def normalize(self, x: Tensor) -> Tensor:
        """Norm and activation of what the linear layer returned, (..., C')."""
        return self.act(self.norm(x.flatten(0, -2)).view(x.shape))


def build_layers(*channels: int) -> nn.Sequential:
    """Build several layers of points, one after the other.

    Args:
        channels (int): Channels of a point, then those after each layer.
    """
    return nn.Sequential(*map(PointLayer, channels, channels[1:]))
