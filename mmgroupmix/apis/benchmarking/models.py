"""The models that a name on the command line stands for."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from ...arguments import suggest
from ...errors import UserError
from ...generation import ExternalAttention2d, SelfAttention2d
from ...generation.architecture import ARCHITECTURES, BASE_CHANNELS, Z_DIM
from ...model_index import find_index_folder, read_models
from ...models import EAMLP, GroupMixFormer, PoolFormer
from ...models.blocks.external_attention_block import ExternalAttentionBlock
from ...models.blocks.self_attention_block import SelfAttentionBlock
from ...point_clouds import OffsetExternalAttention, OffsetSelfAttention
from ...registry import MODELS
from ..config.generation import check_generation
from ..config.read import read_config
from ..config.tree import type_name
from ..tasks.infer_task import OWN_TASKS
from .tensor_path import GeneratorPath, TensorPath

Size = tuple[int, int]

TIMM_PREFIX = 'timm:'
TIMM_INSTALL = 'pip install timm'
#: Where EANet has its block: a map of 512 channels at an eighth of the image.
BLOCK_CHANNELS, BLOCK_STRIDE = 512, 8
#: Channels of a point in the part segmentors PCT and EAT.
POINT_CHANNELS = 128
#: Where SAGAN and EAGAN for images of 32 pixels have their attention: on a map at half of
#: the image's size.
GAN_ARCH = ARCHITECTURES[32]
GAN_CHANNELS = BASE_CHANNELS * GAN_ARCH.generator[GAN_ARCH.generator_attention]
GAN_STRIDE = 2
#: Classes of CIFAR-10.
GAN_CLASSES = 10
#: What models take. A cloud has a point for each pixel; latents are the random vectors of
#: generators, whose size is that of the images they draw.
IMAGES, CLOUDS, LATENTS = 'images', 'clouds', 'latents'


@dataclass(frozen=True)
class ModelSource:
    """A model that can be built.

    Attributes:
        label (str): Its name in tables.
        part (str): What of it is timed.
        is_ours (bool): Whether it is of this package, or of a config.
        build (Callable): Builds it with random weights for a (height, width).
        channels (int): Channels of its input. Defaults to 3.
        stride (int): Pixels of the image for one of its input. Defaults to 1.
        inputs (str): What it takes, ``IMAGES``, ``CLOUDS`` or ``LATENTS``. Defaults to
            ``IMAGES``.
    """

    label: str
    part: str
    is_ours: bool
    build: Callable[[Size], nn.Module]
    channels: int = 3
    stride: int = 1
    inputs: str = IMAGES

    @property
    def unit(self) -> str:
        """What the size counts, 'pixels' or 'points'."""
        return 'points' if self.inputs == CLOUDS else 'pixels'

    def input_shape(self, batch: int, size: Size) -> tuple[int, ...]:
        """The shape of the input for images of a (height, width)."""
        if self.inputs == LATENTS:
            return batch, self.channels
        height, width = (max(side // self.stride, 1) for side in size)
        if self.inputs == CLOUDS:
            return batch, height * width, self.channels
        return batch, self.channels, height, width


def find_model(name: str) -> ModelSource:
    """Find what a name stands for.

    Args:
        name (str): ``timm:NAME``; a config file; an architecture or a block of
            ``own_models``; or a name of the model index, such as ``gmf_s_in1k``.

    Returns:
        ModelSource: The model.

    Raises:
        UserError: If the name is unknown, or timm is not installed.
    """
    if name.startswith(TIMM_PREFIX):
        return _find_timm_model(name)
    if name.endswith('.py'):
        return _find_config(Path(name).stem, name)
    ours = own_models()
    if name in ours:
        return ours[name]
    indexed = {model['Name']: model['Config'] for model in read_models()}
    folder = find_index_folder()
    if name in indexed and folder is not None:
        return _find_config(name, str(folder / indexed[name]))
    raise UserError(
        f'{name}: unknown model{suggest(name, [*ours, *indexed])}. Expected '
        f'{", ".join(ours)}, timm:NAME, a config file or a name of the model index.'
    )


def own_models() -> dict[str, ModelSource]:
    """The backbones, blocks, layers and generators of this package by name."""
    builders: dict[str, Callable[[Size], nn.Module]] = {}
    for arch in GroupMixFormer.arch_aliases:
        builders[f'gmf_{arch}'] = partial(_build_backbone, GroupMixFormer, arch)
    for arch in PoolFormer.arch_settings:
        builders[f'poolformer_{arch}'] = partial(_build_backbone, PoolFormer, arch)
    for arch in EAMLP.arch_settings:
        builders[f'eamlp_{arch}'] = partial(_build_eamlp, arch)
    models = {
        name: ModelSource(name, 'backbone, all its maps', True, build)
        for name, build in builders.items()
    }
    part = f'block on {BLOCK_CHANNELS} channels at 1/{BLOCK_STRIDE} of the size'
    for name, block in (
        ('ea_block', ExternalAttentionBlock),
        ('self_attention_block', SelfAttentionBlock),
    ):
        build = partial(_build_block, block)
        models[name] = ModelSource(name, part, True, build, BLOCK_CHANNELS, BLOCK_STRIDE)
    part = f'attention layer on {POINT_CHANNELS} channels, a point for each pixel'
    for name, layer in (
        ('eat_layer', OffsetExternalAttention),
        ('pct_layer', OffsetSelfAttention),
    ):
        build = partial(_build_layer, layer)
        models[name] = ModelSource(name, part, True, build, POINT_CHANNELS, inputs=CLOUDS)
    return models | _gan_models()


def _gan_models() -> dict[str, ModelSource]:
    """The attention layers and the generators of SAGAN and EAGAN by name."""
    models = {}
    part = f'attention layer on {GAN_CHANNELS} channels at 1/{GAN_STRIDE} of the size'
    kinds = dict(sagan=SelfAttention2d, eagan=ExternalAttention2d)
    for prefix, layer in kinds.items():
        name, build = f'{prefix}_layer', partial(_build_gan_layer, layer)
        models[name] = ModelSource(name, part, True, build, GAN_CHANNELS, GAN_STRIDE)
    part = f'generator of images, {GAN_CLASSES} classes'
    config = dict(type='SAGANGenerator', num_classes=GAN_CLASSES)
    for prefix, layer in kinds.items():
        name, generator = f'{prefix}_generator', dict(config, attention=layer.__name__)
        build = partial(_build_generator, generator, ARCHITECTURES)
        models[name] = ModelSource(name, part, True, build, Z_DIM, inputs=LATENTS)
    return models


def _build_backbone(kind: Callable[..., nn.Module], arch: str, size: Size) -> nn.Module:
    return kind(arch)


def _build_eamlp(arch: str, size: Size) -> nn.Module:
    return EAMLP(arch, img_size=size)


def _build_block(kind: Callable[..., nn.Module], size: Size) -> nn.Module:
    return kind(BLOCK_CHANNELS)


def _build_layer(kind: Callable[..., nn.Module], size: Size) -> nn.Module:
    return kind(POINT_CHANNELS)


def _build_gan_layer(kind: Callable[..., nn.Module], size: Size) -> nn.Module:
    return kind(GAN_CHANNELS)


def _build_generator(generator: Mapping, sides: Collection[int], size: Size) -> nn.Module:
    height, width = size
    if height != width or height not in sides:
        raise UserError(
            f'cannot draw images of {height}x{width}; expected --size '
            f'{" or ".join(map(str, sides))}'
        )
    return GeneratorPath(MODELS.build(dict(generator, img_size=height)))


def _find_config(label: str, path: str) -> ModelSource:
    cfg = read_config(path)
    check_generation(cfg)
    kinds = {kind for task in OWN_TASKS for kind in task.models}
    if type_name(cfg.get('model')) in kinds:
        part = 'whole network, without losses, a point for each pixel'
        return ModelSource(label, part, True, lambda size: TensorPath(cfg), inputs=CLOUDS)
    if type_name(cfg.get('model')) == 'ConditionalGAN':
        generator = cfg.model.generator
        build = partial(_build_generator, generator, [generator.img_size])
        z_dim = generator.get('z_dim', Z_DIM)
        return ModelSource(label, 'generator', True, build, z_dim, inputs=LATENTS)
    channels = cfg.model.get('backbone', {}).get('in_channels', 3)
    part = 'backbone, neck and heads, without losses and postprocessing'
    return ModelSource(label, part, True, lambda size: TensorPath(cfg), channels)


def _find_timm_model(name: str) -> ModelSource:
    try:
        import timm
    except ImportError as error:
        raise UserError(
            f'{name}: timm is not installed. Install it with: {TIMM_INSTALL}'
        ) from error
    model = name.removeprefix(TIMM_PREFIX)
    if not timm.is_model(model):
        # Names are long: whoever gives the beginning of one looks for these.
        longer = timm.list_models(f'{model}*')[:3]
        near = f' (it has {", ".join(longer)})' if longer else ''
        near = near or suggest(model, timm.list_models())
        raise UserError(
            f'{name}: timm {timm.__version__} has no model {model!r}{near}. '
            'timm.list_models() lists them.'
        )

    def build(size: Size) -> nn.Module:
        pretrained = timm.get_pretrained_cfg(model)
        # Only models that are bound to a size take one.
        bound = pretrained is not None and pretrained.fixed_input_size
        arguments: dict[str, Any] = dict(img_size=size) if bound else {}
        return timm.create_model(model, **arguments)

    return ModelSource(name, 'whole classifier, 1000 classes', False, build)
