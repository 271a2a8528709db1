"""Comparing a compiled model with the same model as it is."""

from copy import deepcopy

import torch
from torch._dynamo.utils import counters

#: Heights and widths: even, and odd with other ratios.
SIZES = ((64, 80), (70, 45))


def list_outputs(outputs):
    return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]


def run(model, call, images, training):
    """Outputs, and in training the gradients of the parameters and the buffers."""
    torch.manual_seed(0)
    with torch.set_grad_enabled(training):
        outputs = list_outputs(call(images))
    if not training:
        return outputs
    model.zero_grad()
    sum(output.square().mean() for output in outputs).backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert grads
    return [*outputs, *grads, *model.buffers()]


def compile_and_compare(model, training=False, sizes=SIZES, shape=(2, 3)):
    """Compile a model, which fails at a break of the graph, and compare every size.

    Returns:
        int: How many graphs were compiled.
    """
    torch._dynamo.reset()
    counters.clear()
    model.train(training)
    eager = deepcopy(model)
    # The one for training traces the backward pass too, in the operations that inductor
    # takes; neither writes kernels, which takes long.
    backend = 'aot_eager_decomp_partition' if training else 'eager'
    dynamic = len(sizes) > 1
    # Not the model by itself, whose forward hooks would be graphs of their own.
    compiled = torch.compile(
        lambda images: model(images), backend=backend, fullgraph=True, dynamic=dynamic
    )
    for size in sizes:
        images = torch.randn(*shape, *size)
        found = run(model, compiled, images, training)
        expected = run(eager, eager, images, training)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    return counters['stats']['unique_graphs']
