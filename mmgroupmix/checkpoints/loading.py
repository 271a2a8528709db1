"""How the backbones load: published files and ours, whole or not at all."""

from collections import Counter
from collections.abc import Mapping

from mmengine.logging import print_log
from torch import Tensor

from ..errors import CheckpointError
from .conversion import backbone_tensors, describe, family_of, is_classifier
from .reading import read_checkpoint, unwrap


class LoadsPublishedFiles:
    """Mixin of the backbones: ``init_cfg`` and ``load_state_dict`` take published files.

    It stands before ``BaseModule``. The file may have an outer level ('model',
    'state_dict', 'net'), a 'module.' or 'backbone.' prefix, a classifier, or the names of
    this package. What does not fit raises a :class:`CheckpointError` and leaves the
    weights as they were, also where mmengine loads with ``strict=False``, which would
    only log it.
    """

    def init_weights(self) -> None:
        """Initialise as ``init_cfg`` says; 'Pretrained' must fit or raises."""
        cfg = self.init_cfg
        if not isinstance(cfg, Mapping) or cfg.get('type') != 'Pretrained':
            super().init_weights()
            return
        if self.is_init:
            return
        checkpoint, prefix = cfg['checkpoint'], cfg.get('prefix') or ''
        tensors = read_checkpoint(checkpoint)
        if prefix:
            tensors = {
                key[len(prefix):].lstrip('.'): value
                for key, value in tensors.items() if key.startswith(prefix)
            }
        try:
            self.load_state_dict(tensors)
        except CheckpointError as error:
            raise CheckpointError(f'Checkpoint {checkpoint}: {error}') from None
        self.is_init = True
        print_log(
            f'{type(self).__name__} {self.arch!r}: loaded {checkpoint}, all '
            f'{len(self.state_dict())} tensors of the backbone.', logger='current')

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, *args, **kwargs
    ):
        # Called by torch's and by mmengine's load_state_dict alike, before the children.
        given = {k: v for k, v in state_dict.items() if k.startswith(prefix)}
        if not given and strict:
            place = f' below {prefix!r}' if prefix else ''
            raise CheckpointError(
                f'The checkpoint has nothing{place} for {self.title()}, and '
                'nothing was loaded into it. A published classifier belongs into the '
                'backbone\'s init_cfg=dict(type=\'Pretrained\', checkpoint=...), not into '
                'load_from.')
        if given:
            settled = self.settle({k[len(prefix):]: v for k, v in given.items()}, strict)
            for key in given:
                del state_dict[key]
            state_dict.update((prefix + key, value) for key, value in settled.items())
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, *args, **kwargs)

    def settle(self, given: Mapping, strict: bool = True) -> dict[str, Tensor]:
        """Our names and exactly this backbone's tensors, from what was given.

        Args:
            given (Mapping): A state dict, published or ours.
            strict (bool): Whether every tensor of the backbone must be there.
                Defaults to True.

        Returns:
            dict[str, Tensor]: Names and tensors that fit.

        Raises:
            CheckpointError: If the state dict does not fit and ``strict`` is True.
        """
        if self.fused:
            raise CheckpointError(
                f'This {type(self).__name__} is fused, its batch norms are gone: load '
                'the weights first, then fuse().')
        tensors = backbone_tensors(unwrap(given))
        family = family_of(tensors)
        ours = family.convert(tensors) if family else tensors
        expected = self.state_dict()
        ours = {
            k: v for k, v in ours.items()
            if k in expected or not is_classifier(k)
        }
        # Files of PyTorch before 0.4 have no counters.
        counters = {
            k: v for k, v in expected.items()
            if k.endswith('num_batches_tracked') and k not in ours
        }
        ours |= counters
        problems = differences(expected, ours)
        if strict and problems:
            raise CheckpointError(
                f'It is {describe_any(self, tensors)}; expected was {self.title()}. '
                'Nothing was loaded. Give the file of this architecture, or set the '
                f'backbone\'s arch to that of the file. {problems}')
        return ours

    def title(self) -> str:
        """Name and sizes of this backbone, for messages."""
        depths = tuple(len(stage.blocks) for stage in self.stages)
        return (f'{type(self).__name__} {self.arch!r} (embed_dims {self.embed_dims}, '
                f'depths {depths})')


def describe_any(backbone: LoadsPublishedFiles, tensors: Mapping[str, Tensor]) -> str:
    """What the state dict is, with this package's own names known too."""
    if family_of(tensors) is None:
        shared = len(set(tensors) & set(backbone.state_dict()))
        if shared > len(tensors) / 2:
            return f'a {type(backbone).__name__} of this package, but not this one'
    return describe(tensors)


def differences(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Missing, left-over and misshapen tensors, grouped; empty if there are none."""
    shapes = [
        f'{key} {tuple(given[key].shape)} instead of {tuple(expected[key].shape)}'
        for key in expected
        if key in given and given[key].shape != expected[key].shape
    ]
    parts = [
        grouped('Missing', [k for k in expected if k not in given]),
        grouped('Left over', [k for k in given if k not in expected]),
    ]
    if shapes:
        more = f' and {len(shapes) - 3} more' if len(shapes) > 3 else ''
        parts.append(f'Other shape: {", ".join(shapes[:3])}{more}.')
    return ' '.join(part for part in parts if part)


def grouped(title: str, keys: list[str]) -> str:
    """'Missing 40 tensors: stages.0 (30), stem (10).'"""
    if not keys:
        return ''
    if len(keys) <= 3:
        return f'{title}: {", ".join(keys)}.'
    groups = Counter(
        '.'.join(key.split('.')[:2]) if key.startswith('stages') else key.split('.')[0]
        for key in keys)
    listed = ', '.join(f'{name} ({count})' for name, count in groups.most_common(8))
    more = ', ...' if len(groups) > 8 else ''
    return f'{title}: {len(keys)} tensors in {listed}{more}.'
