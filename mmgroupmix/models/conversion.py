"""Conversion of whole published checkpoints to the names of this package."""

from collections.abc import Mapping
from types import ModuleType

import torch
from torch import Tensor

from ..checkpoints.comparison import (
    differences,
    differing_arguments,
    with_newly_initialized,
)
from ..checkpoints.families import (
    FAMILIES,
    backbone_tensors,
    find_family,
    is_classifier,
)
from ..checkpoints.reading import unwrap
from ..errors import CheckpointError
from .backbones.pretrained import backbone_class, describe_checkpoint


def convert_state_dict(
    state_dict: Mapping, arch: str | None = None, classifier: bool = False
) -> dict[str, Tensor]:
    """Translate a published checkpoint to the names and layout of this package.

    Args:
        state_dict (Mapping): Published names to tensors, with or without an outer level
            ('model', 'state_dict', 'net') and a 'module.' or 'backbone.' prefix.
        arch (str, optional): The architecture that it must be, as ``'tiny'`` or ``'t'``.
            Defaults to None: whatever it is.
        classifier (bool): False gives the backbone as dense prediction takes it. True
            gives an mmpretrain ``ImageClassifier``: ``backbone.*`` with its final norm,
            and ``head.fc.*``. Defaults to False.

    Returns:
        dict[str, Tensor]: Our names to tensors.

    Raises:
        CheckpointError: If it is not one of the published models, incomplete, or of
            another architecture.
    """
    tensors = backbone_tensors(unwrap(state_dict))
    family = find_family(tensors)
    if family is None:
        names = ', '.join(module.NAME for module in FAMILIES)
        raise CheckpointError(
            f'This state dict is {describe_checkpoint(tensors)}; expected a published '
            f'checkpoint of {names}.'
        )
    model = backbone_class(family)
    ours = model.check_fixed_tensors(family.convert(tensors))
    found = model.find_arch_name(ours)
    wanted = found if arch is None else model.resolve_arch(arch)[0]
    if found is None or found != wanted:
        expected = repr(wanted) if wanted else 'of a published architecture'
        raise CheckpointError(
            f'This state dict is {describe_checkpoint(tensors)}; expected was '
            f'{family.NAME} {expected}. Take the file of that architecture, or the arch '
            'of this file.'
        )
    backbone = _complete_backbone(family, found, ours, classifier)
    if not classifier:
        return backbone
    head = {key: value for key, value in ours.items() if key.startswith('head.')}
    return {f'backbone.{key}': value for key, value in backbone.items()} | head


def _complete_backbone(
    family: ModuleType, arch: str, ours: Mapping[str, Tensor], classifier: bool
) -> dict[str, Tensor]:
    """The backbone's tensors, or a CheckpointError unless every one of them is there."""
    with torch.device('meta'):
        model = backbone_class(family).from_state_dict(arch, ours, classifier)
    expected = model.state_dict()
    given = {k: v for k, v in ours.items() if k in expected or not is_classifier(k)}
    completed = with_newly_initialized(expected, given)
    problems = differences(expected, completed)
    others = differing_arguments(expected, completed) if problems else []
    if 'token_mixers' in others:
        raise CheckpointError(
            f'This state dict is a {family.NAME} {arch!r} with other {", ".join(others)} '
            'than the published one: load_state_dict of a backbone that has the same '
            f'takes it as it is. {problems}'
        )
    if classifier and 'head.fc.weight' not in ours:
        problems += ' It has no classifier (head).'
    if problems:
        raise CheckpointError(
            f'This state dict is not a complete {family.NAME} {arch!r}: {problems} Fetch '
            'the file again.'
        )
    return given
