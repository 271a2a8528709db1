"""MetaFormer: four stages of one block around any token mixer.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Section 3.
GroupMixFormer and PoolFormer are this class with a table of sizes and a token mixer;
EAMLP is one sequence of its blocks.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...arguments import check_argument, explain_arguments
from ...registry import MODELS
from ..blocks.metaformer_block import MetaFormerBlock, spread_drop_path
from ..blocks.stage import Stage
from ..layers.autograd import keep_gradient_dense
from ..layers.initialization import initialize_except_mixers
from ..layers.layout import to_map, to_tokens
from ..layers.norm import apply_norm, build_norm
from ..layers.position import PositionEmbedding
from ..token_mixers.build import build_token_mixer
from .architecture import (
    NUM_STAGES,
    check_out_indices,
    check_training_arguments,
    resolve_init_cfg,
    resolve_position_embeddings,
    resolve_stage_sizes,
    resolve_token_mixers,
)
from .backbone import Backbone


@MODELS.register_module()
@explain_arguments
class MetaFormer(Backbone):
    """Four stages of MetaFormer blocks around any token mixer (Section 3, Figure 2).

    Args:
        arch (str | dict): A name in ``arch_settings`` of a subclass, or a dict with four
            values each, one per stage: ``embed_dims`` (channels), ``depths`` (blocks),
            ``mlp_ratios`` (hidden channels of the MLPs in units of channels); and
            optionally ``layer_scale`` and ``drop_path_rate``, defaults of the arguments
            below.
        token_mixers (str | dict | Sequence, optional): The mixer as ``TOKEN_MIXERS``
            builds it: a name, or a dict with ``type`` and arguments (``dim`` is added);
            or four entries, one per stage: a mixer, or a list of mixers that its blocks
            take in turn. Defaults to None: the mixer of the subclass.
        in_channels (int): Channels of the image. Defaults to 3.
        out_indices (Sequence[int]): Stages, 0 to 3, whose maps are returned.
            Defaults to (0, 1, 2, 3).
        norm_cfg (dict, optional): Config of the norms: ``GN`` with one group (statistics
            over tokens and channels), ``LN`` (over channels), ``BN``, ``SyncBN``, or None
            for no norm. Defaults to ``dict(type='GN', num_groups=1)``.
        act_cfg (dict): Config of the MLPs' activation. Defaults to ``dict(type='GELU')``.
        mlp_ratios (float | Sequence[float], optional): Used instead of the
            architecture's; one for all stages or four; 0 for no MLP. Defaults to None.
        layer_scale (float, optional): Initial value of the factors on the branches, used
            instead of the architecture's; 0 for none. Defaults to None.
        residual (bool): Whether blocks add their input to their branches.
            Defaults to True.
        position_embeddings (Sequence, optional): Four entries, one per stage: None, or
            the (height, width) of a learnt embedding that is added at its start,
            resampled to the size of the map. Defaults to None: no embeddings.
        drop_path_rate (float, optional): Stochastic depth of the last block; it rises
            linearly from 0 over all blocks. Defaults to the architecture's rate in
            ImageNet training, 0 for a dict without one.
        frozen_stages (int): -1 freezes nothing, 0 the stem, n the stem and the first n
            stages. Frozen parts stay in eval mode. Defaults to -1.
        norm_eval (bool): Keep batch norms in eval mode while training.
            Defaults to False.
        with_cp (bool): Activation checkpointing: a block keeps only its input and runs
            again in the backward pass. Less memory, about a third more time, the same
            results. Defaults to False.
        final_norm (bool): True for a classifier: one norm on the last map. False for
            dense prediction: a norm on each returned map. Defaults to False.
        init_cfg (dict | list[dict], optional): mmengine's weight initialisation.
            ``type='Pretrained'`` takes published files. Defaults to None.
        pretrained (str, optional): A file, as in ``init_cfg``, which mmseg passes on from
            ``model.pretrained`` of a config. The address of a well-known other model
            (``open-mmlab://resnet50_v1c``), left over from a base config, is ignored with
            a warning. Defaults to None.

    Raises:
        UserError: If an argument is not as described.
    """

    arch_keys = ('embed_dims', 'depths', 'mlp_ratios')
    default_token_mixers: ClassVar[Mapping | None] = None

    def __init__(
        self,
        arch: str | Mapping,
        token_mixers: str | Mapping | Sequence | None = None,
        in_channels: int = 3,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        norm_cfg: Mapping | None = dict(type='GN', num_groups=1),
        act_cfg: Mapping = dict(type='GELU'),
        mlp_ratios: float | Sequence[float] | None = None,
        layer_scale: float | None = None,
        residual: bool = True,
        position_embeddings: Sequence | None = None,
        drop_path_rate: float | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        with_cp: bool = False,
        final_norm: bool = False,
        init_cfg: dict | list[dict] | None = None,
        pretrained: str | None = None,
    ):
        owner = type(self).__name__
        init_cfg = resolve_init_cfg(owner, init_cfg, pretrained)
        super().__init__(frozen_stages, norm_eval, with_cp, init_cfg)
        self.arch, table = self.resolve_arch(arch)
        sizes = resolve_stage_sizes(
            owner,
            table,
            mlp_ratios=mlp_ratios,
            layer_scale=layer_scale,
            drop_path_rate=drop_path_rate,
        )
        check_training_arguments(owner, in_channels, sizes.drop_path_rate, frozen_stages)
        mixers = resolve_token_mixers(
            owner, self.default_token_mixers if token_mixers is None else token_mixers
        )
        positions = resolve_position_embeddings(owner, position_embeddings)
        self.out_indices = check_out_indices(owner, out_indices)
        is_returned = NUM_STAGES - 1 in self.out_indices
        expected = '3 in it, as final_norm=True is a norm on the last map'
        check_argument(
            is_returned or not final_norm, f'{owner}: out_indices', out_indices, expected
        )
        self.in_channels = in_channels
        self.embed_dims = tuple(sizes.embed_dims)
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        self.layer_scale = sizes.layer_scale
        self.residual = residual

        self.stem = self.build_stem(in_channels, self.embed_dims[0])
        drop_paths = iter(spread_drop_path(sizes.drop_path_rate, sum(sizes.depths)))
        self.stages = nn.ModuleList()
        previous = self.embed_dims[0]
        for index, dim in enumerate(self.embed_dims):
            blocks = [
                self.build_block(
                    dim,
                    build_token_mixer(mixers[index][block % len(mixers[index])], dim),
                    sizes.mlp_ratios[index],
                    next(drop_paths),
                )
                for block in range(sizes.depths[index])
            ]
            size = positions[index]
            position_embedding = PositionEmbedding(dim, size) if size else None
            downsample = self.build_downsample(index, previous, dim)
            self.stages.append(Stage(downsample, blocks, position_embedding))
            previous = dim
        self.out_norms = nn.ModuleList(
            self.build_out_norm(dim)
            if index in self.out_indices and not final_norm
            else nn.Identity()
            for index, dim in enumerate(self.embed_dims)
        )
        self.final_norm = (
            self.build_final_norm(self.embed_dims[-1]) if final_norm else nn.Identity()
        )
        initialize_except_mixers(self)
        self.freeze()

    @classmethod
    def infer_arch(cls, tensors: Mapping[str, Tensor]) -> dict:
        """Infer embed_dims and depths from a state dict in our names; 0 if missing."""
        dims, depths = [], []
        for stage in range(NUM_STAGES):
            first = f'stages.{stage}.blocks.0'
            widths = [
                len(tensors[key])
                for key in (f'{first}.norm1.weight', f'{first}.mlp.fc2.bias')
                if key in tensors
            ]
            dims.append(widths[0] if widths else 0)
            blocks = re.compile(rf'stages\.{stage}\.blocks\.(\d+)\.')
            depths.append(len({m[1] for key in tensors if (m := blocks.match(key))}))
        return dict(embed_dims=tuple(dims), depths=tuple(depths))

    @classmethod
    def from_state_dict(
        cls, arch: str, tensors: Mapping[str, Tensor], classifier: bool
    ) -> 'MetaFormer':
        """Build a backbone with the parts that a complete state dict has."""
        return cls(arch, final_norm=classifier)

    def build_stem(self, in_channels: int, dim: int) -> nn.Module:
        """Build the stem: (B, in_channels, H, W) to (B, dim, H', W'), H' about H / 4."""
        return nn.Conv2d(in_channels, dim, 7, 4, padding=2)

    def build_downsample(self, index: int, in_channels: int, dim: int) -> nn.Module:
        """Build what opens a stage: (B, in_channels, H, W) to (B, dim, H', W')."""
        if index == 0:
            return nn.Identity()
        return nn.Conv2d(in_channels, dim, 3, 2, padding=1)

    def build_block(
        self, dim: int, token_mixer: nn.Module, mlp_ratio: float, drop_path: float
    ) -> nn.Module:
        """Build a block: (B, H, W, C) to (B, H, W, C)."""
        return MetaFormerBlock(
            dim,
            token_mixer,
            mlp_ratio,
            self.norm_cfg,
            self.act_cfg,
            self.layer_scale,
            self.residual,
            drop_path,
        )

    def build_out_norm(self, dim: int) -> nn.Module:
        """Build the norm of a map that is returned for dense prediction."""
        return build_norm(self.norm_cfg, dim)

    def build_final_norm(self, dim: int) -> nn.Module:
        """Build the norm of the last map for a classifier."""
        return build_norm(self.norm_cfg, dim)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the feature maps of the stages in ``out_indices``.

        Args:
            x (Tensor): Images, (B, in_channels, H, W), any H and W from 32 pixels.

        Returns:
            tuple[Tensor]: (B, C_i, H_i, W_i), where H_0 is the height after the stem,
            (H - 3) // 4 + 1 here, and each next one is half of it, rounded up.
        """
        recompute = self.with_cp and self.training
        x = to_tokens(self.stem(x.contiguous(memory_format=torch.channels_last)))
        outs = []
        for index in range(max(self.out_indices) + 1):
            x = self.stages[index](x, recompute)  # (B, H_i, W_i, C_i)
            if index in self.out_indices:
                outs.append(self.finish_map(index, x))
        return tuple(outs)

    def finish_map(self, index: int, x: Tensor) -> Tensor:
        """Normalise the tokens of a stage and return them as a (B, C, H, W) map."""
        keep_gradient_dense(x)
        x = apply_norm(self.out_norms[index], x)
        if index == NUM_STAGES - 1:
            x = apply_norm(self.final_norm, x)
        # Heads of the toolboxes take `view`s, which fail on channels-last maps.
        return to_map(x).contiguous()

    def freeze(self) -> None:
        """Freeze the parts that ``frozen_stages`` counts, and stages without output."""
        # Parameters without gradients would keep data parallel training waiting.
        unused = self.stages[max(self.out_indices) + 1 :]
        frozen = (self.stem, *self.stages)[: self.frozen_stages + 1]
        norms = self.out_norms[: max(self.frozen_stages, 0)]
        for part in (*frozen, *norms, *unused):
            part.eval().requires_grad_(False)
