"""The networks as models of mmengine's runner: losses, and predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor, BaseModel, BaseTTAModel
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from ..arguments import check_argument, check_number, explain_arguments
from ..errors import UserError
from ..registry import MODELS

Samples = Sequence[BaseDataElement]


@MODELS.register_module()
class PointCloudPreprocessor(BaseDataPreprocessor):
    """Moves clouds to the device, and stacks them to a batch, (B, N, 3).

    Raises:
        UserError: If the clouds of a batch have different numbers of points.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Stack a batch."""
        data = self.cast_data(data)
        clouds = data['inputs']
        if not isinstance(clouds, Tensor):
            numbers = sorted({len(cloud) for cloud in clouds})
            if len(numbers) > 1:
                raise UserError(
                    f'the clouds of a batch have {numbers[0]} to {numbers[-1]} points, '
                    'expected as many in each. Add TakePoints to the pipeline.'
                )
            data['inputs'] = torch.stack(list(clouds))
        return data


def smooth_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross entropy with the smoothed labels of the published code.

    The true class gets 1 - e, and each of the n - 1 others e / (n - 1). PyTorch's
    ``label_smoothing`` shares e among all n classes, which is the same for e n / (n - 1).

    Args:
        logits (Tensor): (M, n).
        labels (Tensor): (M, ), int64.
        smoothing (float): The share e.

    Returns:
        Tensor: The mean over the M rows.
    """
    number = logits.shape[-1]
    share = smoothing * number / (number - 1) if number > 1 else 0.0
    return F.cross_entropy(logits.float(), labels, label_smoothing=share)


