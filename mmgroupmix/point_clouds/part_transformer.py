"""The Point Cloud Transformer that segments shapes into parts; with external attention,
EAT.

Paper: "PCT: Point Cloud Transformer" (arXiv 2012.09688), Section 3.1 and Figure 2; sizes
as in the published code.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..arguments import check_int, check_number, explain_arguments
from ..checkpoints.pct import convert_pct
from ..models.layers.state_dict import convert_entries
from ..registry import MODELS
from .attention import build_attention_layers
from .layers import PointLayer, build_layers

NUM_LAYERS = 4
WIDTH, FUSED, CATEGORY = 128, 1024, 64


@MODELS.register_module()
@explain_arguments
class PartSegmentationTransformer(nn.Module):
    """Classifier of the points of shapes, whose category is known.

    No points are sampled: four attention layers mix all of them. Each point is described
    by its own features, the maximum and the mean over all points, and the category.

    ``load_state_dict`` takes the names of the published code too.

    Args:
        num_classes (int): Number of parts of all categories, at least 1.
        num_categories (int): Number of categories, at least 1. Defaults to 16.
        attention (str | Mapping): As for :class:`PointCloudTransformer`. Defaults to
            'OffsetSelfAttention'.
        dropout (float): Probability of dropout in the classifier, from 0 to below 1.
            Defaults to 0.5.

    Raises:
        UserError: If an argument is not as described.
    """

    def __init__(
        self,
        num_classes: int,
        num_categories: int = 16,
        attention: str | Mapping = 'OffsetSelfAttention',
        dropout: float = 0.5,
    ):
        super().__init__()
        name = type(self).__name__
        check_int(f'{name}: num_classes', num_classes, 1)
        check_number(f'{name}: dropout', dropout, 0, 1)
        self.num_categories = check_int(f'{name}: num_categories', num_categories, 1)
        self.embedding = build_layers(3, WIDTH, WIDTH)
        self.attention = build_attention_layers(name, attention, WIDTH, NUM_LAYERS)
        self.fuse = PointLayer(NUM_LAYERS * WIDTH, FUSED, leaky=True)
        self.category = PointLayer(num_categories, CATEGORY, leaky=True)
        self.hidden1 = PointLayer(3 * FUSED + CATEGORY, 512, bias=True)
        self.dropout = nn.Dropout(dropout)
        self.hidden2 = PointLayer(512, 256, bias=True)
        self.fc = nn.Linear(256, num_classes)

    def forward(self, points: Tensor, categories: Tensor) -> Tensor:
        """Classify points.

        Args:
            points (Tensor): Coordinates, (B, N, 3).
            categories (Tensor): Category of each shape, (B, ), int64, from 0.

        Returns:
            Tensor: Logits, (B, N, num_classes).
        """
        x = self.embedding(points)
        outputs = []
        for layer in self.attention:
            x = layer(x)
            outputs.append(x)
        x = self.fuse(torch.cat(outputs, dim=-1))  # (B, N, 1024)
        one_hot = F.one_hot(categories, self.num_categories).to(x.dtype)
        shape = [x.max(dim=1).values, x.mean(dim=1), self.category(one_hot)]
        # The layer takes [point, shape]: its product with what all points of a shape have
        # in common is computed once.
        of_point, of_shape = self.hidden1.linear.weight.split(
            [FUSED, 2 * FUSED + CATEGORY], dim=1
        )
        common = F.linear(torch.cat(shape, dim=-1), of_shape, self.hidden1.linear.bias)
        x = self.hidden1.normalize(F.linear(x, of_point) + common.unsqueeze(1))
        return self.fc(self.hidden2(self.dropout(x)))

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        convert_entries(state_dict, prefix, partial(convert_pct, is_classifier=False))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
