"""Conversion of complete published checkpoints to the names of this package."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..checkpoints.comparison import find_differing_arguments, fit_state_dict
from ..checkpoints.families import (
    FAMILIES,
    OPTIONAL_PREFIXES,
    Family,
    translate_names,
)
from ..checkpoints.reading import unwrap
from ..errors import CheckpointError
from .backbones.pretrained import describe_checkpoint, get_backbone_class


def convert_state_dict(
    state_dict: Mapping[str, Any], arch: str | None = None, classifier: bool = False
) -> dict[str, Tensor]:
    """Translate a published checkpoint to the names and layouts of this package.

    Args:
        state_dict (Mapping): Published names to tensors, with or without an outer level
            ('model', 'state_dict', 'net') and a 'module.' or 'backbone.' prefix.
        arch (str, optional): The architecture that it must have, such as ``'tiny'`` or
            ``'t'``. Defaults to None, which accepts any.
        classifier (bool): False returns the backbone for dense prediction. True returns
            an mmpretrain ``ImageClassifier``: ``backbone.*`` with its final norm, and
            ``head.fc.*``. Defaults to False.

    Returns:
        dict[str, Tensor]: Our names to tensors.

    Raises:
        CheckpointError: If it is not one of the published models, is incomplete or has
            another architecture.
    """
    tensors = unwrap(state_dict)
    family, ours = translate_names(tensors)
    if family is None:
        names = ', '.join(family.name for family in FAMILIES)
        raise CheckpointError(
            f'This state dict is {describe_checkpoint(tensors)}; expected a published '
            f'checkpoint of {names}.'
        )
    model = get_backbone_class(family)
    ours = model.check_fixed_tensors(ours)
    found = model.find_arch_name(ours)
    wanted = found if arch is None else model.resolve_arch(arch)[0]
    if found is None or found != wanted:
        expected = repr(wanted) if wanted else 'of a published architecture'
        raise CheckpointError(
            f'This state dict is {describe_checkpoint(tensors)}; expected '
            f'{family.name} {expected}. Use the file of that architecture, or pass the '
            'arch of this file.'
        )
    backbone = _select_complete_backbone(family, found, ours, classifier)
    if not classifier:
        return backbone
    head = {key: value for key, value in ours.items() if key.startswith('head.')}
    return {f'backbone.{key}': value for key, value in backbone.items()} | head


def _select_complete_backbone(
    family: Family, arch: str, ours: Mapping[str, Tensor], classifier: bool
) -> dict[str, Tensor]:
    """Select the tensors of the backbone, or raise if any of them is missing."""
    with torch.device('meta'):
        model = get_backbone_class(family).from_state_dict(arch, ours, classifier)
    expected = model.state_dict()
    given = {
        key: value
        for key, value in ours.items()
        if key in expected or not key.startswith(OPTIONAL_PREFIXES)
    }
    fit = fit_state_dict(expected, given)
    problems = fit.problems
    others = find_differing_arguments(expected, fit.tensors) if problems else []
    if 'token_mixers' in others:
        raise CheckpointError(
            f'This state dict is a {family.name} {arch!r} with different '
            f'{", ".join(others)} than the published one: load it as it is with '
            f'load_state_dict of a backbone that is built likewise. {problems}'
        )
    if classifier and 'head.fc.weight' not in ours:
        problems = f'{problems} It has no classifier (head).'.lstrip()
    if problems:
        raise CheckpointError(
            f'This state dict is not a complete {family.name} {arch!r}: {problems} '
            'Download the file again.'
        )
    return given
