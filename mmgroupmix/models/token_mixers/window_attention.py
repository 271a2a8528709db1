"""Self-attention in windows, plain or shifted: the token mixer of Swin Transformer.

Paper: "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows"
(arXiv 2103.14030), Section 3.2. GroupMixFormer's ablation studies compare it with
Group-Mix Attention in the same architecture (arXiv 2311.15157, Section 4.3).
"""

from torch import Tensor, nn
from torchvision.models.swin_transformer import ShiftedWindowAttention

from ...arguments import check_divisor, check_int
from ...registry import TOKEN_MIXERS
from ..layers.initialization import initialize


@TOKEN_MIXERS.register_module()
class WindowAttention(nn.Module):
    """Multi-head self-attention in windows of M x M tokens (Section 3.2).

    It is torchvision's module, with a learnt bias per relative position (Equation 4).
    Swin Transformer shifts the windows in every second block: give a stage the mixers
    ``[dict(type='WindowAttention'), dict(type='WindowAttention', shifted=True)]``.

    Args:
        dim (int): Channels C, a multiple of ``num_heads``.
        num_heads (int): Number of heads. Defaults to 8.
        window_size (int): Side M of a window. The map is padded with zeros to a multiple
            of it, and the padding takes part in the attention. Defaults to 7.
        shifted (bool): Shift the windows by M // 2, with a cyclic shift of the map and a
            mask; not along a side that is a single window. Defaults to False.

    Raises:
        UserError: If an argument is not as described.
    """

    def __init__(
        self, dim: int, num_heads: int = 8, window_size: int = 7, shifted: bool = False
    ):
        super().__init__()
        check_int('WindowAttention: dim', dim, 1)
        check_divisor('WindowAttention: num_heads', num_heads, dim)
        check_int('WindowAttention: window_size', window_size, 1)
        shift = window_size // 2 if shifted else 0
        self.attention = ShiftedWindowAttention(
            dim, [window_size, window_size], [shift, shift], num_heads
        )
        self.attention.apply(initialize)

    def forward(self, x: Tensor) -> Tensor:
        """Mix tokens.

        Args:
            x (Tensor): Tokens, (B, H, W, C).

        Returns:
            Tensor: Mixed tokens, (B, H, W, C).
        """
        return self.attention(x)
