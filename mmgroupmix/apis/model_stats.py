"""The command ``tools/model_stats.py``: parameters and multiply-adds of models."""

import argparse
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from ..errors import UserError
from .command_line import run_command
from .config.read import read_config
from .recipes.describe import build_model
from .tasks import DETECTION, infer_task


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; return the exit code."""
    args = _build_parser().parse_args(arguments)
    return run_command(lambda: print_model_stats(args))


def print_model_stats(args: argparse.Namespace) -> None:
    """Print a table with one row per config.

    Raises:
        UserError: If a config is missing or its model does not work at the size.
    """
    height, width = args.size
    print(f'at {height}x{width}, one image')
    print('| config | parameters (M) | multiply-adds (G) | activations (M) |')
    print('|---|---|---|---|')
    for path in args.configs:
        stats = count(read_config(path), (height, width))
        cells = (f'{stats[key]:.2f}' for key in ('params', 'flops', 'activations'))
        print(f'| {Path(path).stem} | {" | ".join(cells)} |', flush=True)


def count(cfg: Config, size: tuple[int, int]) -> dict[str, float]:
    """Count what one image costs, by mmengine's analysis of the traced model.

    Multiply-adds of linear layers, convolutions, products and norms count; softmax,
    activations and elementwise sums do not, as in the papers' tables.

    Args:
        cfg (Config): Config of mmseg, mmdet or mmpretrain.
        size (tuple[int, int]): Height and width of the image.

    Returns:
        dict[str, float]: ``params`` and ``activations`` in millions, ``flops`` in
        billions of multiply-adds.

    Raises:
        UserError: If the model does not work at this size.
    """
    task = infer_task(cfg)
    with _without_log(), DefaultScope.overwrite_default_scope(task.toolbox):
        model = build_model(cfg, 'cpu').eval()
        forward: Any = partial(model.forward, mode='tensor')
        if task is DETECTION:
            from mmdet.structures import DetDataSample

            sample = DetDataSample(metainfo=dict(img_shape=size, pad_shape=size))
            forward = partial(forward, data_samples=[sample])
        try:
            found = get_model_complexity_info(
                _Traced(model, forward),
                inputs=torch.zeros(1, 3, *size),
                show_table=False,
                show_arch=False,
            )
        except (RuntimeError, ValueError) as error:
            raise UserError(
                f'{cfg.filename}: the model does not work at {size[0]}x{size[1]}: {error}'
            ) from error
    return {
        'params': sum(p.numel() for p in model.parameters()) / 1e6,
        'flops': found['flops'] / 1e9,
        'activations': found['activations'] / 1e6,
    }


class _Traced(nn.Module):
    """A model whose forward takes images only."""

    def __init__(self, model: nn.Module, forward: Any):
        super().__init__()
        self.model = model
        self.call = forward

    def forward(self, images: torch.Tensor) -> Any:
        return self.call(images)


@contextmanager
def _without_log() -> Iterator[None]:
    """Leave out the log of the tracer, which names every module that is not called."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _parse_size(text: str) -> tuple[int, int]:
    sides = [int(side) if side.isdigit() else 0 for side in text.split('x')]
    if len(sides) > 2 or min(sides) < 1:
        raise argparse.ArgumentTypeError(f'{text}: expected a side such as 224, or HxW')
    return sides[0], sides[-1]


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Count parameters, multiply-adds and activations of the models of '
        'configs, as the tables of the papers do.'
    )
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help='config files')
    parser.add_argument(
        '--size',
        type=_parse_size,
        default=(224, 224),
        metavar='HxW',
        help='height and width of the image, or the side of a square; default: 224',
    )
    return parser
