"""Hook that draws predictions for point clouds during validations and tests."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

from ..checkpoints.atomic_files import write_atomically
from ..registry import HOOKS
from .dataset import name_cloud
from .drawing import draw_classes, draw_parts
from .metrics import compute_shape_iou


@HOOKS.register_module()
class PointCloudVisualizationHook(Hook):
    """Draw every n-th cloud of an evaluation in three views, truth and prediction.

    Args:
        enable (bool): Whether to draw. Defaults to False.
        interval (int): Clouds from one that is drawn to the next. Defaults to 500.
        out_dir (str, optional): Folder for PNG files; None for the backends of the run's
            visualiser. Defaults to None.
    """

    def __init__(
        self, enable: bool = False, interval: int = 500, out_dir: str | None = None
    ):
        self.enable, self.interval, self.out_dir = enable, interval, out_dir
        self._num_seen = 0

    def before_val_epoch(self, runner: Runner) -> None:
        """Count from the first cloud."""
        self._num_seen = 0

    before_test_epoch = before_val_epoch

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[BaseDataElement] | None = None,
    ) -> None:
        """Draw clouds of a validation batch."""
        self._draw_batch(runner, runner.val_dataloader, data_batch, outputs or ())

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[BaseDataElement] | None = None,
    ) -> None:
        """Draw clouds of a test batch."""
        self._draw_batch(runner, runner.test_dataloader, data_batch, outputs or ())

    def _draw_batch(
        self, runner: Runner, loader: Any, batch: Mapping, outputs: Sequence
    ) -> None:
        if not self.enable:
            return
        meta, clouds = loader.dataset.metainfo, batch['inputs']
        if isinstance(clouds[0], (list, tuple)):  # the views of test-time augmentation
            clouds = clouds[0]
        for points, sample in zip(clouds, outputs):
            # As mmengine's samplers deal clouds out to the processes.
            position = self._num_seen * get_world_size() + get_rank()
            self._num_seen += 1
            if position % self.interval:
                continue
            rgb = draw_prediction(points.cpu().numpy(), sample, meta)
            self._save(runner, f'{position:05d}_{name_file(sample)}', rgb)

    def _save(self, runner: Runner, name: str, rgb: np.ndarray) -> None:
        if self.out_dir is None:
            runner.visualizer.add_image(name, rgb, step=runner.iter)
            return
        Path(self.out_dir).mkdir(parents=True, exist_ok=True)
        png = cv2.imencode('.png', rgb[..., ::-1])[1].tobytes()
        write_atomically(Path(self.out_dir) / f'{name}.png', png)


def name_file(sample: BaseDataElement) -> str:
    """A file name for a cloud, such as 'ply_data_test0_cloud_12'."""
    name = name_cloud(sample.cloud_path, sample.cloud_index)
    return name.replace('.h5', '').replace('.txt', '').replace(' ', '_')


def draw_prediction(
    points: np.ndarray, sample: BaseDataElement, meta: Mapping
) -> np.ndarray:
    """Draw the prediction for a cloud.

    Args:
        points (np.ndarray): (N, 3).
        sample (BaseDataElement): What the model predicted, with the truth.
        meta (Mapping): ``metainfo`` of the dataset, with names.

    Returns:
        np.ndarray: RGB, (H, W, 3), uint8.
    """
    names = list(meta['classes'])

    def get_name(label: int) -> str:
        return names[label] if label < len(names) else f'class {label}'

    if 'pred_parts' not in sample:
        score = float(sample.pred_score.max())
        prediction = f'{get_name(int(sample.pred_label))} ({100 * score:.0f} %)'
        return draw_classes(points, get_name(int(sample.gt_label)), prediction)
    first, end = sample.part_range
    truth, parts = sample.gt_parts.cpu().numpy(), sample.pred_parts.cpu().numpy()
    iou = 100 * compute_shape_iou(truth, parts, (first, end))
    category = list(meta['categories'])[sample.category]
    labels = [get_name(part) for part in range(first, end)]
    title = f'{category}: pIoU {iou:.1f} %'
    return draw_parts(points, truth, parts, labels, first, title)
