"""The states of the random number generators of a process."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def get_random_states() -> dict:
    """The states of the generators of Python, numpy, PyTorch and the current GPU.

    Returns:
        dict: Numbers, tuples and tensors only, so that a checkpoint can hold it.
    """
    numpy: Any = np.random.get_state(legacy=False)
    keys = torch.from_numpy(numpy['state']['key'].astype(np.int64))
    states = dict(
        python=random.getstate(),
        numpy=dict(numpy, state=dict(key=keys, pos=numpy['state']['pos'])),
        torch=torch.get_rng_state(),
    )
    if torch.cuda.is_available():
        states['cuda'] = torch.cuda.get_rng_state()
    return states


def set_random_states(states: Mapping) -> None:
    """Restore the generators.

    Args:
        states (Mapping): As :func:`get_random_states` returned it, in this process or,
            through a checkpoint, in another one.
    """
    version, internal, gauss = states['python']
    random.setstate((version, tuple(internal), gauss))
    numpy = states['numpy']
    keys = numpy['state']['key'].cpu().numpy().astype(np.uint32)
    np.random.set_state(dict(numpy, state=dict(numpy['state'], key=keys)))
    torch.set_rng_state(states['torch'].cpu())
    if 'cuda' in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states['cuda'].cpu())


def seed_process(seed: int) -> None:
    """Seed the generators of Python, numpy and PyTorch, on all devices.

    Args:
        seed (int): At least 0.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def seeded_cpu(*numbers: int) -> Iterator[None]:
    """Seed the generators of the CPU for a block; afterwards they go on as before.

    Args:
        numbers (int): What the random numbers of the block depend on, at least 0.
    """
    python, numpy, state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    seeds = np.random.SeedSequence(numbers).generate_state(3)
    random.seed(int(seeds[0]))
    np.random.seed(seeds[1])
    # torch.manual_seed would seed the GPUs as well.
    torch.default_generator.manual_seed(int(seeds[2]))
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(state)
