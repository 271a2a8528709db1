"""Parameters and operations of the model of a config."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config
from mmengine.registry import DefaultScope

from ..errors import UserError
from .benchmarking.tensor_path import TensorPath
from .tasks import infer_task


def count(cfg: Config, size: tuple[int, int]) -> dict[str, float]:
    """Count what one image costs, by mmengine's analysis of the traced model.

    Multiply-adds of linear layers, convolutions, products and norms count; softmax,
    activations and elementwise sums do not, as in the papers' tables.

    Args:
        cfg (Config): Config of mmseg, mmdet or mmpretrain.
        size (tuple[int, int]): Height and width of the image; points of a cloud and
            their coordinates.

    Returns:
        dict[str, float]: ``params`` and ``activations`` in millions, ``flops`` in
        billions of multiply-adds.

    Raises:
        UserError: If the model does not work at this size.
    """
    task = infer_task(cfg)
    # Without gradients, the tracer need not keep every map. The seed decides how many
    # proposals a detector of two stages has.
    with (
        _without_log(),
        torch.no_grad(),
        torch.random.fork_rng(devices=[]),
        DefaultScope.overwrite_default_scope(task.toolbox),
    ):
        torch.manual_seed(0)
        model = TensorPath(cfg).eval()
        try:
            found = get_model_complexity_info(
                model,
                inputs=task.build_input(size),
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


@contextmanager
def _without_log() -> Iterator[None]:
    """Leave out the log of the tracer, which names every module that is not called."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
