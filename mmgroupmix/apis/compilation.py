"""The option ``--compile``: ``torch.compile`` of the parts that take most of the time.

mmengine's ``compile`` compiles whole training steps, with data, losses and optimizer,
into many small graphs, and no test. Here backbone and neck are compiled, each into one
graph; what surrounds them runs as usual.
"""

import argparse
import time
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from ..errors import UserError

#: Names of the modules that are compiled, wherever in a model they are.
PARTS = ('backbone', 'neck')
DEFAULT_BACKEND = 'inductor'


def add_compile_option(parser: argparse.ArgumentParser) -> None:
    """Add the option to the parser of a command."""
    parser.add_argument(
        '--compile',
        action='store_true',
        help='compile backbone and neck by torch.compile, which takes minutes at first; '
        'in a test on a CPU, fold the backbone instead',
    )


def check_compile_option(args: argparse.Namespace) -> None:
    """Refuse options of ``train.py`` that do not go together with ``--compile``.

    Raises:
        UserError: If there is one.
    """
    if not args.compile:
        return
    if args.plan is not None:
        raise UserError(
            '--plan measures steps that are not compiled: plan without --compile, and '
            'train with it'
        )
    if args.fsdp:
        raise UserError('--compile does not compile sharded models: leave out --fsdp')


def take_compile_options(cfg: Config, args: argparse.Namespace) -> dict | None:
    """Take over the ``compile`` of a config, so that nothing is compiled twice.

    Args:
        cfg (Config): The config, whose ``compile`` is removed in place.
        args (argparse.Namespace): Parsed options.

    Returns:
        dict | None: Arguments of ``torch.compile``, None without ``--compile``.
    """
    if not args.compile:
        return None
    options = cfg.pop('compile', None)
    return dict(options) if isinstance(options, Mapping) else {}


def compile_training(runner: Runner, options: Mapping | None) -> None:
    """Compile the model of a training, on request.

    Args:
        runner (Runner): A runner that has not started.
        options (Mapping, optional): Arguments of ``torch.compile``, None to do nothing.

    Raises:
        UserError: If this machine cannot compile, or the model has nothing to compile.
    """
    if options is not None:
        compile_parts(runner, find_parts(runner.model), options)


def compile_test(runner: Runner, options: Mapping | None) -> None:
    """Compile the model of a test, on request; on a CPU, fold what can be folded.

    Args:
        runner (Runner): A runner that has not started.
        options (Mapping, optional): Arguments of ``torch.compile``, None to do nothing.

    Raises:
        UserError: If this machine cannot compile, or the model has nothing to compile.
    """
    if options is None:
        return
    parts = find_parts(runner.model)
    foldable = {name: part for name, part in parts.items() if hasattr(part, 'fuse')}
    if not foldable or find_device(runner.model).type != 'cpu':
        compile_parts(runner, parts, options)
        return
    names = ', '.join(foldable)
    if options:
        check_compiler(find_device(runner.model), options)
        backend = options.get('backend', DEFAULT_BACKEND)
        line = f'folded (fuse()) and compiled, backend {backend}; the first images of a '
        line += 'size take minutes'
    else:
        line = 'folded (fuse()) instead: compiled too, it was about as fast. '
        line += "To compile the folded one: --cfg-options compile.backend='inductor'"
    runner.register_hook(FoldingHook(foldable.values(), options), priority='LOWEST')
    runner.logger.info(f'--compile: on a CPU, {names} is {line}')


class FoldingHook(Hook):
    """Let backbones compute as folded ones when all weights are loaded.

    The folded backbone is a copy: the model keeps its parameters, which EMAHook exchanges
    before and after a test.

    Args:
        backbones (Iterable[nn.Module]): Backbones with a method ``fuse``.
        options (Mapping): Arguments of ``torch.compile``; empty to compile nothing.
    """

    def __init__(self, backbones: Iterable[nn.Module], options: Mapping):
        self.backbones = list(backbones)
        self.options = options

    def before_test_epoch(self, runner: Runner) -> None:
        """Fold, after EMAHook."""
        for backbone in self.backbones:
            folded: Any = deepcopy(backbone)
            # Not the whole call: hooks run on the backbone itself.
            forward = folded.fuse().forward
            if self.options:
                forward = torch.compile(forward, **self.options)
            vars(backbone)['forward'] = forward

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Compute as before."""
        for backbone in self.backbones:
            vars(backbone).pop('forward', None)


def compile_parts(
    runner: Runner, parts: Mapping[str, nn.Module], options: Mapping
) -> None:
    """Compile parts of a model in place; their names and parameters stay as they are.

    Raises:
        UserError: If the compiler fails, or the model has none of the parts.
    """
    if not parts:
        raise UserError(
            f'--compile compiles the modules {" and ".join(PARTS)} of a model; '
            f'{type(runner.model).__name__} has neither. Train or test it without.'
        )
    check_compiler(find_device(runner.model), options)
    for part in parts.values():
        part.compile(**options)
    backend = options.get('backend', DEFAULT_BACKEND)
    sizes = {
        True: 'for images of all sizes',
        False: 'once more for every further size of images',
        None: 'once more at the second size of images, then for all sizes',
    }
    runner.logger.info(
        f'--compile: {", ".join(parts)} by torch.compile, backend {backend}, '
        f'{sizes[options.get("dynamic")]}; preprocessing, heads, losses and metrics run '
        'as usual. The first steps of training and of evaluation take minutes'
    )


def find_parts(model: nn.Module) -> dict[str, nn.Module]:
    """The modules with a name in ``PARTS``, but none within another, by their paths."""
    parts: dict[str, nn.Module] = {}
    for path, module in model.named_modules():
        inner = any(path.startswith(f'{outer}.') for outer in parts)
        if path.rpartition('.')[2] in PARTS and not inner:
            parts[path] = module
    return parts


def find_device(model: nn.Module) -> torch.device:
    """The device of a model; a CPU if it has no parameters."""
    return next((p.device for p in model.parameters()), torch.device('cpu'))


def check_compiler(device: torch.device, options: Mapping[str, Any]) -> None:
    """Compile a sum, to find out what is missing before a run has begun.

    Raises:
        UserError: If it fails, with the reason.
    """
    number = time.time()  # a function that no cache has

    def add(x: torch.Tensor) -> torch.Tensor:
        return x + number

    try:
        torch.compile(add, **options)(torch.zeros(2, device=device))
    except Exception as error:  # of any compiler, or a backend of the user's
        raise UserError(
            f'--compile: torch.compile does not work here: {find_reason(error)}. The '
            'backend inductor needs a C++ compiler and the headers of Python (Debian, '
            'Ubuntu: apt install g++ python3-dev), on a GPU also Triton. '
            'Install what is missing, or leave out --compile.'
        ) from error


def find_reason(error: Exception) -> str:
    """The line of a failed compilation that says why, of many."""
    cause = getattr(error, 'inner_exception', error)
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    # After the command, C++ compilers say what is missing.
    errors = [line for line in lines if 'error: ' in line]
    reason = next(iter(errors or lines), '')
    return f'{type(cause).__name__}: {reason}'.rstrip('.: ')
