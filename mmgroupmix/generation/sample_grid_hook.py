"""Hook that draws a grid of images while a GAN is training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mmcv
import numpy as np
import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor
from torchvision.utils import make_grid

from ..arguments import check_int
from ..registry import HOOKS

#: Pixels between the images of a grid.
PADDING = 2


@HOOKS.register_module()
class SampleGridHook(Hook):
    """Draw the same random vectors again and again, as a PNG for each time.

    Rows are classes, columns are vectors. The files are ``samples_ITERATION.png`` in
    ``vis_data/vis_image`` of the log folder, by mmengine's visualizer.

    Args:
        interval (int): Iterations between two grids. Defaults to 2000.
        num_columns (int): Images of each class. Defaults to 10.
        max_rows (int): Classes that are shown, from 0 on. Defaults to 10.
        out_dir (str, optional): Where a test writes its grid, ``samples.png``. Defaults
            to None: it draws none.
    """

    priority = 'LOW'

    def __init__(
        self,
        interval: int = 2000,
        num_columns: int = 10,
        max_rows: int = 10,
        out_dir: str | None = None,
    ):
        self.interval = check_int('SampleGridHook: interval', interval, 1)
        self.num_columns = check_int('SampleGridHook: num_columns', num_columns, 1)
        self.max_rows = check_int('SampleGridHook: max_rows', max_rows, 1)
        self.out_dir = out_dir

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Draw a grid every ``interval`` iterations, and at the end."""
        step = runner.iter + 1
        if step % self.interval == 0 or step == runner.max_iters:
            self._draw(runner, step)

    def after_test_epoch(self, runner: Runner, metrics: Mapping | None = None) -> None:
        """Draw a grid into the folder of a test, if there is one."""
        if self.out_dir:
            self._draw(runner, None)

    @master_only
    def _draw(self, runner: Runner, step: int | None) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        rows = min(model.num_classes, self.max_rows)
        labels = [row for row in range(rows) for _ in range(self.num_columns)]
        seeds = list(range(self.num_columns)) * rows
        grid = arrange(model.generate(seeds, labels), self.num_columns)
        if step is None:
            mmcv.imwrite(grid[..., ::-1], str(Path(self.out_dir or '') / 'samples.png'))
        else:
            runner.visualizer.add_image('samples', grid, step)


def to_uint8(images: Tensor) -> np.ndarray:
    """Convert images (..., 3, H, W) from -1 to 1 to (..., H, W, 3), uint8."""
    scaled = ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return scaled.movedim(-3, -1).cpu().numpy()


def arrange(images: Tensor | Sequence[Tensor], num_columns: int) -> np.ndarray:
    """Arrange images in a grid.

    Args:
        images (Tensor): (N, 3, H, W), from -1 to 1.
        num_columns (int): Images in a row.

    Returns:
        np.ndarray: RGB, (height, width, 3), uint8.
    """
    return to_uint8(make_grid(images, num_columns, padding=PADDING, pad_value=-1))
