"""Generated images of a realistic size in place of a config's data."""

import math
from dataclasses import asdict
from pathlib import Path

from mmengine.config import Config

from ...errors import UserError
from ..config.tree import leaf_datasets, type_name, walk
from ..demo.data import check_supported, count_classes, replace_datasets
from ..demo.images import choose_images
from ..demo.sizes import largest_train_side
from ..tasks import Task

#: Smallest and largest side of the images, in pixels: of the dataset's type, or of the
#: layout. The published images of these datasets have about these sizes.
IMAGE_SIDES = dict(
    CityscapesDataset=(1024, 2048),
    PascalVOCDataset=(333, 500),
    ade20k=(512, 704),
    coco=(384, 640),
    imagenet=(300, 500),
)
#: The images of an epoch are few and repeated: only their number of pixels matters.
NUM_TRAIN, NUM_VAL = 12, 10
#: Large images take seconds to generate.
NUM_LARGE, LARGE_SIDE = 4, 1000
#: These samplers see an epoch that ends; the others do not, or need the dataset itself.
FINITE_SAMPLERS = ('', 'DefaultSampler', 'RepeatAugSampler')


def use_generated_images(
    cfg: Config, task: Task, folder: Path, num_batches: dict[str, int]
) -> tuple[int, int]:
    """Replace the datasets of a config by generated images, in place.

    Pipelines, batch sizes, samplers and workers stay.

    Args:
        cfg (Config): The config.
        task (Task): Its task.
        folder (Path): Where to write the images; it must not hold others.
        num_batches (dict[str, int]): Batches of all processes that each loader is asked
            for, by the name of the loader.

    Returns:
        tuple[int, int]: Smallest and largest side of the images in pixels.

    Raises:
        UserError: If the config needs data of another kind.
        ImportError: If scikit-learn, the source of the images, is not installed.
    """
    if task.models:
        raise UserError(
            f'--plan generates images, and {cfg.filename} is about {task.name}, which it '
            'cannot measure. --demo trains it on generated data.'
        )
    check_supported(cfg, '--plan')
    images = choose_images(cfg, task.toolbox, '--plan')
    for name in ('test_dataloader', 'test_evaluator', 'test_cfg'):
        cfg[name] = None
    sides = choose_sides(cfg, task)
    num_train, num_val = NUM_TRAIN, NUM_VAL
    if sides[1] > LARGE_SIDE and task.demo.layout != 'imagenet':
        num_train = num_val = NUM_LARGE
    root = task.demo.write_data(
        folder / 'images',
        num_train=num_train,
        num_val=num_val,
        num_classes=count_classes(task, task.num_outputs(cfg.model)),
        min_size=sides[0],
        max_size=sides[1],
        **asdict(images),
    )
    replace_datasets(cfg, task, root, images)
    for name, batches in num_batches.items():
        loader = cfg.get(name)
        if not loader:
            continue
        loader.pop('num_batch_per_epoch', None)
        available = num_train if name.startswith('train') else num_val
        times = math.ceil(batches * loader.get('batch_size', 1) / available)
        if times > 1 and type_name(loader.get('sampler')) in FINITE_SAMPLERS:
            loader.dataset = dict(
                type='RepeatDataset', times=times, dataset=loader.dataset
            )
    return sides


def choose_sides(cfg: Config, task: Task) -> tuple[int, int]:
    """Sides of generated images that are like those of a config's dataset.

    Args:
        cfg (Config): The config.
        task (Task): Its task.

    Returns:
        tuple[int, int]: The smallest and the largest side in pixels.
    """
    loader = cfg.train_dataloader
    leaves = [type_name(leaf) for _, leaf in leaf_datasets(loader.get('dataset'))]
    kind = next((name for name in leaves if name in IMAGE_SIDES), task.demo.layout)
    smallest, largest = IMAGE_SIDES[kind]
    resizes = any('Resize' in type_name(step) for _, step in walk(loader))
    side = math.ceil(largest_train_side(loader) or 0)
    if not resizes and kind == task.demo.layout and side > smallest:
        # Nothing enlarges the images of an unknown dataset to the size of a crop.
        smallest, largest = side, max(side, largest)
    return smallest, largest
