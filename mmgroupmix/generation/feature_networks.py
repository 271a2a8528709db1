"""Networks whose features FID and IS compare: Inception, and a classifier of digits.

A feature network is a module that maps RGB images (B, 3, H, W) from -1 to 1 to features
(B, ``num_features``) and class scores (B, classes). ``title`` names it in the names of
metrics: scores of two feature networks cannot be compared.
"""

import io
from pathlib import Path

import mmcv
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoints.reading import read_checkpoint
from ..errors import CheckpointError, CheckpointNotFoundError, require_library
from ..registry import MODELS
from .latents import seeded_generator

#: The file of weights that papers' figures are computed with.
INCEPTION_FILE = 'pt_inception-2015-12-05-6726825d.pth'
INCEPTION_SIDE = 299
INSTALL = 'pip install "mmgroupmix[generation]"'


@MODELS.register_module()
class InceptionFeatures(nn.Module):
    """The Inception of pytorch-fid, with which FID and IS are reported.

    Images are resized bilinearly to 299x299 and not rounded to 8 bits, and class scores
    have their biases, as in PyTorch-StudioGAN.

    Args:
        checkpoint (str): pt_inception-2015-12-05-6726825d.pth, from the release
            'fid_weights' of github.com/mseitzer/pytorch-fid. It is not downloaded.

    Raises:
        UserError: If the file is missing or another one, or torch-fidelity is missing.
    """

    num_features = 2048
    title = ''  # the usual one needs no name

    def __init__(self, checkpoint: str):
        super().__init__()
        library = require_library(
            'torch_fidelity.feature_extractor_inceptionv3',
            'the Inception of FID and IS',
            INSTALL,
        )
        # torch-fidelity unpickles its file without protection: it gets a copy of what
        # the reader of this package takes for data.
        copy = io.BytesIO()
        torch.save(self._read(checkpoint), copy)
        copy.seek(0)
        try:
            network = library.FeatureExtractorInceptionV3('inception', ['2048'], copy)
        except RuntimeError as error:
            raise CheckpointError(
                f'{checkpoint} does not hold the weights of the Inception of FID: '
                f'expected {INCEPTION_FILE}, with 1008 classes.'
            ) from error
        # Its forward pass takes 8-bit images only; its layers are in their order.
        *layers, self.classifier = network.children()
        self.layers = nn.Sequential(*layers)

    @staticmethod
    def _read(checkpoint: str) -> dict[str, Tensor]:
        try:
            return read_checkpoint(Path(checkpoint))
        except CheckpointNotFoundError as error:
            raise CheckpointNotFoundError(
                f'no weights of Inception at {checkpoint}. FID and IS compare its '
                f'features: put {INCEPTION_FILE} there, from the release fid_weights of '
                'github.com/mseitzer/pytorch-fid, or set features.checkpoint of the '
                'metric.'
            ) from error

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images (B, 3, H, W) to features (B, 2048) and scores (B, 1008)."""
        size = (INCEPTION_SIDE, INCEPTION_SIDE)
        if images.shape[2:] != size:
            images = F.interpolate(images, size, mode='bilinear', align_corners=False)
        features = self.layers(images).flatten(1)
        return features, self.classifier(features)


@MODELS.register_module()
class DigitFeatures(nn.Module):
    """A small classifier, trained in seconds on the mini dataset of digits.

    It stands in for Inception in the demo. Its weights depend on the images only.

    Args:
        data_root (str): A mini dataset that ``write_mini_digits`` wrote.
        num_epochs (int): Length of its training. Defaults to 20.
    """

    num_features = 64
    title = 'digit_classifier'

    def __init__(self, data_root: str, num_epochs: int = 20):
        super().__init__()
        images, labels = read_digits(Path(data_root) / 'train')
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.body = nn.Sequential(
                nn.AdaptiveAvgPool2d(16),  # of images of any size
                nn.Conv2d(3, 16, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(16, 32, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(32 * 16, self.num_features),
                nn.ReLU(),
            )
            self.classifier = nn.Linear(self.num_features, int(labels.max()) + 1)
        with torch.enable_grad():
            self._fit(images, labels, num_epochs)
        self.requires_grad_(False).eval()

    def _fit(self, images: Tensor, labels: Tensor, num_epochs: int) -> None:
        optimizer = torch.optim.Adam(self.parameters(), lr=2e-3)
        source = seeded_generator(0)
        for _ in range(num_epochs):
            for batch in torch.randperm(len(images), generator=source).split(64):
                optimizer.zero_grad()
                _, scores = self(images[batch])
                F.cross_entropy(scores, labels[batch]).backward()
                optimizer.step()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images (B, 3, H, W) to features (B, 64) and scores (B, classes)."""
        features = self.body(images)
        return features, self.classifier(features)


def read_digits(folder: Path) -> tuple[Tensor, Tensor]:
    """Read a split of the mini dataset of digits.

    Args:
        folder (Path): With a folder for each class.

    Returns:
        tuple[Tensor, Tensor]: Images from -1 to 1, (N, 3, H, W), and labels, (N,).
    """
    images, labels = [], []
    for label, subfolder in enumerate(sorted(folder.iterdir())):
        for path in sorted(subfolder.glob('*.png')):
            images.append(mmcv.imread(str(path), channel_order='rgb'))
            labels.append(label)
    array = np.stack(images).transpose(0, 3, 1, 2)
    return torch.from_numpy(array).float() / 127.5 - 1, torch.tensor(labels)
