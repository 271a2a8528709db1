"""Fréchet inception distance and inception score of drawn images.

Papers: "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
Equilibrium" (arXiv 1706.08500), Equation 6, for FID; "Improved Techniques for Training
GANs" (arXiv 1606.03498), Section 4, for IS. Both are computed by torchmetrics.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import all_gather_object
from mmengine.evaluator import BaseMetric
from torch import Tensor, nn

from ..arguments import check_int
from ..errors import UserError, require_library
from ..registry import METRICS, MODELS
from .feature_networks import INSTALL


class GivenFeatures(nn.Module):
    """Hands features that are computed already to torchmetrics.

    Args:
        num_features (int): Length of a feature vector.
    """

    def __init__(self, num_features: int):
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        """Return the features."""
        return features


@METRICS.register_module()
class GenerationMetric(BaseMetric):
    """FID against the real images of a dataset, and IS, of as many drawn images.

    Every name says what the number is of, so that two protocols never stand in one
    column: ``FID_10k_test`` compares 10 000 drawn images with the 10 000 of the split
    'test', ``FID_50k_train`` 50 000 with the training images. ``IS_10k`` is that of
    10 000 drawn images in one split. Another feature network than Inception is named in
    front: ``digit_classifier/FID_430_val``.

    Args:
        features (dict): Config of a feature network, such as
            ``dict(type='mmgroupmix.InceptionFeatures', checkpoint=FILE)``.
        reference (str, optional): What the real images are called in names. Defaults to
            None: the ``split`` of the dataset, or 'real'.
        splits (int): Parts of the drawn images whose IS is averaged. Defaults to 1.
        **kwargs: As for mmengine's ``BaseMetric``.

    Raises:
        UserError: If torchmetrics or the weights of the feature network are missing.
    """

    default_prefix = ''  # the names say more

    def __init__(
        self,
        features: Mapping,
        reference: str | None = None,
        splits: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.reference = reference
        self.splits = check_int('GenerationMetric: splits', splits, 1)
        fid, score = (
            require_library(f'torchmetrics.image.{name}', 'GenerationMetric', INSTALL)
            for name in ('fid', 'inception')
        )
        self.network = MODELS.build(dict(features)).eval()
        given = GivenFeatures(self.network.num_features)
        # Those of the real images are the same in every evaluation.
        self.distance = fid.FrechetInceptionDistance(given, reset_real_features=False)
        self.score = score.InceptionScore(nn.Identity(), splits=splits)
        self._knows_reals = False
        self._num_fakes = 0

    @torch.no_grad()
    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): With ``fake_img`` and ``real_img``, each
                (3, H, W), from -1 to 1.
        """
        fakes = torch.stack([sample['fake_img'] for sample in data_samples])
        for part in (self.network, self.distance, self.score):
            part.to(fakes.device)
        features, scores = self.network(fakes)
        self.distance.update(features.double(), real=False)
        self.score.update(scores.double())
        self._num_fakes += len(fakes)
        if not self._knows_reals:
            reals = torch.stack([sample['real_img'] for sample in data_samples])
            self.distance.update(self.network(reals)[0].double(), real=True)

    def evaluate(self, size: int) -> dict[str, float]:
        """Compute the scores of all processes.

        Args:
            size (int): Images of the dataset.

        Returns:
            dict[str, float]: FID and IS under their names.

        Raises:
            UserError: If there are fewer than two images.
        """
        number = sum(all_gather_object(self._num_fakes))
        if number < 2:
            raise UserError(
                f'FID of {number} image(s): expected two or more. Give a dataset with '
                'more images to val_dataloader or test_dataloader.'
            )
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # one split has no standard deviation
            distance = float(self.distance.compute())
            score, _ = self.score.compute()
        self._knows_reals = True
        self._num_fakes = 0
        self.distance.reset()
        self.score.reset()
        count = f'{number // 1000}k' if number % 1000 == 0 else str(number)
        reference = self.reference or (self.dataset_meta or {}).get('split') or 'real'
        parts = f'_{self.splits}_splits' if self.splits > 1 else ''
        title = f'{self.network.title}/' if self.network.title else ''
        return {
            f'{title}FID_{count}_{reference}': distance,
            f'{title}IS_{count}{parts}': float(score),
        }

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Not used: torchmetrics keeps sums in place of results of each image."""
        return {}
