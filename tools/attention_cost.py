"""Count parameters and multiply-adds of external attention and of self-attention.

By default for a feature map of 1 x 512 x 128 x 128, as in the paper of external attention
(arXiv 2105.02358). Nothing is computed, because the tensors have no data.
"""

import argparse

import _checkout  # noqa: F401  prefer this checkout to an installed copy
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmgroupmix.models.blocks.external_attention_block import ExternalAttentionBlock
from mmgroupmix.models.blocks.self_attention_block import SelfAttentionBlock

# Channels and height (and width) of the feature map in the paper, and what it reports.
SIZE = (512, 128)
PAPER = (
    ('the paper: external attention', '0.55', '9.2'),
    ('the paper: self-attention', '1.00', '292'),
)
DIFFERENCES = """
The first row is the block of the published code, with 64 entries in each of two memories.
No way of counting yields all four numbers of the paper. Those of self-attention are the
4 x 512 x 512 weights, in units of 2^20, and the multiply-adds above. Those of external
attention are closest to 2 x 512 x 512 weights of the convolutions and 64 x 512 weights of
both memories together, which are 0.557 M and 9.13 G."""


def main() -> None:
    args = parse_args()
    size = (1, args.channels, args.side, args.side)
    with torch.device('meta'):
        blocks = {
            'external attention, S = 64': ExternalAttentionBlock(args.channels),
            '  one memory for keys and values': ExternalAttentionBlock(
                args.channels, tied=True
            ),
            '  S = 32': ExternalAttentionBlock(args.channels, num_memories=32),
            'self-attention': SelfAttentionBlock(args.channels),
        }
        image = torch.empty(size)
    rows = [
        (
            name,
            f'{sum(p.numel() for p in block.parameters()) / 1e6:.3f}',
            f'{count_multiply_adds(block, image) / 1e9:.2f}',
        )
        for name, block in blocks.items()
    ]
    is_size_of_paper = (args.channels, args.side) == SIZE
    print(
        f'Blocks including their convolutions, for a map of {" x ".join(map(str, size))}:'
    )
    print(f'{"":34}{"parameters/M":>14}{"multiply-adds/G":>17}')
    for name, parameters, operations in (*rows, *(PAPER if is_size_of_paper else ())):
        print(f'{name:34}{parameters:>14}{operations:>17}')
    if is_size_of_paper:
        print(DIFFERENCES)


def count_multiply_adds(block: nn.Module, image: torch.Tensor) -> int:
    """Count the multiply-adds of convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        block.eval()(image)
    return counter.get_total_flops() // 2


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--channels',
        type=int,
        default=SIZE[0],
        metavar='N',
        help='channels of the feature map (default: %(default)s)',
    )
    parser.add_argument(
        '--side',
        type=int,
        default=SIZE[1],
        metavar='N',
        help='height and width of the feature map (default: %(default)s)',
    )
    return parser.parse_args()


if __name__ == '__main__':
    main()