@explain_arguments
class PointCloudModel(BaseModel):
    """What both models share.

    Args:
        network (Mapping): Config of the network.
        label_smoothing (float): The share e of the labels that goes to other classes,
            from 0 to 0.5. Defaults to 0.2.
        data_preprocessor (Mapping, optional): Defaults to ``PointCloudPreprocessor``.
        init_cfg (Mapping, optional): Initial weights. Defaults to None.

    Raises:
        UserError: If an argument is not as described.
    """

    network: nn.Module

    def __init__(
        self,
        network: Mapping,
        label_smoothing: float = 0.2,
        data_preprocessor: Mapping | None = None,
        init_cfg: Mapping | None = None,
    ):
        data_preprocessor = data_preprocessor or dict(
            type='mmgroupmix.PointCloudPreprocessor'
        )
        super().__init__(data_preprocessor, init_cfg)
        name = type(self).__name__
        check_number(f'{name}: label_smoothing', label_smoothing, 0, 0.5)
        is_config = isinstance(network, Mapping) and 'type' in network
        check_argument(is_config, f'{name}: network', network, 'a dict with type')
        self.label_smoothing = label_smoothing
        self.network = MODELS.build(network)

    def forward(
        self,
        inputs: Tensor,
        data_samples: Samples | None = None,
        mode: str = 'tensor',
    ) -> Any:
        """Run the network.

        Args:
            inputs (Tensor): Points, (B, N, 3).
            data_samples (Sequence[BaseDataElement], optional): Labels and metadata.
            mode (str): ``'loss'``, ``'predict'``, or ``'tensor'`` for logits.

        Returns:
            dict | list | Tensor: By the mode.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples or ())
        if mode == 'predict':
            return self.predict(inputs, data_samples or ())
        return self.compute_logits(inputs, data_samples or ())

    def compute_logits(self, inputs: Tensor, data_samples: Samples) -> Tensor:
        """Logits, (B, num_classes) or (B, N, num_classes)."""
        return self.network(inputs)

    def loss(self, inputs: Tensor, data_samples: Samples) -> dict[str, Tensor]:
        """The loss, and the share of right answers, each a scalar."""
        logits = self.compute_logits(inputs, data_samples).flatten(0, -2)
        labels = self.collect_labels(data_samples)
        right = (logits.argmax(dim=-1) == labels).float().mean()
        loss = smooth_cross_entropy(logits, labels, self.label_smoothing)
        return dict(loss=loss, accuracy=right)

    def collect_labels(self, data_samples: Samples) -> Tensor:
        """The labels of a batch, (M, )."""
        raise NotImplementedError

    def predict(self, inputs: Tensor, data_samples: Samples) -> list[BaseDataElement]:
        """Samples with predictions."""
        raise NotImplementedError


@MODELS.register_module()
class PointCloudClassifier(PointCloudModel):
    """Classification of clouds. The arguments are those of :class:`PointCloudModel`."""

    def collect_labels(self, data_samples: Samples) -> Tensor:
        """The classes of a batch, (B, )."""
        return torch.cat([sample.gt_label for sample in data_samples])

    def predict(self, inputs: Tensor, data_samples: Samples) -> list[BaseDataElement]:
        """Classify clouds.

        Args:
            inputs (Tensor): Points, (B, N, 3).
            data_samples (Sequence[BaseDataElement]): Empty for none.

        Returns:
            list[BaseDataElement]: ``pred_score``, (num_classes, ), and ``pred_label``,
            (1, ), are added.
        """
        scores = self.compute_logits(inputs, data_samples).float().softmax(dim=-1)
        samples = list(data_samples) or [BaseDataElement() for _ in scores]
        for sample, score in zip(samples, scores):
            sample.pred_score = score
            sample.pred_label = score.argmax(dim=0, keepdim=True)
        return samples


@MODELS.register_module()
class PointCloudPartSegmentor(PointCloudModel):
    """Segmentation of shapes into parts; their categories are known.

    The arguments are those of :class:`PointCloudModel`.
    """

    def compute_logits(self, inputs: Tensor, data_samples: Samples) -> Tensor:
        """Logits of the points, (B, N, num_classes); category 0 without samples."""
        if not data_samples:  # only the shapes of the outputs count
            zeros = torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
            return self.network(inputs, zeros)
        categories = torch.tensor([sample.category for sample in data_samples])
        number = int(self.network.num_categories)  # type: ignore[arg-type]
        if len(categories) != len(inputs) or categories.max() >= number:
            raise UserError(
                f'PointCloudPartSegmentor: the categories of {len(inputs)} clouds are '
                f'{categories.tolist()}, expected one below num_categories={number} for '
                'each.'
            )
        return self.network(inputs, categories.to(inputs.device))

    def collect_labels(self, data_samples: Samples) -> Tensor:
        """The parts of all points of a batch, (B N, )."""
        return torch.cat([sample.gt_parts for sample in data_samples])

    def predict(self, inputs: Tensor, data_samples: Samples) -> list[BaseDataElement]:
        """Segment shapes.

        Args:
            inputs (Tensor): Points, (B, N, 3).
            data_samples (Sequence[BaseDataElement]): With the metadata ``category`` and
                ``part_range``.

        Returns:
            list[BaseDataElement]: ``pred_scores``, (N, num_classes), and ``pred_parts``,
            (N, ), the best of the category's parts, are added.
        """
        scores = self.compute_logits(inputs, data_samples).float().softmax(dim=-1)
        for sample, score in zip(data_samples, scores):
            set_parts(sample, score)
        return list(data_samples)


@MODELS.register_module()
class PointCloudTTAModel(BaseTTAModel):
    """Test-time augmentation: the mean of the scores of all views of a cloud."""

    def merge_preds(
        self, data_samples_list: list[list[BaseDataElement]]
    ) -> list[BaseDataElement]:
        """Merge the predictions for each cloud."""
        merged = []
        for views in data_samples_list:
            sample = views[0]
            if 'pred_scores' in sample:
                set_parts(sample, torch.stack([v.pred_scores for v in views]).mean(dim=0))
            else:
                sample.pred_score = torch.stack([v.pred_score for v in views]).mean(dim=0)
                sample.pred_label = sample.pred_score.argmax(dim=0, keepdim=True)
            merged.append(sample)
        return merged


def set_parts(sample: BaseDataElement, scores: Tensor) -> None:
    """Set the scores of a shape's points, and the best of its category's parts."""
    first, end = sample.part_range
    sample.pred_scores = scores
    sample.pred_parts = scores[:, first:end].argmax(dim=1) + first
