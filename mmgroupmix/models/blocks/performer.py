"""Performer, the linear attention of T2T-ViT's light tokens-to-token module.

Papers: "Rethinking Attention with Performers" (arXiv 2009.14794), Section 2, and
"Tokens-to-Token ViT" (arXiv 2101.11986), Section 3.1, which uses it on long sequences.
The kernel of softmax attention, exp(q k^T), is approximated by positive random features,

    phi(x) = exp(w x^T - |x|^2 / 2) / sqrt(m)    (m features, rows of w random and fixed)

so that attention, D^-1 phi(Q) (phi(K)^T V), is linear in the number of tokens.
"""

import torch
from torch import Tensor, nn

from ..layers.precision import disable_autocast, promote_to_float32
from ..layers.recomputation import Linear

#: Keeps the division finite where all features of a token underflow.
EPSILON = 1e-8


class TokenPerformer(nn.Module):
    """Single-head Performer attention that narrows tokens; the values are its shortcut.

    Args:
        in_channels (int): Channels C of the input.
        dim (int): Channels d of the output. Defaults to 64.
        kernel_ratio (float): Features m in units of d. Defaults to 0.5.
        drop_rate (float): Dropout of the output. Defaults to 0.

    Attributes:
        projection (Tensor): The rows w, (m, d): orthogonal, of length sqrt(m), random and
            never trained; a buffer, which is saved in checkpoints.
    """

    projection: Tensor

    def __init__(
        self,
        in_channels: int,
        dim: int = 64,
        kernel_ratio: float = 0.5,
        drop_rate: float = 0.0,
    ):
        super().__init__()
        num_features = int(dim * kernel_ratio)
        self.kqv = Linear(in_channels, 3 * dim)
        self.proj = Linear(dim, dim)
        self.drop = nn.Dropout(drop_rate)
        rows = nn.init.orthogonal_(torch.empty(num_features, dim))
        self.register_buffer('projection', rows * num_features**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H, W, d)."""
        k, q, v = self.kqv(x.flatten(1, 2)).chunk(3, dim=-1)  # (B, N, d) each
        mixed = self.attend(q, k, v).to(v.dtype)
        return (v + self.drop(self.proj(mixed))).unflatten(1, x.shape[1:3])

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Compute D^-1 phi(Q) (phi(K)^T V), (B, N, d), at least in float32."""
        # Exponentials, and their sums over thousands of tokens, leave float16's range.
        with disable_autocast(v):
            queries = self.compute_features(promote_to_float32(q))
            keys = self.compute_features(promote_to_float32(k))
            context = keys.mT @ promote_to_float32(v)  # (B, m, d)
            normalizer = queries @ keys.sum(dim=1).unsqueeze(-1)  # D, (B, N, 1)
            return queries @ context / (normalizer + EPSILON)

    def compute_features(self, x: Tensor) -> Tensor:
        """Compute phi, (B, N, d) to (B, N, m)."""
        projection = self.projection.to(x.dtype)
        half_norms = x.square().sum(dim=-1, keepdim=True) / 2
        return (x @ projection.mT - half_norms).exp() / len(projection) ** 0.5
