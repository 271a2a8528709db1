"""The operations of a step by kind: how many there are, what they compute and move."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.profiler import record_function
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import (
    conv_flop_count,
    flop_registry,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

LINEAR = 'linear layers, 1x1 convolutions'
DEPTHWISE = 'depthwise convolutions'
CONVOLUTION = 'other convolutions'
ATTENTION = 'attention products'
NORM = 'norms'
ACTIVATION = 'activations'
SOFTMAX = 'softmax'
POOLING = 'pooling'
COPY = 'copies and layouts'
VIEW = 'views'
OTHER = 'everything else'
KINDS = (
    *(LINEAR, DEPTHWISE, CONVOLUTION, ATTENTION, NORM, ACTIVATION),
    *(SOFTMAX, POOLING, COPY, VIEW, OTHER),
)

#: Kinds of operators that are not products, by their names without '_' around them.
NAMES = {
    NORM: r'.*(batch|group|layer|instance|rms)_norm.*',
    SOFTMAX: r'.*softmax.*',
    POOLING: r'.*pool.*',
    ACTIVATION: r'(gelu|hardswish|relu6?|silu|mish|hardtanh|threshold|leaky_relu|elu|celu'
    r'|selu|prelu|prelu_kernel|sigmoid|hardsigmoid|log_sigmoid|tanh|softplus|glu)'
    r'(_backward)?',
    COPY: r'clone|copy|to_copy|cat|stack|repeat|reorder_.*|to_mkldnn|to_dense'
    r'|constant_pad_nd|(slice|select|split|unfold)_backward|flip|roll',
    VIEW: r'unsafe_view',  # unlike those of all others, its schema does not say it
}
#: Operators that read none of the tensor that they write, and those that write nothing.
OVERWRITING = r'copy|fill|zero'
ALLOCATING = r'(new_)?empty(_like|_strided|_permuted)?'
#: Operators of oneDNN call the weight of a convolution W.
WEIGHTS = ('weight', 'W')


@dataclass
class Counts:
    """Operations of a kind.

    Attributes:
        calls (int): Their number.
        operations (int): Of their products, two per multiply-add.
        bytes (int): Sizes of the tensors that they take and give.
    """

    calls: int = 0
    operations: int = 0
    bytes: int = 0


class OperationCounter(TorchDispatchMode):
    """Count the operations that PyTorch runs in the context, by kind.

    A profiler sees each of them in a scope with the name of its kind.

    Attributes:
        counts (dict[str, Counts]): By kind, for all of ``KINDS``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts = {kind: Counts() for kind in KINDS}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run and count an operator."""
        kwargs = kwargs or {}
        kind = find_kind(func, args)
        with record_function(kind):
            result = func(*args, **kwargs)
        counts = self.counts[kind]
        counts.calls += 1
        counts.operations += count_operations(func, args, kwargs, result)
        if kind != VIEW:
            counts.bytes += count_bytes(func, args, kwargs, result)
        return result


def find_kind(func: Any, args: tuple) -> str:
    """The kind of an operator; products are those whose operations can be counted."""
    if func.is_view:
        return VIEW
    name = get_name(func)
    if find_formula(func):
        if 'conv' in name:
            return find_convolution(func, args)
        return ATTENTION if 'bmm' in name or 'attention' in name else LINEAR
    matches = (kind for kind, names in NAMES.items() if re.fullmatch(names, name))
    return next(matches, OTHER)


def find_convolution(func: Any, args: tuple) -> str:
    """The kind of a convolution, by its groups and its kernel."""
    given = bind(func, args)
    shape = next(given[name].shape for name in WEIGHTS if name in given)
    groups = given.get('groups', 1)
    if groups > 1 and shape[1] == 1:
        return DEPTHWISE
    is_pointwise = groups == 1 and math.prod(shape[2:]) == 1
    return LINEAR if is_pointwise else CONVOLUTION


def count_operations(
    func: Any, args: tuple, kwargs: Mapping[str, Any], result: Any
) -> int:
    """Operations of a product, two per multiply-add; 0 of everything else."""
    formula = find_formula(func)
    return formula(*args, **kwargs, out_val=result) if formula else 0


def count_bytes(func: Any, args: tuple, kwargs: Mapping[str, Any], result: Any) -> int:
    """Sizes of the distinct tensors that an operator reads, and of those it writes."""
    name = get_name(func)
    if re.fullmatch(ALLOCATING, name):
        return 0
    read: dict[int, Tensor] = {}
    written = {id(t): t for t in iter_tensors(result)}
    given = bind(func, args) | dict(kwargs)
    for argument in func._schema.arguments:
        tensors = {id(t): t for t in iter_tensors(given.get(argument.name))}
        is_written = argument.alias_info is not None and argument.alias_info.is_write
        if is_written:
            written |= tensors
        is_read = not re.fullmatch(OVERWRITING, name) and not argument.is_out
        if not is_written or is_read:
            read |= tensors
    return sum(measure_size(t) for t in (*read.values(), *written.values()))


def measure_size(tensor: Tensor) -> int:
    """Bytes of a tensor; those that an expanded one repeats count once."""
    sizes = list(tensor.shape)
    if tensor.layout == torch.strided:
        sizes = [n for n, stride in zip(sizes, tensor.stride()) if stride or n == 0]
    return math.prod(sizes) * tensor.element_size()


def iter_tensors(values: Any) -> Iterator[Tensor]:
    """The tensors among the values of an argument or a result."""
    return (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor))


def bind(func: Any, args: tuple) -> dict[str, Any]:
    """Positional arguments by name."""
    return {a.name: value for a, value in zip(func._schema.arguments, args)}


@cache
def get_name(func: Any) -> str:
    """The name of an operator without library, overload and '_' around it."""
    return func.name().partition('::')[2].partition('.')[0].strip('_')


def find_formula(func: Any) -> Any:
    """The number of operations as a function of arguments and ``out_val``, or None."""
    packet = func.overloadpacket
    return FORMULAS.get(packet) or flop_registry.get(packet)


def count_convolution_gradients(
    grad: Tensor, x: Tensor, weight: Tensor, *rest: Any, out_val: Any, **kwargs: Any
) -> int:
    """Each gradient of a convolution takes as much as itself.

    PyTorch's formula takes the gradient of grouped kernels for that of dense ones.
    """
    *_, transposed, _, _, mask = rest
    once = conv_flop_count(
        list(x.shape), list(weight.shape), list(grad.shape), transposed=transposed
    )
    return once * sum(mask[:2])


def count_attention(*tensors: Any, **kwargs: Any) -> int:
    """Attention of queries, keys and values."""
    return sdpa_flop_count(*(tensor.shape for tensor in tensors[:3]))


def count_attention_gradients(*tensors: Any, **kwargs: Any) -> int:
    """Its gradient by them: of the result, queries, keys and values."""
    return sdpa_backward_flop_count(*(tensor.shape for tensor in tensors[:4]))


#: What PyTorch's counter of operations counts otherwise, or does not know.
FORMULAS = {
    torch.ops.aten.convolution_backward: count_convolution_gradients,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: count_attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        count_attention_gradients
    ),
}
