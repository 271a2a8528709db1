"""The page for newcomers: the score with which it compares that of the demo."""

import inspect
import re

import numpy as np
import pytest

from mmgroupmix.apis.tasks import SEGMENTATION
from mmgroupmix.mini_data import SEG_CLASSES, write_mini_ade20k
from mmgroupmix.mini_data.recipe import MiniDatasetRecipe
from mmgroupmix.mini_data.scenes import SEVERAL_DIGITS, compose_scenes

from .pages import read_page

PAGE = read_page('get_started')


@pytest.mark.smoke
def test_background_everywhere_has_the_mean_iou_that_the_page_states():
    parameters = inspect.signature(write_mini_ade20k).parameters.values()
    arguments = {p.name: p.default for p in parameters if p.name != 'root'}
    arguments['num_train'], arguments['num_val'] = SEGMENTATION.demo.num_images
    recipe = MiniDatasetRecipe(layout='ade20k', **arguments)
    pixels = np.zeros(len(SEG_CLASSES))
    for scene in compose_scenes(recipe, 'val', SEVERAL_DIGITS):
        labels = scene.draw_label_map()
        pixels += np.bincount(labels.flatten(), minlength=len(pixels))
    assert pixels.all()  # The metric would leave out a class without pixels.
    # The intersection is the background, the union all pixels; the other classes have 0.
    iou = np.array([pixels[0] / pixels.sum(), *(0 for _ in pixels[1:])])
    (stated,) = re.findall(r'background everywhere gives an mIoU of ([\d.]+) %', PAGE)
    assert f'{100 * iou.mean():.1f}' == stated
