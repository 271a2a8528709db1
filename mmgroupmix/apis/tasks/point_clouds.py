"""Point clouds: their classification, and their segmentation into parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric, DumpResults
from torch import Tensor

from ...mini_data import DET_CLASSES, write_mini_modelnet40, write_mini_shapenet_part
from ...mini_data.classes import PART_CLASSES
from ...registry import TRANSFORMS
from ..config.tree import type_name, walk
from ..report.point_clouds import CloudCollector, PartCollector
from .detection import check_pickle_name
from .task import DemoSettings, Task

NO_IMAGES = (
    'point clouds are not images: tools/infer.py and its inferencers cannot read them. '
    'Draw predictions by tools/test.py CONFIG CHECKPOINT --show-dir DIR.'
)
#: Parts of a config whose pipelines take points.
PARTS = ('train_dataloader', 'val_dataloader', 'test_dataloader', 'tta_pipeline')

#: What varies the clouds of a training, and how much of it the demo keeps.
AUGMENTATIONS = ('RandomPointDropout', 'RandomScalePoints', 'RandomShiftPoints')
AUGMENTATION_STRENGTH = 1 / 4


@dataclass(frozen=True)
class PointClouds(Task):
    """What both tasks share. They need no toolbox but mmengine."""

    def build_input(self, size: tuple[int, int]) -> Tensor:
        """A cloud of so many points and coordinates."""
        return torch.rand(1, *size)

    def shrink(self, cfg: Config) -> str:
        """Take fewer points, and sample as much fewer of them."""
        steps = [
            step
            for name in PARTS
            for _, step in walk(cfg.get(name))
            if type_name(step) == 'TakePoints'
        ]
        largest = max((step['num_points'] for step in steps), default=0)
        if largest <= self.demo.side:
            return ''
        factor = self.demo.side / largest
        for step in steps:
            step['num_points'] = max(round(step['num_points'] * factor), 1)
        change = f'{largest} -> {self.demo.side}'
        network = cfg.model.network
        if 'num_samples' in network:
            old, neighbors = tuple(network.num_samples), network.num_neighbors
            network.num_samples = [max(round(number * factor), 1) for number in old]
            # As large a share of the cloud as before, so they are as near.
            network.num_neighbors = max(round(neighbors * factor), 1)
            new = tuple(network.num_samples)
            change += f', sampled {old} -> {new}'
            change += f', neighbours {neighbors} -> {network.num_neighbors}'
        return change

    def enable_drawing(self, hook: dict, class_names: Sequence[str]) -> None:
        """Let the hook draw."""
        hook['enable'] = True

    def write_predictions(self, cfg: Config, out: str) -> BaseMetric | None:
        """Dump predictions to a pickle file."""
        check_pickle_name(out)
        return DumpResults(out_file_path=out)

    def draw_into(self, cfg: Config, hook: dict, folder: str) -> None:
        """Draw every cloud."""
        hook.update(enable=True, out_dir=folder, interval=1)


@dataclass(frozen=True)
class CloudClassification(PointClouds):
    """Classification of point clouds."""

    def adapt_demo(self, cfg: Config) -> dict[str, str]:
        """Augment less: a few hundred iterations cannot teach what all of it asks for."""
        steps = [
            step
            for _, step in walk(cfg.get('train_dataloader'))
            if type_name(step) in AUGMENTATIONS
        ]
        for step in steps:
            # A transform that is built knows its defaults.
            for name, value in vars(TRANSFORMS.build(dict(step))).items():
                if name in ('low', 'high'):  # factors
                    step[name] = value**AUGMENTATION_STRENGTH
                else:
                    step[name] = value * AUGMENTATION_STRENGTH
        strength = f'at {AUGMENTATION_STRENGTH:.0%} of its strength'
        return {'augmentation': strength * bool(steps)}

    def mini_dataset(self, original: Mapping, split: str, suffix: str | None) -> dict:
        """The config of a mini ModelNet40."""
        name = 'train' if split == 'train' else 'test'
        return dict(type='mmgroupmix.ModelNet40', split=name)


@dataclass(frozen=True)
class PartSegmentation(PointClouds):
    """Segmentation of shapes into parts."""

    def mini_dataset(self, original: Mapping, split: str, suffix: str | None) -> dict:
        """The config of a mini ShapeNet part."""
        default = 'trainval' if split == 'train' else 'test'
        return dict(type='mmgroupmix.ShapeNetPart', split=original.get('split', default))

    def shrink(self, cfg: Config) -> str:
        """Also name the categories of the data, as many as the model takes."""
        for name in PARTS[:3]:
            dataset = (cfg.get(name) or {}).get('dataset') or {}
            for _, leaf in walk(dataset):
                if type_name(leaf) == 'ShapeNetPart':
                    number = len(leaf['metainfo']['classes']) // 2
                    leaf['metainfo']['categories'] = dict.fromkeys(
                        DET_CLASSES[:number], 2
                    )
        return super().shrink(cfg)


#: What both tasks and their demos have in common.
COMMON: dict[str, Any] = dict(
    toolbox='mmengine',
    head_keys=('network',),
    visualizer='Visualizer',
    visualization_hook='mmgroupmix.PointCloudVisualizationHook',
    refused=('--plan', '--data'),
    without_inference=NO_IMAGES,
)
COMMON_DEMO: dict[str, Any] = dict(
    side=256,
    batch_size=16,
    full_size_batch_size=16,
    min_adaptive_lr=1e-3,
)
CLOUD_CLASSIFICATION = CloudClassification(
    name='classification of point clouds',
    collector=CloudCollector,
    models=('PointCloudClassifier',),
    demo=DemoSettings(
        layout='modelnet40',
        write_data=write_mini_modelnet40,
        num_images=(1600, 200),
        default_classes=len(DET_CLASSES),
        min_classes=1,
        max_classes=len(DET_CLASSES),
        iterations=500,
        log_interval=25,
        # The root of the ratio of the batch sizes, 16 to 32: with 1, PCT learns late.
        sgd_lr_factor=0.7,
        **COMMON_DEMO,
    ),
    **COMMON,
)
PART_SEGMENTATION = PartSegmentation(
    name='part segmentation of point clouds',
    collector=PartCollector,
    models=('PointCloudPartSegmentor',),
    demo=DemoSettings(
        layout='shapenetpart',
        write_data=write_mini_shapenet_part,
        num_images=(800, 200),
        default_classes=len(PART_CLASSES),
        min_classes=2,
        max_classes=len(PART_CLASSES),
        iterations=150,
        log_interval=10,
        sgd_lr_factor=1,
        **COMMON_DEMO,
    ),
    **COMMON,
)
