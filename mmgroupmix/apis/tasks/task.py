"""What the commands need to know of a task: its toolbox, demo, evaluation and results."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.infer import BaseInferencer
from mmengine.structures import BaseDataElement
from torch import Tensor

from ...errors import UserError
from ..inference.json_list import JsonListWriter
from ..inference.memory import MemoryLimit
from ..inference.sources import Frame, Source
from ..report.collector import Collector


class ResultWriter(ABC):
    """Writes predictions to ``predictions.json``, which is complete after each addition.

    Args:
        predictions (JsonListWriter): The open file.
    """

    def __init__(self, predictions: JsonListWriter):
        self.predictions = predictions

    @abstractmethod
    def add(self, frame: Frame, prediction: BaseDataElement) -> None:
        """Write the prediction for one image.

        Raises:
            NonFinitePredictionError: If it holds NaN; nothing is written then.
        """

    def close(self) -> None:
        """Close the files."""
        self.predictions.close()

    def describe(self, sources: Sequence[Source]) -> list[str]:
        """Lines for the summary at the end of a run, none by default."""
        return []


@dataclass(frozen=True)
class DemoSettings:
    """The size of a demo: data, images, batches, steps and learning rates.

    Attributes:
        layout (str): Layout of the mini dataset.
        write_data (Callable): Writes it, see :mod:`mmgroupmix.mini_data`.
        num_images (tuple[int, int]): Training and validation images.
        default_classes (int): Classes if the model does not name their number.
        min_classes (int): Fewest classes of the mini dataset: a segmentor with one
            output tells two classes apart.
        max_classes (int, optional): Most classes that the mini dataset can have.
        side (int): Largest side of the model's input, in pixels; points of a cloud.
        batch_size (int): Images per batch.
        full_size_batch_size (int): Images per batch if the model requires its original
            image size.
        iterations (int): Length of the training.
        log_interval (int): Iterations between two lines of the log.
        min_adaptive_lr (float): Lower bound of the learning rate of adaptive optimizers
            (such as Adam): rates for fine-tuning barely move a model that starts from
            random weights and has a hundred steps.
        sgd_lr_factor (float): Factor of SGD's learning rate, which follows the batch
            size.
        max_grad_norm (float, optional): Gradient norm at a raised learning rate. Without
            it a dense head without norms (RetinaNet's) ends up predicting background.
    """

    layout: str
    write_data: Callable[..., Path]
    num_images: tuple[int, int]
    default_classes: int
    min_classes: int
    max_classes: int | None
    side: int
    batch_size: int
    full_size_batch_size: int
    iterations: int
    log_interval: int
    min_adaptive_lr: float
    sgd_lr_factor: float
    max_grad_norm: float | None = None


@dataclass(frozen=True)
class Task(ABC):
    """One of the tasks; determined once for a config and carried beside it.

    Attributes:
        name (str): For messages.
        toolbox (str): The module of the toolbox, also the scope of its registries.
        head_keys (tuple[str, ...]): Heads of a model whose ``num_classes`` counts, in
            this order.
        visualizer (str): Type of the toolbox's visualiser.
        visualization_hook (str): Type of the toolbox's hook that draws predictions.
        result_writer (Callable, optional): Builds what writes the predictions of
            ``tools/infer.py``, from a folder and the inferencer.
        without_inference (str): For a task without an inferencer: why, and what to use
            instead. Such a task has no ``result_writer``, ``build_inferencer`` and
            ``draw``.
        collector (Callable): Builds what records an evaluation for the report of a run,
            from the metainfo of the dataset and the metrics.
        demo (DemoSettings): The size of a demo.
        tta_model (dict, optional): Test-time augmentation for configs without one.
        tta_meta_keys (tuple[str, ...], optional): ``meta_keys`` that it needs.
        can_draw_tta (bool): Whether the hook draws augmented predictions.
        refused (tuple[str, ...]): Options of ``train.py`` that the task does not have.
        models (tuple[str, ...]): Types of this package's own models of the task.
    """

    name: str
    toolbox: str
    head_keys: tuple[str, ...]
    visualizer: str
    visualization_hook: str
    collector: Callable[[Mapping, Sequence[BaseMetric]], Collector]
    demo: DemoSettings
    tta_model: Mapping | None = None
    tta_meta_keys: tuple[str, ...] | None = None
    can_draw_tta: bool = True
    models: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    result_writer: Callable[[Path, BaseInferencer], ResultWriter] | None = None
    without_inference: str = ''

    def check_option(self, option: str) -> None:
        """Refuse an option that the task does not have.

        Raises:
            UserError: If it does not.
        """
        if option in self.refused:
            raise UserError(f'{option} does not support {self.name}: leave it out')

    def num_outputs(self, model: Mapping) -> int | None:
        """The number of classes that the heads of a model config predict.

        Returns:
            int | None: None if no head names it (such as a region proposal network).
        """
        return next(
            filter(None, (_num_classes(model.get(k)) for k in self.head_keys)), None
        )

    # --- demo

    @abstractmethod
    def mini_dataset(self, original: Mapping, split: str, suffix: str | None) -> dict:
        """The config of the mini dataset in place of another dataset.

        Args:
            original (Mapping): Config of the dataset to replace.
            split (str): 'train' or 'val'.
            suffix (str | None): That of the images, None for the layout's own.

        Returns:
            dict: Without ``data_root``, ``metainfo`` and ``pipeline``.
        """

    def adapt_pipeline(self, pipeline: list[dict]) -> list[dict]:
        """A pipeline that works on the mini dataset."""
        return pipeline

    def mini_evaluators(self, evaluators: list[dict], cfg: Config, root: Path) -> Any:
        """Evaluators for the mini dataset in place of others."""
        return evaluators

    def adapt_demo(self, cfg: Config) -> dict[str, str]:
        """Change what else a demo of the task needs, in place.

        Returns:
            dict[str, str]: The changes, for the user; none by default.
        """
        return {}

    def probe(self, model: Any, images: Tensor) -> Any:
        """Run the part of a model that may be bound to one image size."""
        return model(images)

    def build_input(self, size: tuple[int, int]) -> Tensor:
        """An input to count operations with: an image of a height and a width."""
        return torch.zeros(1, 3, *size)

    def shrink(self, cfg: Config) -> str:
        """Shrink what is not an image size, in place; the change, for the user, or ''."""
        return ''

    def enable_drawing(self, hook: dict, class_names: Sequence[str]) -> None:
        """Let the visualisation hook draw, in place."""
        hook['draw'] = True

    # --- testing

    @abstractmethod
    def write_predictions(self, cfg: Config, out: str) -> BaseMetric | None:
        """Make a test write its predictions, in ``cfg`` or by one more metric.

        Raises:
            UserError: If ``out`` is not what the task writes.
        """

    @abstractmethod
    def draw_into(self, cfg: Config, hook: dict, folder: str) -> None:
        """Make a test draw its predictions into a folder, in place."""

    def bound_test_memory(self, cfg: Config, model: Any) -> None:
        """Bound the memory of a model in a test, if no metric needs more, in place."""
        return  # by default, as the toolbox does it

    # --- inference

    def check_inference(self) -> None:
        """Raise a UserError if the task has no inferencer."""
        if self.without_inference:
            raise UserError(self.without_inference)

    def build_inferencer(self, cfg: Config, weights: str, device: str) -> BaseInferencer:
        """Build the toolbox's inferencer."""
        raise NotImplementedError

    def bound_memory(self, inferencer: BaseInferencer, limit: MemoryLimit) -> None:
        """Make a model predict large images within a limit of memory, in place."""
        return  # by default, only the system's refusal bounds it

    def draw(
        self,
        inferencer: BaseInferencer,
        frame: Frame,
        prediction: BaseDataElement,
        score_thr: float,
        limit: MemoryLimit,
    ) -> np.ndarray:
        """Draw a prediction on its image.

        Args:
            inferencer (BaseInferencer): The task's inferencer.
            frame (Frame): The image.
            prediction (BaseDataElement): The model's prediction.
            score_thr (float): Boxes with a lower score are not drawn.
            limit (MemoryLimit): The memory that it may take.

        Returns:
            np.ndarray: RGB, (H, W, 3), uint8.
        """
        raise NotImplementedError


def _num_classes(node: Any) -> int | None:
    """The first ``num_classes`` in a head; the last head of a cascade decides."""
    if isinstance(node, (list, tuple)):
        return _num_classes(node[-1]) if node else None
    if not isinstance(node, Mapping):
        return None
    for key in ('num_things_classes', 'num_classes'):
        if node.get(key):
            return node[key]
    inner = (_num_classes(node[key]) for key in ('bbox_head', 'mask_head') if key in node)
    return next(filter(None, inner), None)
