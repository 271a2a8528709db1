#!/usr/bin/env python3
"""Count parameters and multiply-adds of external attention and of self-attention.

As the paper of external attention does (arXiv 2105.02358), by default on a map of
1 x 512 x 128 x 128. Nothing is computed: PyTorch counts on tensors without data.
"""

import argparse

import _checkout  # noqa: F401  this checkout, before another installed copy
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmgroupmix.models.blocks.external_attention_block import ExternalAttentionBlock
from mmgroupmix.models.blocks.self_attention_block import SelfAttentionBlock

SIZE = (512, 128)  # the paper's: channels, and pixels along each side
PAPER = (
    ('the paper: external attention', '0.55', '9.2'),
    ('the paper: self-attention', '1.00', '292'),
)
WHAT_DIFFERS = """
The first row is the block of the published code, with 64 entries in each of two
memories. No way of counting was found that gives all four of the paper's numbers. Its
self-attention is 4 x 512 x 512 weights in units of 2^20, with these multiply-adds.
Nearest to its external attention come 2 x 512 x 512 weights of the convolutions and
64 x 512 of both memories together: 0.557 M and 9.13 G."""


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
            f'{multiply_adds(block, image) / 1e9:.2f}',
        )
        for name, block in blocks.items()
    ]
    of_paper = (args.channels, args.side) == SIZE
    print(f'Blocks with their convolutions, at {" x ".join(map(str, size))}:')
    print(f'{"":34}{"parameters/M":>14}{"multiply-adds/G":>17}')
    for name, parameters, operations in (*rows, *(PAPER if of_paper else ())):
        print(f'{name:34}{parameters:>14}{operations:>17}')
    if of_paper:
        print(WHAT_DIFFERS)


def multiply_adds(block: nn.Module, image: torch.Tensor) -> int:
    """Those of convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        block.eval()(image)
    return counter.get_total_flops() // 2


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--channels', type=int, default=SIZE[0])
    parser.add_argument('--side', type=int, default=SIZE[1], help='pixels of each side')
    return parser.parse_args()


if __name__ == '__main__':
    main()
