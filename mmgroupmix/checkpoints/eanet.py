"""Key maps of EANet checkpoints and of the ResNets that EANet is trained from.

An EANet (arXiv 2105.02358) is a ResNet with a stem of three convolutions, ``extractor``,
and a head of four parts, ``fc0``, ``linu`` (the external attention block), ``fc1`` and
``fc2``. Here it is mmsegmentation's EncoderDecoder with a ResNetV1c and an EAHead.
"""

import re
from collections.abc import Mapping

from mmengine.runner import CheckpointLoader
from torch import Tensor

from ..errors import CheckpointError
from .reading import read_checkpoint, unwrap

HEAD_PREFIX = 'decode_head.'
BLOCK_PREFIX = 'attention_block.'
#: ImageNet weights of ResNets with EANet's stem, which is twice as wide as usual (64, 64
#: and 128 channels). The ResNet-101 is that of the published model_torch.py, from
#: PyTorch-Encoding, as SegmenTron hosts it. Its ResNet-50, resnet50-ebb6acbb, has no
#: address of a weight file; GluonCV's "v1s" has the same shape, and timm hosts it.
WIDE_STEM_RESNETS = {
    'mmgroupmix://resnet50_v1s': 'https://github.com/rwightman/pytorch-pretrained-gluonresnet/releases/download/v0.1/'
    'gluon_resnet50_v1s-1762acc0.pth',
    'mmgroupmix://resnet101_encoding': 'https://github.com/LikeLy-Journey/SegmenTron/releases/download/v0.1.0/'
    'resnet101-2a57e44d.pth',
}

_EXTRACTOR = 'extractor.'
_IN_BLOCK = (('conv2.0.', 'conv2.'), ('conv2.1.', 'norm.'))
_IN_HEAD = (
    ('fc0.', 'conv_in.'),
    ('linu.', BLOCK_PREFIX),
    ('fc1.0.', 'conv_out.'),
    ('fc2.', 'conv_seg.'),
)
#: The modules that the published model takes from its ResNet, by their list index.
_IN_EXTRACTOR = {
    '0': 'conv1',
    '1': 'bn1',
    '4': 'layer1',
    '5': 'layer2',
    '6': 'layer3',
    '7': 'layer4',
}


def convert_eanet(
    state_dict: Mapping[str, object], tied: bool = False
) -> dict[str, Tensor]:
    """Translate a complete published EANet to mmsegmentation's names.

    ::

        tensors = convert_eanet(read_checkpoint('final.pth'))
        torch.save(tensors, 'eanet_r101_voc.pth')  # for load_from or tools/test.py

    Args:
        state_dict (Mapping): Published names to tensors, with or without an outer level
            ('net') and a 'module.' prefix.
        tied (bool): Whether key and value share one memory in the head, see
            :class:`ExternalAttentionBlock`. Defaults to False.

    Returns:
        dict[str, Tensor]: ``backbone.*`` (a ResNetV1c with ``stem_channels=128``) and
        ``decode_head.*`` (an EAHead).

    Raises:
        CheckpointError: If it is not a complete EANet.
    """
    tensors = unwrap(state_dict)
    required = (*(f'{_EXTRACTOR}{index}.' for index in _IN_EXTRACTOR), *dict(_IN_HEAD))
    missing = [p for p in required if not any(key.startswith(p) for key in tensors)]
    if missing:
        raise CheckpointError(
            'This state dict is not a complete EANet: it has nothing below '
            f'{", ".join(missing)}; its names are {", ".join(list(tensors)[:3])}, .... '
            'Download the file again; a head alone loads with EAHead.load_state_dict.'
        )
    backbone = {}
    for key, value in tensors.items():
        if key.startswith(_EXTRACTOR):
            index, _, rest = key[len(_EXTRACTOR) :].partition('.')
            backbone[f'{_IN_EXTRACTOR.get(index, index)}.{rest}'] = value
    head = convert_head(tensors)
    block = {
        k[len(BLOCK_PREFIX) :]: v for k, v in head.items() if k.startswith(BLOCK_PREFIX)
    }
    parts = {
        'backbone.': convert_wide_stem(backbone),
        HEAD_PREFIX: {k: v for k, v in head.items() if not k.startswith(BLOCK_PREFIX)},
        HEAD_PREFIX + BLOCK_PREFIX: convert_block(block, tied),
    }
    return {
        prefix + key: value
        for prefix, part in parts.items()
        for key, value in part.items()
    }


