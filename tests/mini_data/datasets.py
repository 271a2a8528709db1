"""Arguments, scenes and annotations of the mini datasets of these tests."""

from functools import cache
from pathlib import Path

from pycocotools.coco import COCO

from mmgroupmix.mini_data.recipe import MiniDatasetRecipe
from mmgroupmix.mini_data.scenes import (
    ONE_DIGIT,
    SEVERAL_DIGITS,
    Scene,
    compose_scenes,
)

# Small images, and few of them. Each split has enough digits for all ten to occur.
SIZES = dict(min_size=72, max_size=120)
SEVERAL = dict(num_train=8, num_val=6, **SIZES)  # one to three digits per image
SINGLE = dict(num_train=20, num_val=10, **SIZES)  # one digit per image

SPLITS = {'train': 'training', 'val': 'validation'}


def make_recipe(layout: str, **arguments) -> MiniDatasetRecipe:
    """The recipe of a mini dataset with the usual number of classes and seed."""
    num_classes = 11 if layout == 'ade20k' else 10
    return MiniDatasetRecipe(
        layout=layout, **{'num_classes': num_classes, 'seed': 0, **arguments}
    )


@cache
def draw_scenes(layout: str, split: str, num_classes: int | None = None) -> list[Scene]:
    """The scenes of a split of a dataset that was written with SEVERAL or SINGLE."""
    arguments = SINGLE if layout == 'imagenet' else SEVERAL
    if num_classes is not None:
        arguments = {**arguments, 'num_classes': num_classes}
    composition = ONE_DIGIT if layout == 'imagenet' else SEVERAL_DIGITS
    return list(compose_scenes(make_recipe(layout, **arguments), split, composition))


def read_coco(root: Path, split: str) -> COCO:
    """The annotations of a split, in pycocotools' own class."""
    return COCO(root / 'annotations' / f'instances_{split}2017.json')
