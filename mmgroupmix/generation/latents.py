"""Random vectors and classes from which a generator draws, each set by its own seed."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor


def seeded_generator(*numbers: int) -> torch.Generator:
    """A generator of random numbers on the CPU.

    Args:
        *numbers (int): What its numbers depend on, each at least 0.
    """
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))


def draw_latents(
    generator: torch.Generator, number: int, z_dim: int, num_classes: int
) -> tuple[Tensor, Tensor]:
    """Draw vectors from a standard normal distribution, and classes uniformly.

    Args:
        generator (torch.Generator): Source of the random numbers, on the CPU: the same
            seed then gives the same images on any device.
        number (int): How many, B.
        z_dim (int): Length of a vector.
        num_classes (int): Classes.

    Returns:
        tuple[Tensor, Tensor]: Vectors, (B, z_dim), and classes, (B,), int64.
    """
    z = torch.randn(number, z_dim, generator=generator)
    return z, torch.randint(num_classes, (number,), generator=generator)


def draw_seeded_latents(
    seeds: Iterable[int | Sequence[int]], z_dim: int, num_classes: int
) -> tuple[Tensor, Tensor]:
    """Draw a vector and a class for each seed, which do not depend on the other seeds.

    Args:
        seeds (Iterable[int | Sequence[int]]): A number, or several, for each image.
        z_dim (int): Length of a vector.
        num_classes (int): Classes.

    Returns:
        tuple[Tensor, Tensor]: Vectors, (B, z_dim), and classes, (B,), int64.
    """
    drawn = []
    for seed in seeds:
        numbers = (seed,) if isinstance(seed, int) else tuple(seed)
        drawn.append(draw_latents(seeded_generator(*numbers), 1, z_dim, num_classes))
    return torch.cat([z for z, _ in drawn]), torch.cat([labels for _, labels in drawn])
