"""Group proxies: tokens aggregated over their neighbourhood.

Paper: "Advancing Vision Transformers with Group-Mix Attention" (arXiv 2311.15157),
Section 3.2. The kinds of aggregators are those of its ablation studies.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from ...arguments import check_choice, check_odd
from .layout import to_map, to_tokens
from .norm import apply_norm, build_batch_norm, fold_batch_norm
from .packed import pack_pointwise
from .separable_conv import SharedSeparableConv2d


class MapPooling(nn.Module):
    """Pooling of stride 1 over the K x K tokens around each, as far as they exist.

    Args:
        pool (nn.Module): A pooling of (B, C, H, W) maps that keeps their size.
        sign (int): -1 turns a maximum into a minimum. Defaults to 1.
    """

    def __init__(self, pool: nn.Module, sign: int = 1):
        super().__init__()
        self.pool = pool
        self.sign = sign

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H, W, C)."""
        return self.sign * to_tokens(self.pool(to_map(self.sign * x)))

    def extra_repr(self) -> str:
        """The sign, for ``print(model)``."""
        return f'sign={self.sign}'


def build_max_pool(side: int) -> nn.Module:
    """Build the maximum over K x K places, as far as they exist."""
    return nn.MaxPool2d(side, 1, padding=side // 2)


def build_avg_pool(side: int) -> nn.Module:
    """Build the mean over K x K places, as far as they exist."""
    return nn.AvgPool2d(side, 1, padding=side // 2, count_include_pad=False)


#: Aggregators by name; each is built for c channels and a side K.
AGGREGATORS: dict[str, Callable[[int, int], nn.Module]] = {
    'identity': lambda dim, side: nn.Identity(),
    'conv': SharedSeparableConv2d,
    'max_pool': lambda dim, side: MapPooling(build_max_pool(side)),
    'avg_pool': lambda dim, side: MapPooling(build_avg_pool(side)),
    'min_pool': lambda dim, side: MapPooling(build_max_pool(side), sign=-1),
}


class GroupProxies(nn.Module):
    """An aggregator, batch norm and Hardswish, shared by several maps such as q, k, v.

    Args:
        dim (int): Channels c of each map.
        kind (str): ``'identity'``; ``'conv'``, a separable convolution; ``'max_pool'``,
            ``'avg_pool'`` or ``'min_pool'``, poolings without weights.
        kernel_size (int): Odd side of the neighbourhood; unused by ``'identity'``.
        norm_cfg (dict): Config of the batch norm. Its training statistics pool over all
            maps.

    Raises:
        UserError: If an argument is not as described.
    """

    def __init__(self, dim: int, kind: str, kernel_size: int, norm_cfg: Mapping):
        super().__init__()
        check_choice('GroupProxies: kind', kind, AGGREGATORS)
        check_odd('GroupProxies: kernel_size', kernel_size)
        self.dim = dim
        #: Whether aggregating a * x + b gives a * (aggregated x) + b in every channel.
        self.is_mean = kind in ('identity', 'avg_pool')
        self.aggregator = AGGREGATORS[kind](dim, kernel_size)
        self.norm: nn.Module = build_batch_norm(norm_cfg, dim)
        self.activation: nn.Module = nn.Hardswish()

    def aggregate(self, x: Tensor) -> Tensor:
        """(B, H, W, n c), n maps side by side, to proxies (B, HW, n, c)."""
        # BN sees (B, c, HW, n): one set of statistics for all maps together.
        return self.activation(apply_norm(self.norm, self.aggregate_maps(x)))

    def aggregate_maps(self, x: Tensor) -> Tensor:
        """(B, H, W, n c), n maps side by side, to (B, HW, n, c) before norm and act."""
        batch, height, width = x.shape[:3]
        return self.aggregator(x).reshape(batch, height * width, -1, self.dim)

    def fuse(self, num_maps: int = 3) -> None:
        """Fold the batch norm into the convolution, if the aggregator is one."""
        if isinstance(self.aggregator, SharedSeparableConv2d):
            self.aggregator.fuse(num_maps)
            conv: Any = self.aggregator.pointwise
            conv, self.norm = fold_batch_norm(conv, self.norm)
            if isinstance(self.norm, nn.Identity):
                conv = pack_pointwise(conv, 'hardswish')
                self.activation = nn.Identity()
            self.aggregator.pointwise = conv