def convert_head(given: Mapping[str, object]) -> dict[str, Tensor]:
    """Translate the names of an EANet's head, except inside its block.

    The block converts its own names when it is loaded.

    Args:
        given (Mapping): Names to tensors of a head or of a complete model, published or
            ours.

    Returns:
        dict[str, Tensor]: Our names to the tensors of the head; other names stay.
    """
    tensors = unwrap(given)
    if any(key.startswith(HEAD_PREFIX) for key in tensors):
        tensors = {
            k[len(HEAD_PREFIX) :]: v
            for k, v in tensors.items()
            if k.startswith(HEAD_PREFIX)
        }
    return {
        _replace_start(key, _IN_HEAD): value
        for key, value in tensors.items()
        if not key.startswith(_EXTRACTOR)
    }


def convert_block(given: Mapping[str, Tensor], tied: bool) -> dict[str, Tensor]:
    """Translate names and layouts of an external attention block.

    Args:
        given (Mapping[str, Tensor]): Names to tensors, published or ours.
        tied (bool): Whether key and value share one memory. It takes the values of
            ``linear_1``, which the published code loads last on a CPU.

    Returns:
        dict[str, Tensor]: The tensors of an :class:`ExternalAttentionBlock`; other names
        stay.
    """
    ours = {_replace_start(key, _IN_BLOCK): value for key, value in given.items()}
    key, value = ours.pop('linear_0.weight', None), ours.pop('linear_1.weight', None)
    if key is not None and not tied:
        ours['attention.memory_key'] = key.squeeze(-1)  # from (S, c, 1)
    if value is not None:
        name = 'attention.memory_key' if tied else 'attention.memory_value'
        ours[name] = value.squeeze(-1).mT.contiguous()  # from (c, S, 1)
    return ours


def convert_wide_stem(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate a ResNet with the stem ``conv1`` and ``bn1`` to ResNetV1c's names."""
    stem = re.compile(r'conv1\.(\d+\.)')
    return {
        stem.sub(r'stem.\1', key)
        if stem.match(key)
        else _replace_start(key, (('bn1.', 'stem.7.'),)): value
        for key, value in given.items()
    }


@CheckpointLoader.register_scheme(prefixes='mmgroupmix://', force=True)
def load_from_mmgroupmix(
    filename: str, map_location: str | None = None
) -> dict[str, Tensor]:
    """Load the weights that ``checkpoint='mmgroupmix://...'`` names in an ``init_cfg``.

    Args:
        filename (str): A key of ``WIDE_STEM_RESNETS``.
        map_location (str, optional): Part of mmengine's interface for schemes; the
            weights are on the CPU. Defaults to None.

    Returns:
        dict[str, Tensor]: The weights, with the names of mmsegmentation's
        ``ResNetV1c(stem_channels=128)``.

    Raises:
        CheckpointError: If ``filename`` is unknown or the file cannot be read.
    """
    if filename not in WIDE_STEM_RESNETS:
        raise CheckpointError(
            f'Unknown weights {filename}. Available: {", ".join(WIDE_STEM_RESNETS)}.'
        )
    return convert_wide_stem(read_checkpoint(WIDE_STEM_RESNETS[filename]))


def _replace_start(name: str, replacements: tuple[tuple[str, str], ...]) -> str:
    for start, replacement in replacements:
        if name.startswith(start):
            return replacement + name[len(start) :]
    return name
