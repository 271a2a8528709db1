"""Transforms of point clouds.

They draw their random numbers from numpy's generator, which the training loops of this
package seed for each sample.

Source of the augmentation: the published code of "PCT: Point Cloud Transformer" (arXiv
2012.09688) and its PyTorch port.
"""

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import BaseDataElement

from ..arguments import check_argument, check_int, check_number
from ..errors import UserError
from ..registry import TRANSFORMS
from .dataset import name_cloud

#: What an entry has one of for each point.
POINT_KEYS = ('points', 'gt_parts')
#: What the model and its drawings need to know of a cloud.
META_KEYS = ('cloud_path', 'cloud_index', 'part_range', 'category')


@TRANSFORMS.register_module()
class TakePoints(BaseTransform):
    """Give every cloud the same number of points.

    Args:
        num_points (int): Points to take.
        order (str): ``'first'`` takes the first ones; ``'random'`` takes others each
            time; ``'fixed'`` takes the same random ones each time. Defaults to 'first'.
        repeat (bool): Repeat points of a cloud that has too few. Defaults to False.

    Raises:
        UserError: For an argument that is not as described, or a cloud with too few
            points that is not to be repeated.
    """

    def __init__(self, num_points: int, order: str = 'first', repeat: bool = False):
        self.num_points = check_int('TakePoints: num_points', num_points, 1)
        is_valid = order in ('first', 'random', 'fixed')
        check_argument(
            is_valid, 'TakePoints: order', order, "'first', 'random' or 'fixed'"
        )
        self.order, self.repeat = order, repeat

    def transform(self, results: dict) -> dict:
        """Take points, and what belongs to them."""
        number = len(results['points'])
        if number < self.num_points and not (self.repeat and number):
            path = results['cloud_path']
            name = name_cloud(path, results['cloud_index'])
            raise UserError(
                f'{path}: {name} has {number} points, '
                f'expected at least the {self.num_points} of TakePoints. Set a smaller '
                'num_points, or repeat=True to repeat points.'
            )
        indices: np.ndarray = np.arange(number)
        if self.order == 'random':
            indices = np.random.permutation(number)
        elif self.order == 'fixed':
            indices = np.random.default_rng(number).permutation(number)
        return select_points(results, np.resize(indices, self.num_points))


@TRANSFORMS.register_module()
class RandomPointDropout(BaseTransform):
    """Replace a random share of the points by the first one.

    Args:
        max_ratio (float): The share is uniform from 0 to this. Defaults to 0.875.

    Raises:
        UserError: If it is not from 0 to below 1.
    """

    def __init__(self, max_ratio: float = 0.875):
        check_number('RandomPointDropout: max_ratio', max_ratio, 0, 1)
        self.max_ratio = max_ratio

    def transform(self, results: dict) -> dict:
        """Replace points, and what belongs to them."""
        ratio = np.random.uniform(0, self.max_ratio)
        indices = np.arange(len(results['points']))
        indices[np.random.uniform(size=len(indices)) <= ratio] = 0
        return select_points(results, indices)


@TRANSFORMS.register_module()
class RandomScalePoints(BaseTransform):
    """Scale each axis by a factor of its own.

    Args:
        low (float): Smallest factor. Defaults to 2 / 3.
        high (float): Largest factor. Defaults to 3 / 2.

    Raises:
        UserError: Unless 0 < low <= high.
    """

    def __init__(self, low: float = 2 / 3, high: float = 3 / 2):
        is_valid = 0 < low <= high
        expected = 'two factors with 0 < low <= high'
        check_argument(is_valid, 'RandomScalePoints: (low, high)', (low, high), expected)
        self.low, self.high = low, high

    def transform(self, results: dict) -> dict:
        """Scale points."""
        factors = np.random.uniform(self.low, self.high, 3)
        results['points'] = (results['points'] * factors).astype(np.float32)
        return results


@TRANSFORMS.register_module()
class RandomShiftPoints(BaseTransform):
    """Shift a cloud along each axis.

    Args:
        max_shift (float): Largest distance, in the unit of the coordinates. Defaults to
            0.2.

    Raises:
        UserError: If it is below 0.
    """

    def __init__(self, max_shift: float = 0.2):
        check_number('RandomShiftPoints: max_shift', max_shift, 0)
        self.max_shift = max_shift

    def transform(self, results: dict) -> dict:
        """Shift points."""
        shift = np.random.uniform(-self.max_shift, self.max_shift, 3)
        results['points'] = (results['points'] + shift).astype(np.float32)
        return results


@TRANSFORMS.register_module()
class ShufflePoints(BaseTransform):
    """Put points into a random order, which decides where sampling starts."""

    def transform(self, results: dict) -> dict:
        """Shuffle points, and what belongs to them."""
        return select_points(results, np.random.permutation(len(results['points'])))


@TRANSFORMS.register_module()
class ScalePoints(BaseTransform):
    """Scale a cloud by one factor, for test-time augmentation.

    Args:
        factor (float): The factor, above 0.

    Raises:
        UserError: If it is not above 0.
    """

    def __init__(self, factor: float):
        is_valid = isinstance(factor, (int, float)) and factor > 0
        check_argument(is_valid, 'ScalePoints: factor', factor, 'a number above 0')
        self.factor = factor

    def transform(self, results: dict) -> dict:
        """Scale points."""
        # Not in place: other views of the cloud are made of the same array.
        points = results['points'] * np.float32(self.factor)
        return dict(results, points=points.astype(np.float32))


@TRANSFORMS.register_module()
class PackPointCloud(BaseTransform):
    """Pack a cloud for the model.

    The result has ``inputs``, a tensor of points, (N, 3), float32, and ``data_samples``
    with ``gt_label``, (1, ), and ``gt_parts``, (N, ), int64, where the entry has them,
    and as metadata the place of the cloud and its category.
    """

    def transform(self, results: dict) -> dict:
        """Pack a cloud."""
        sample = BaseDataElement(
            metainfo={key: results[key] for key in META_KEYS if key in results}
        )
        truth: dict[str, Any] = {}
        if 'gt_label' in results:
            truth['gt_label'] = torch.tensor([results['gt_label']])
        if 'gt_parts' in results:
            truth['gt_parts'] = torch.from_numpy(results['gt_parts'])
        sample.set_data(truth)
        points = torch.from_numpy(np.ascontiguousarray(results['points'], np.float32))
        return dict(inputs=points, data_samples=sample)


def select_points(results: dict, indices: np.ndarray) -> dict:
    """Select points of an entry, and what belongs to them.

    Args:
        results (dict): The entry, changed in place.
        indices (np.ndarray): Indices of points, (M, ), which may repeat.

    Returns:
        dict: The entry.
    """
    for key in POINT_KEYS:
        if key in results:
            results[key] = results[key][indices]
    return results
