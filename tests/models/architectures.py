"""Small architectures of every backbone, drawn by hypothesis with images that fit them.

A mixer that is bound to one number of tokens, or to a map of at least some size, is drawn
for the image: so architectures and sizes are drawn together, as a :class:`Case`.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmgroupmix.models import (
    EAMLP,
    GroupMixFormer,
    MetaFormer,
    PoolFormer,
    WithExternalAttention,
)

from .token_mixer_configs import (
    batch_norm_cfgs,
    config,
    divisors,
    group_mix_arguments,
    norm_cfgs,
    token_mixers,
)

IN_CHANNELS = 3
#: All multiples of 10, as Group-Mix Attention needs.
DIMS = (10, 20, 30, 40)
NUM_STAGES = 4


@dataclass(frozen=True)
class Case:
    """A backbone and the size of its images.

    Attributes:
        builder (Callable): The backbone's class, or the function that builds it.
        arguments (dict): Its arguments.
        size (tuple[int, int]): Height and width of the images, in pixels.
        maps (list): Expected (channels, height, width) per output; (channels,) for a
            vector.
    """

    builder: Callable[..., nn.Module]
    arguments: dict
    size: tuple[int, int]
    maps: list[tuple[int, ...]] = field(compare=False)

    def build(self, seed: int = 0, **changes: object) -> nn.Module:
        """Build the backbone, with the initial weights of a seed."""
        torch.manual_seed(seed)
        # Copied, so that a backbone that changes its arguments does not change the next.
        return self.builder(**copy.deepcopy({**self.arguments, **changes}))

    def build_random(self, seed: int = 0, **changes: object) -> nn.Module:
        """Build the backbone with weights that all matter, in eval mode.

        The initial ones do not: layer scales and biases are almost zero.
        """
        return randomize(self.build(seed, **changes), seed)

    def make_images(self, batch: int = 2, seed: int = 0, scale: float = 1.0) -> Tensor:
        """Normally distributed images of this size, (batch, 3, H, W)."""
        generator = torch.Generator().manual_seed(seed)
        images = torch.randn(batch, IN_CHANNELS, *self.size, generator=generator)
        return images * scale


def randomize(backbone: nn.Module, seed: int) -> nn.Module:
    """Draw all weights and statistics, as if after training, and set eval mode."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in backbone.parameters():
            if parameter.dim() > 1:
                fan_in = parameter[0].numel()
                parameter.copy_(torch.randn_like(parameter) * fan_in**-0.5)
            else:
                parameter.add_(torch.randn_like(parameter) * 0.2)
        for module in backbone.modules():
            if isinstance(module, _BatchNorm):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
    backbone.eval()  # those of mmpretrain return nothing here
    return backbone


