"""MetaFormer: four stages of one block around any token mixer.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Section 3.
Every backbone of this package is this class with a table of sizes and a token mixer.
"""

import logging
from collections.abc import Mapping, Sequence

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...checkpoints.loading import LoadsPublishedFiles
from ...errors import UserError
from ...registry import MODELS, TOKEN_MIXERS
from ..arguments import check_indices, check_keys, explain_arguments, suggest
from ..layers.block import MetaFormerBlock
from ..layers.layout import to_map, to_tokens
from ..layers.recomputation import recompute_in_backward

NUM_STAGES = 4
ARCH_KEYS = ('embed_dims', 'depths', 'mlp_ratios')


@MODELS.register_module()
@explain_arguments
class MetaFormer(LoadsPublishedFiles, BaseModule):
    """Four stages of MetaFormer blocks.

    Args:
        arch (dict): Four values each, one a stage: ``embed_dims`` (channels), ``depths``
            (blocks), ``mlp_ratios`` (hidden width of the MLP in units of channels).
        token_mixers (str | dict | Sequence): The mixer as ``TOKEN_MIXERS`` builds it: a
            name, or a dict with ``type`` and arguments (``dim`` is added); or four of
            them, one a stage.
        in_channels (int): Channels of the image. Defaults to 3.
        out_indices (Sequence[int]): Stages, 0 to 3, whose maps are returned.
            Defaults to (0, 1, 2, 3).
        drop_path_rate (float): Stochastic depth of the last block; it rises linearly
            from 0 over all blocks. Defaults to 0.
        frozen_stages (int): -1 freezes nothing, 0 the stem, n the stem and the first n
            stages. Frozen parts stay in eval mode. Defaults to -1.
        norm_eval (bool): Keep batch norms in eval mode while training.
            Defaults to False.
        with_cp (bool): Activation checkpointing: a block keeps only its input and runs
            again in the backward pass. Less memory, about a third more time, the same
            results. Defaults to False.
        init_cfg (dict | list[dict], optional): mmengine's weight initialisation.
            ``type='Pretrained'`` takes published files.
        pretrained (str, optional): What mmseg hands down of a config's
            ``model.pretrained``: a file, as ``init_cfg`` takes it. The address of a
            well-known other model (``open-mmlab://resnet50_v1c``), left over from the
            config's base, is ignored with a warning.

    Raises:
        UserError: If an argument is not as described.
    """

    arch = 'custom'

    def __init__(
        self,
        arch: Mapping,
        token_mixers: str | Mapping | Sequence,
        in_channels: int = 3,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        drop_path_rate: float = 0.,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool = False,
        init_cfg: dict | list[dict] | None = None,
        pretrained: str | None = None,
    ):
        name = type(self).__name__
        super().__init__(settle_init_cfg(name, init_cfg, pretrained))
        check_arch(name, arch)
        check_numbers(name, in_channels, drop_path_rate, frozen_stages)
        self.out_indices = check_indices(name, out_indices, NUM_STAGES)
        self.embed_dims = tuple(arch['embed_dims'])
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        self.fused = False

        mixers = each_stage(name, token_mixers)
        last = max(sum(arch['depths']) - 1, 1)
        rates = [drop_path_rate * block / last for block in range(last + 1)]
        self.stem = self.build_stem(in_channels)
        self.stages = nn.ModuleList()
        channels = self.embed_dims[0]
        for index, (dim, depth, ratio) in enumerate(zip(*(arch[k] for k in ARCH_KEYS))):
            embedding = self.build_embedding(index, channels, dim)
            blocks = [
                self.build_block(
                    dim, build_mixer(mixers[index], dim), ratio,
                    rates.pop(0)) for _ in range(depth)
            ]
            self.stages.append(Stage(embedding, blocks))
            channels = dim
        self.apply(initialize)
        self.freeze()

    def build_stem(self, in_channels: int) -> nn.Module:
        """(B, in_channels, H, W) image to (B, C0, ceil(H / 4), ceil(W / 4)) map."""
        return nn.Conv2d(in_channels, self.embed_dims[0], 7, 4, padding=3)

    def build_embedding(self, index: int, in_channels: int, dim: int) -> nn.Module:
        """What opens stage ``index``: (B, C, H, W) to (B, dim, H', W')."""
        if index == 0:
            return nn.Identity()
        return nn.Conv2d(in_channels, dim, 3, 2, padding=1)

    def build_block(
        self, dim: int, token_mixer: nn.Module, mlp_ratio: float, drop_path: float
    ) -> nn.Module:
        """One block, (B, H, W, C) to (B, H, W, C)."""
        return MetaFormerBlock(dim, token_mixer, mlp_ratio, drop_path=drop_path)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of the stages ``out_indices``.

        Args:
            x (Tensor): Images, (B, in_channels, H, W), any H and W from 32 pixels.

        Returns:
            tuple[Tensor]: (B, C_i, ceil(H / s), ceil(W / s)) for s = 4, 8, 16, 32.
        """
        outs = []
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        for index, stage in enumerate(self.stages[:max(self.out_indices) + 1]):
            x = stage(x, self.with_cp and self.training)
            if index in self.out_indices:
                outs.append(self.output(index, x))
        return tuple(outs)

    def output(self, index: int, x: Tensor) -> Tensor:
        """What is returned of stage ``index``, (B, C, H, W)."""
        # Heads of the toolboxes take `view`s, which fail on channels-last maps.
        return x.contiguous()

    def freeze(self) -> None:
        """Freeze what ``frozen_stages`` names, and stages that nothing is returned of."""
        # Parameters without gradients would keep data parallel training waiting.
        unused = self.stages[max(self.out_indices) + 1:]
        frozen = (self.stem, *self.stages)[:self.frozen_stages + 1]
        for part in (*frozen, *unused):
            part.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> 'MetaFormer':
        """Set training mode, except for what is frozen or kept in eval mode.

        Raises:
            RuntimeError: If the backbone is fused and ``mode`` is True.
        """
        if mode and self.fused:
            raise RuntimeError(
                f'{type(self).__name__} is fused for inference: its batch norms are '
                'gone. Train the model as it was before fuse().')
        super().train(mode)
        if mode:
            self.freeze()
            if self.norm_eval:
                for module in self.modules():
                    if isinstance(module, _BatchNorm):
                        module.eval()
        return self

    def fuse(self) -> 'MetaFormer':
        """Fold for inference, in place: the outputs stay equal to float32 rounding.

        Batch norms go into the convolution or linear layer before them, the identity of
        a position encoding into its kernel. The backbone is in eval mode after it.

        Returns:
            MetaFormer: The backbone itself.
        """
        if not self.fused:
            self.eval()
            for module in list(self.modules()):
                if module is not self and hasattr(module, 'fuse'):
                    module.fuse()
            self.requires_grad_(False)
            self.fused = True
        return self


class Stage(nn.Module):
    """An embedding on maps, then blocks on tokens.

    Args:
        embedding (nn.Module): (B, C, H, W) to (B, C', H', W').
        blocks (list[nn.Module]): Each (B, H, W, C) to (B, H, W, C).
    """

    def __init__(self, embedding: nn.Module, blocks: list[nn.Module]):
        super().__init__()
        self.embedding = embedding
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, recompute: bool = False) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        x = to_tokens(self.embedding(x))
        for block in self.blocks:
            x = recompute_in_backward(block, x) if recompute else block(x)
        return to_map(x)


def check_arch(name: str, arch: Mapping) -> None:
    """Raise a UserError if a table of sizes is not complete."""
    check_keys(f'{name}: arch', arch, ARCH_KEYS)
    for key in ARCH_KEYS:
        values = arch[key]
        if not (isinstance(values, (tuple, list)) and len(values) == NUM_STAGES
                and all(isinstance(v, (int, float)) and v > 0 for v in values)):
            raise UserError(
                f'{name}: arch[{key!r}]={arch[key]}, expected four positive numbers, '
                'one a stage.')


def check_numbers(
    name: str, in_channels: int, drop_path_rate: float, frozen_stages: int
) -> None:
    """Raise a UserError if one of them is out of range or no number."""
    if type(in_channels) is not int or in_channels < 1:
        raise UserError(
            f'{name}: in_channels={in_channels!r}, expected a number of channels, 1 or '
            'more.')
    is_number = isinstance(drop_path_rate, (int, float))
    if not is_number or not 0 <= drop_path_rate < 1:
        raise UserError(
            f'{name}: drop_path_rate={drop_path_rate!r}, expected 0 <= rate < 1.')
    if type(frozen_stages) is not int or not -1 <= frozen_stages <= NUM_STAGES:
        raise UserError(
            f'{name}: frozen_stages={frozen_stages!r}, expected -1 (none), 0 (the stem) '
            'or 1 to 4 (the stem and so many stages).')


#: Addresses under which OpenMMLab's loaders know other models.
OTHER_MODELS = ('open-mmlab://', 'torchvision://', 'mmcls://', 'modelzoo://', 'jhu://')


def settle_init_cfg(
    name: str, init_cfg: Mapping | Sequence | None, pretrained: str | None
) -> Mapping | Sequence | None:
    """The initialisation that ``init_cfg`` and an inherited ``pretrained`` amount to."""
    if pretrained is None:
        return init_cfg
    if pretrained.startswith(OTHER_MODELS):
        print_log(
            f'model.pretrained={pretrained!r} is of another backbone and ignored: '
            f'{name} starts from {init_cfg or "random weights"}. Set '
            'model.pretrained=None.', logger='current', level=logging.WARNING)
        return init_cfg
    if init_cfg is not None:
        raise UserError(
            f'{name}: both pretrained={pretrained!r} and init_cfg={init_cfg} are given. '
            'Keep init_cfg, and set model.pretrained=None.')
    return dict(type='Pretrained', checkpoint=pretrained)


def each_stage(name: str, token_mixers: str | Mapping | Sequence) -> list[dict]:
    """The mixer config of every stage."""
    if isinstance(token_mixers, (str, Mapping)):
        token_mixers = [token_mixers] * NUM_STAGES
    if len(token_mixers) != NUM_STAGES:
        raise UserError(
            f'{name}: {len(token_mixers)} token_mixers, expected one for all stages or '
            'four, one a stage.')
    return [dict(type=m) if isinstance(m, str) else dict(m) for m in token_mixers]


def build_mixer(cfg: Mapping, dim: int) -> nn.Module:
    """A token mixer of ``TOKEN_MIXERS``, or of the class that ``type`` is.

    Raises:
        UserError: If no mixer has that name.
    """
    arguments = dict(cfg)
    kind = arguments.pop('type')
    mixer = TOKEN_MIXERS.get(kind) if isinstance(kind, str) else kind
    if mixer is None:
        known = sorted(TOKEN_MIXERS.module_dict)
        raise UserError(
            f'There is no token mixer {kind!r}{suggest(kind, known)}. Registered: '
            f'{", ".join(known)}.')
    return mixer(dim=dim, **arguments)


def initialize(module: nn.Module) -> None:
    """Linear layers: truncated normal 0.02 and zero bias; others as PyTorch does."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
