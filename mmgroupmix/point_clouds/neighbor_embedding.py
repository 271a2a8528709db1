"""Neighbour embedding: fewer points, each of which knows its surroundings.

Paper: "PCT: Point Cloud Transformer" (arXiv 2012.09688), Section 3.3.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ..arguments import check_int
from .layers import PointLayer, build_layers
from .sampling import find_nearest_neighbors, gather_points, sample_farthest_points


class NeighborEmbedding(nn.Module):
    """Sample points, and describe each by the features of its nearest neighbours.

    For a sampled point p with neighbours q (Equations 10 and 11):

        F(p) = max over q of MLP([f(q) - f(p), f(p)])

    Args:
        in_channels (int): Channels C of a point.
        out_channels (int): Channels C' that a sampled point gets.
        num_samples (int): Points to sample.
        num_neighbors (int): Neighbours of each. Defaults to 32.

    Raises:
        UserError: If an argument is not an integer of at least 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_samples: int,
        num_neighbors: int = 32,
    ):
        super().__init__()
        self.num_samples = check_int('NeighborEmbedding: num_samples', num_samples, 1)
        self.num_neighbors = check_int(
            'NeighborEmbedding: num_neighbors', num_neighbors, 1
        )
        self.mlp = build_layers(2 * in_channels, out_channels, out_channels)

    def forward(self, coordinates: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Sample and embed.

        Args:
            coordinates (Tensor): (B, N, 3), at least ``num_samples`` and
                ``num_neighbors`` points.
            features (Tensor): (B, N, C).

        Returns:
            tuple[Tensor, Tensor]: Coordinates, (B, S, 3), and features, (B, S, C'), of
            the sampled points.
        """
        chosen = sample_farthest_points(coordinates, self.num_samples)
        centres = gather_points(coordinates, chosen)
        neighbors = find_nearest_neighbors(coordinates, centres, self.num_neighbors)
        first, second = self.mlp
        assert isinstance(first, PointLayer) and isinstance(second, PointLayer)
        # The first layer is linear: W [f(q) - f(p), f(p)] = W1 f(q) + (W2 - W1) f(p). So
        # it is computed once for each point, not once for each neighbour of each point.
        of_difference, of_centre = first.linear.weight.chunk(2, dim=1)
        at_neighbors = gather_points(F.linear(features, of_difference), neighbors)
        at_centres = F.linear(
            gather_points(features, chosen), of_centre - of_difference
        ).unsqueeze(2)
        embedded = second(first.normalize(at_neighbors + at_centres))  # (B, S, K, C')
        return centres, embedded.max(dim=2).values

    def extra_repr(self) -> str:
        """The arguments, for ``print(model)``."""
        return f'num_samples={self.num_samples}, num_neighbors={self.num_neighbors}'
