"""The checks of a run that can be switched off, each by its name.

No check refuses what a toolbox trains. Where one is mistaken all the same, the user
leaves it out by ``--skip-check NAME`` or by ``skip_checks = ['NAME']`` in the config.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import UserError

#: Name of each check, and what it compares.
CHECKS = {
    'batch-norm': 'the batch size with the norms behind a global pooling',
    'channels': 'channels of the images with those that the model takes',
    'class-names': 'names of classes with those in annotation files and folders',
    'data-scan': 'labels: counts of each class, what is ignored or left out',
    'evaluator-file': "the metric's annotation file with that of its dataset",
    'image-size': 'sizes of images with those that their annotations are for',
    'label-maps': 'channels, values and sizes of label maps',
    'label-range': 'labels with the classes of the heads',
    'num-classes': 'numbers of classes of heads, preprocessors and losses with the data',
    'old-keys': "keys of the toolboxes' 2.x generation",
    'score-names': 'scores that hooks follow with those that the metrics compute',
    'top-k': 'the k best of a metric with the number of classes',
    'validation': 'hooks that need a score with the validation',
    'weights': 'the weights of a checkpoint with those that the model needs',
}


def get_skipped_checks(cfg: Mapping[str, Any]) -> set[str]:
    """The names of the checks that a config leaves out.

    Args:
        cfg (Mapping): The config of a run.

    Returns:
        set[str]: Names in ``CHECKS``.

    Raises:
        UserError: If a name is not that of a check.
    """
    names = cfg.get('skip_checks') or []
    return validate_names([names] if isinstance(names, str) else names)


def validate_names(names: Iterable[str]) -> set[str]:
    """Check that every name is that of a check.

    Raises:
        UserError: Naming the closest check, or all of them.
    """
    for name in names:
        if name not in CHECKS:
            close = difflib.get_close_matches(str(name), CHECKS, 1)
            hint = (
                f'Did you mean {close[0]}?' if close else f'One of {", ".join(CHECKS)}.'
            )
            raise UserError(
                f'{name!r} is not the name of a check (--skip-check, skip_checks). {hint}'
            )
    return set(names)


def format_skip_hint(name: str) -> str:
    """The sentence that ends the message of a check: how to switch it off."""
    if name not in CHECKS:
        raise KeyError(name)
    return f'If this is meant, add --skip-check {name}.'
