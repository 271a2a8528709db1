"""Image generation, by a GAN of this package on mmpretrain's pipelines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from torch import Tensor

from ...errors import UserError
from ...mini_data import DET_CLASSES, write_mini_digits
from ..config.tree import type_name
from ..report.generation import GenerationCollector
from .task import DemoSettings, Task

#: Side of the images of the mini dataset, in pixels.
MINI_SIDE = 32
#: Of the networks in a demo: the channels of a real run would take days on a CPU.
DEMO_CHANNELS = 8
#: Steps of the discriminator for one of the generator, which share the images of a batch.
DEMO_STEPS = 2
#: Grids that a demo draws.
NUM_GRIDS = 6
NO_PREDICTIONS = (
    'a GAN predicts nothing for images. tools/generate.py draws images from a checkpoint '
    'and writes them as PNG.'
)


@dataclass(frozen=True)
class ImageGeneration(Task):
    """Class-conditional image generation."""

    def mini_dataset(self, original: Mapping, split: str, suffix: str | None) -> dict:
        """The config of the mini dataset of digits."""
        return dict(type='mmpretrain.CustomDataset', data_prefix=split)

    def adapt_pipeline(self, pipeline: list[dict]) -> list[dict]:
        """Load images where a pipeline does not, and flip none."""
        steps = [step for step in pipeline if type_name(step) != 'RandomFlip']
        if not any(type_name(step).startswith('Load') for step in steps):
            steps.insert(0, dict(type='LoadImageFromFile'))
        return steps

    def mini_evaluators(
        self, evaluators: list[dict], cfg: Config, root: Path
    ) -> list[dict]:
        """The config's metrics, on features of a classifier of the digits."""
        features = dict(type='mmgroupmix.DigitFeatures', data_root=str(root))
        for evaluator in evaluators:
            if type_name(evaluator) == 'GenerationMetric':
                evaluator['features'] = features  # update() would merge them
                evaluator['reference'] = 'val'
        return evaluators

    def adapt_demo(self, cfg: Config) -> dict[str, str]:
        """Make the networks narrow, for the classes and the size of the digits."""
        model, changes = cfg.model, []
        networks = [model[key] for key in ('generator', 'discriminator')]
        size = networks[0].get('img_size', MINI_SIDE)
        classes = networks[0].get('num_classes', len(DET_CLASSES))
        for network in networks:
            network['base_channels'] = DEMO_CHANNELS
            network['num_classes'] = min(classes, len(DET_CLASSES))
        changes.append(f'base channels of the networks -> {DEMO_CHANNELS}')
        if classes > len(DET_CLASSES):
            changes.append(f'{classes} classes -> {len(DET_CLASSES)}')
        steps = model.get('discriminator_steps', 1)
        if steps > DEMO_STEPS:
            model['discriminator_steps'] = DEMO_STEPS
            changes.append(f'{steps} steps of the discriminator -> {DEMO_STEPS}')
        if size != MINI_SIDE:
            self._resize(cfg, size)
        flips = 'left out: a mirrored digit is none'
        return {'networks': ', '.join(changes), 'flips': flips}

    @staticmethod
    def _resize(cfg: Config, size: int) -> None:
        """Bring the digits to the size of the networks, in place."""
        for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            if cfg.get(name):
                pipeline = cfg[name].dataset.pipeline
                pipeline.insert(1, dict(type='Resize', scale=(size, size)))

    def probe(self, model: Any, images: Tensor) -> Any:
        """Draw images: a GAN is bound to its size."""
        return model(images)

    def enable_drawing(self, hook: dict, class_names: Sequence[str]) -> None:
        """Let the hook draw a few grids."""
        hook['interval'] = max(self.demo.iterations // NUM_GRIDS, 1)

    def write_predictions(self, cfg: Config, out: str) -> BaseMetric | None:
        """Refuse.

        Raises:
            UserError: Always.
        """
        raise UserError(f'--out: {NO_PREDICTIONS}')

    def draw_into(self, cfg: Config, hook: dict, folder: str) -> None:
        """Draw a grid."""
        hook['out_dir'] = folder


GENERATION = ImageGeneration(
    name='image generation',
    toolbox='mmpretrain',
    head_keys=('generator',),
    visualizer='mmpretrain.UniversalVisualizer',
    visualization_hook='mmgroupmix.SampleGridHook',
    can_draw_tta=False,
    refused=('--plan', '--data'),
    without_inference=NO_PREDICTIONS,
    collector=GenerationCollector,
    demo=DemoSettings(
        layout='digits',
        write_data=write_mini_digits,
        num_images=(1300, 430),
        default_classes=len(DET_CLASSES),
        min_classes=1,
        max_classes=len(DET_CLASSES),
        side=64,
        batch_size=32,
        full_size_batch_size=32,
        iterations=1000,
        log_interval=25,
        min_adaptive_lr=1e-3,
        sgd_lr_factor=1.0,
    ),
)
