"""Spectral normalisation, and the two ways in which checkpoints name its tensors.

Paper: "Spectral Normalization for Generative Adversarial Networks" (arXiv 1802.05957),
Section 2.1: a weight is divided by its largest singular value, u^T W v, whose vectors one
power iteration follows in every training step.

``torch.nn.utils.parametrizations`` names its tensors otherwise than the older
``torch.nn.utils.spectral_norm``, with which published weights were saved:

    X.weight_orig   X.parametrizations.weight.original
    X.weight_u      X.parametrizations.weight.0._u
    X.weight_v      X.parametrizations.weight.0._v
"""

import re
from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.parametrize import register_parametrization

from ..models.layers.precision import disable_autocast

Module = TypeVar('Module', bound=nn.Module)

EPS = 1e-6
_OLD = re.compile(r'(.*?)(\w+)_(orig|u|v)')
_NEW = re.compile(r'(.*?)parametrizations\.(\w+)\.(original|0\._u|0\._v)')
_SUFFIXES = {'orig': 'original', 'u': '0._u', 'v': '0._v'}


class SpectralNorm(_SpectralNorm):
    """PyTorch's parametrization, which keeps float32 under autocast.

    Half precision would round the singular value, by which the whole weight is divided,
    in each of its products.
    """

    def forward(self, weight: Tensor) -> Tensor:
        """Divide a weight by its largest singular value; the shape stays the same."""
        with disable_autocast(weight):
            return super().forward(weight)


def normalize_spectrally(module: Module, *names: str) -> Module:
    """Initialise weights of a module orthogonally, and normalise them from then on.

    A bias is set to 0, as in the reference implementation.

    Args:
        module (nn.Module): A layer, which is changed in place.
        *names (str): Names of its weights. Defaults to ``'weight'``.

    Returns:
        nn.Module: The layer.
    """
    for name in names or ('weight',):
        weight = getattr(module, name)
        nn.init.orthogonal_(weight)
        register_parametrization(module, name, SpectralNorm(weight, 1, 0, EPS))
    bias = getattr(module, 'bias', None)
    if isinstance(bias, nn.Parameter):
        nn.init.zeros_(bias)
    return module


def to_parametrized_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of spectral norms from PyTorch's older names to those of today.

    Args:
        state_dict (Mapping[str, Tensor]): Names to tensors; new names are kept.

    Returns:
        dict[str, Tensor]: New names to the same tensors.
    """
    renamed = {}
    for name, tensor in state_dict.items():
        match = _OLD.fullmatch(name)
        if match:
            path, weight, kind = match.groups()
            name = f'{path}parametrizations.{weight}.{_SUFFIXES[kind]}'
        renamed[name] = tensor
    return renamed


def to_published_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of spectral norms to the names that published weights have.

    Args:
        state_dict (Mapping[str, Tensor]): Names to tensors.

    Returns:
        dict[str, Tensor]: Older names to the same tensors.
    """
    kinds = {new: old for old, new in _SUFFIXES.items()}
    renamed = {}
    for name, tensor in state_dict.items():
        match = _NEW.fullmatch(name)
        if match:
            path, weight, kind = match.groups()
            name = f'{path}{weight}_{kinds[kind]}'
        renamed[name] = tensor
    return renamed