def compute_map_sizes(cls: type, size: tuple[int, int]) -> list[tuple[int, int]]:
    """Height and width of the maps of the four stages, as documented.

    The stem of GroupMixFormer halves them twice, rounded up; the others' is one 7x7
    convolution of stride 4 with a padding of 2. Each further stage halves, rounded up.
    """

    def reduce(side: int) -> int:
        return -(-side // 4) if cls is GroupMixFormer else (side - 3) // 4 + 1

    sides = [(reduce(size[0]), reduce(size[1]))]
    while len(sides) < NUM_STAGES:
        height, width = sides[-1]
        sides.append(((height + 1) // 2, (width + 1) // 2))
    return sides


#: Heights and widths from the documented minimum; odd, even, and beyond two windows.
sides = st.integers(32, 70)
image_sizes = st.tuples(sides, sides)


@st.composite
def stage_arguments(draw, dims: tuple[int, ...] = DIMS) -> dict:
    """``arch`` and the arguments that all backbones of four stages have."""
    depths = st.sampled_from((1, 1, 2))
    ratios = st.sampled_from((1, 2, 2.5))
    return dict(
        arch=dict(
            embed_dims=tuple(draw(st.sampled_from(dims)) for _ in range(NUM_STAGES)),
            depths=tuple(draw(depths) for _ in range(NUM_STAGES)),
            mlp_ratios=tuple(draw(ratios) for _ in range(NUM_STAGES)),
        ),
        out_indices=tuple(
            sorted(draw(st.sets(st.integers(0, NUM_STAGES - 1), min_size=1)))
        ),
        drop_path_rate=draw(st.sampled_from((0, 0.3))),
        frozen_stages=draw(st.sampled_from((-1, -1, 0, 1, 3, 4))),
        norm_eval=draw(st.booleans()),
    )


def four_stages(cls: type, arguments: dict, size: tuple[int, int]) -> Case:
    """A case with its documented maps."""
    dims, heights_widths = arguments['arch']['embed_dims'], compute_map_sizes(cls, size)
    maps = [(dims[i], *heights_widths[i]) for i in arguments['out_indices']]
    return Case(cls, arguments, size, maps)


@st.composite
def groupmixformers(draw) -> Case:
    """GroupMixFormers with every kind of aggregator."""
    size = draw(image_sizes)
    arguments = draw(stage_arguments(draw(st.sampled_from((DIMS, (40,))))))
    arguments['norm_cfg'] = draw(batch_norm_cfgs)
    if draw(st.booleans()):
        dim = min(arguments['arch']['embed_dims'])
        aggregators = draw(group_mix_arguments(dim))
        if any(d % 40 for d in arguments['arch']['embed_dims']):
            aggregators.update(aggregate_input=False)
            aggregators['kinds'][-1] = 'conv'
        del aggregators['norm_cfg']
        arguments['aggregators'] = aggregators
    arguments['final_norm'] = 3 in arguments['out_indices'] and draw(st.booleans())
    return four_stages(GroupMixFormer, arguments, size)


@st.composite
def metaformers(draw, cls: type = MetaFormer) -> Case:
    """MetaFormers with any mixer in each stage, or PoolFormers with pooling."""
    size = draw(image_sizes)
    arguments = draw(stage_arguments())
    arguments.update(
        norm_cfg=draw(norm_cfgs),
        act_cfg=dict(type=draw(st.sampled_from(('GELU', 'ReLU', 'SiLU', 'HSwish')))),
        mlp_ratios=draw(st.sampled_from((None, 0, 1.5, (1, 0, 2, 1)))),
        layer_scale=draw(st.sampled_from((None, 0, 1e-5, 0.5))),
        residual=draw(st.sampled_from((True, True, False))),
        position_embeddings=draw(
            st.sampled_from((None, ((9, 8), None, (3, 4), None), ((1, 1),) * 4))
        ),
        final_norm=3 in arguments['out_indices'] and draw(st.booleans()),
    )
    if cls is MetaFormer:
        dims = arguments['arch']['embed_dims']
        arguments['token_mixers'] = [
            draw(token_mixers(dim, map_size))
            for dim, map_size in zip(dims, compute_map_sizes(cls, size))
        ]
    return four_stages(cls, arguments, size)


@st.composite
def eamlps(draw) -> Case:
    """EAMLPs with every tokens-to-token module and the mixers of sequences."""
    dim = draw(st.sampled_from((8, 16, 24)))
    mixers = st.one_of(
        st.none(),
        config('SelfAttention', head_dim=divisors(dim)),
        config('ExternalAttention', num_memories=st.integers(1, 9)),
        config('Identity'),
    )
    depth = draw(st.integers(1, 3))
    arguments = dict(
        arch=dict(
            embed_dims=dim,
            depth=depth,
            num_heads=draw(divisors(dim)),
            mlp_ratio=draw(st.sampled_from((0, 1, 2.5))),
        ),
        img_size=draw(st.sampled_from((32, 48, (64, 40)))),
        t2t=draw(st.sampled_from(('external_attention', 'performer'))),
        token_mixer=draw(mixers),
        mlp_norm_cfg=draw(st.sampled_from((None, dict(type='BN')))),
        drop_path_rate=draw(st.sampled_from((0, 0.3))),
        frozen_stages=draw(st.integers(-1, depth)),
        norm_eval=draw(st.booleans()),
    )
    return Case(EAMLP, arguments, draw(image_sizes), [(dim,)])


@st.composite
def with_external_attention(draw) -> Case:
    """A backbone of four stages, one of whose maps passes through external attention."""
    case = draw(st.one_of(groupmixformers(), metaformers(PoolFormer)))
    index = draw(st.integers(-len(case.maps), len(case.maps) - 1))
    block = dict(
        channels=case.maps[index][0],
        stage=index,
        num_memories=draw(st.integers(1, 9)),
        norm=draw(st.sampled_from(('double', 'softmax'))),
        tied=draw(st.booleans()),
        norm_cfg=draw(norm_cfgs),
    )
    arguments = dict(case.arguments, base=case.builder, external_attention=block)
    return Case(WithExternalAttention, arguments, case.size, case.maps)


backbones = st.one_of(
    groupmixformers(),
    metaformers(),
    metaformers(PoolFormer),
    eamlps(),
    with_external_attention(),
)
