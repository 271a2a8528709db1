"""The Point Cloud Transformer (PCT) as a classifier; with external attention, EAT.

Paper: "PCT: Point Cloud Transformer" (arXiv 2012.09688), Section 3 and Figure 2; sizes as
in the published code and its PyTorch port, which has a second layer before the attention.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..arguments import check_int, check_number, check_sequence, explain_arguments
from ..checkpoints.pct import convert_pct
from ..models.layers.state_dict import convert_entries
from ..registry import MODELS
from .attention import build_attention_layers
from .layers import PointLayer, build_layers
from .neighbor_embedding import NeighborEmbedding

NUM_LAYERS = 4


@MODELS.register_module()
@explain_arguments
class PointCloudTransformer(nn.Module):
    """Classifier of point clouds, (B, N, 3) to logits.

    Two neighbour embeddings leave 256 points of 256 channels, which four attention layers
    mix. A maximum over the points describes the cloud.

    ``load_state_dict`` takes the names of the published PyTorch port too.

    Args:
        num_classes (int): Number of classes, at least 1.
        attention (str | Mapping): The attention layer, ``'OffsetSelfAttention'`` (PCT),
            ``'OffsetExternalAttention'`` (EAT), or a dict with such a ``type`` and its
            arguments. Defaults to 'OffsetSelfAttention'.
        num_samples (Sequence[int]): Points after the first and the second neighbour
            embedding. Defaults to (512, 256).
        num_neighbors (int): Neighbours in an embedding. Defaults to 32.
        dropout (float): Probability of dropout in the classifier, from 0 to below 1.
            Defaults to 0.5.

    Raises:
        UserError: If an argument is not as described.
    """

    def __init__(
        self,
        num_classes: int,
        attention: str | Mapping = 'OffsetSelfAttention',
        num_samples: Sequence[int] = (512, 256),
        num_neighbors: int = 32,
        dropout: float = 0.5,
    ):
        super().__init__()
        name = type(self).__name__
        check_int(f'{name}: num_classes', num_classes, 1)
        meaning = 'the points after each neighbour embedding'
        check_sequence(f'{name}: num_samples', num_samples, 2, meaning)
        check_number(f'{name}: dropout', dropout, 0, 1)
        first, second = num_samples
        self.embedding = build_layers(3, 64, 64)
        self.group1 = NeighborEmbedding(64, 128, first, num_neighbors)
        self.group2 = NeighborEmbedding(128, 256, second, num_neighbors)
        self.mlp = build_layers(256, 256, 256)
        self.attention = build_attention_layers(name, attention, 256, NUM_LAYERS)
        self.fuse = PointLayer((NUM_LAYERS + 1) * 256, 1024, leaky=True)
        self.hidden1 = PointLayer(1024, 512, leaky=True)
        self.hidden2 = PointLayer(512, 256, bias=True, leaky=True)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(256, num_classes)

    def forward(self, points: Tensor) -> Tensor:
        """Classify clouds.

        Args:
            points (Tensor): Coordinates, (B, N, 3).

        Returns:
            Tensor: Logits, (B, num_classes).

        Raises:
            UserError: If a cloud has fewer points than are sampled.
        """
        coordinates, embedded = self.group1(points, self.embedding(points))
        _, embedded = self.group2(coordinates, embedded)
        x = self.mlp(embedded)
        outputs = []
        for layer in self.attention:
            x = layer(x)
            outputs.append(x)
        x = self.fuse(torch.cat([*outputs, embedded], dim=-1))  # (B, N, 1024)
        x = x.max(dim=1).values
        x = self.dropout(self.hidden1(x))
        x = self.dropout(self.hidden2(x))
        return self.fc(x)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        convert_entries(state_dict, prefix, partial(convert_pct, is_classifier=True))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
