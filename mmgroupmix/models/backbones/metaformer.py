"""MetaFormer: four stages of one block around any token mixer.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Section 3.
GroupMixFormer and PoolFormer are this class with a table of sizes and a token mixer;
EAMLP is one row of its blocks.
"""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ...arguments import check_indices, explain_arguments
from ...errors import UserError
from ...registry import MODELS
from ..blocks.metaformer_block import MetaFormerBlock
from ..blocks.stage import Stage
from ..layers.initialization import initialize_around_mixers
from ..layers.layout import to_map, to_tokens
from ..layers.norm import build_norm, norm_tokens
from ..layers.position import PositionEmbedding
from .backbone import Backbone
from .settings import (
    NUM_STAGES,
    build_mixer,
    check_numbers,
    resolve_init_cfg,
    resolve_position_embeddings,
    resolve_sizes,
    resolve_token_mixers,
)


@MODELS.register_module()
@explain_arguments
class MetaFormer(Backbone):
    """Four stages of MetaFormer blocks around any token mixer (Section 3, Figure 2).

    Args:
        arch (str | dict): A name of ``arch_settings`` (a subclass has some), or a dict
            with four values each, one a stage: ``embed_dims`` (channels), ``depths``
            (blocks), ``mlp_ratios`` (hidden width of the MLP in units of channels);
            perhaps with ``layer_scale`` and ``drop_path_rate``, defaults of the
            arguments below.
        token_mixers (str | dict | Sequence, optional): The mixer as ``TOKEN_MIXERS``
            builds it: a name, or a dict with ``type`` and arguments (``dim`` is added);
            or four of them, one a stage. Defaults to the subclass's own.
        in_channels (int): Channels of the image. Defaults to 3.
        out_indices (Sequence[int]): Stages, 0 to 3, whose maps are returned.
            Defaults to (0, 1, 2, 3).
        norm_cfg (dict, optional): The norms: ``GN`` with one group (statistics over
            tokens and channels), ``LN`` (over channels), ``BN``, ``SyncBN``, or None
            for no norm. Defaults to ``dict(type='GN', num_groups=1)``.
        act_cfg (dict): The activation of the MLPs. Defaults to ``dict(type='GELU')``.
        mlp_ratios (float | Sequence[float], optional): Instead of the architecture's;
            one for all stages or four; 0 for no MLP. Defaults to None.
        layer_scale (float, optional): Initial value of the factors on the branches
            instead of the architecture's; 0 for none. Defaults to None.
        residual (bool): Whether blocks add their input to their branches.
            Defaults to True.
        position_embeddings (Sequence, optional): Four entries, one a stage: None, or the
            (height, width) of a learnt embedding that is added at its start, resampled
            to the map that comes. Defaults to None: none.
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
            dense prediction: each returned map passes a norm of its own.
            Defaults to False.
        init_cfg (dict | list[dict], optional): mmengine's weight initialisation.
            ``type='Pretrained'`` takes published files.
        pretrained (str, optional): What mmseg hands down of a config's
            ``model.pretrained``: a file, as ``init_cfg`` takes it. The address of a
            well-known other model (``open-mmlab://resnet50_v1c``), left over from the
            config's base, is ignored with a warning.

    Raises:
        UserError: If an argument is not as described.
    """

    arch_keys = ('embed_dims', 'depths', 'mlp_ratios')
    default_token_mixers = None

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
        name = type(self).__name__
        super().__init__(norm_eval, resolve_init_cfg(name, init_cfg, pretrained))
        self.arch, table = self.resolve_arch(arch)
        sizes = resolve_sizes(name, table, mlp_ratios, layer_scale, drop_path_rate)
        check_numbers(name, in_channels, sizes['drop_path_rate'], frozen_stages)
        mixers = resolve_token_mixers(
            name, self.default_token_mixers if token_mixers is None else token_mixers
        )
        positions = resolve_position_embeddings(name, position_embeddings)
        self.out_indices = check_indices(name, out_indices, NUM_STAGES)
        if final_norm and NUM_STAGES - 1 not in self.out_indices:
            raise UserError(
                f'{name}: final_norm=True is the norm of the last map, which '
                f'out_indices={self.out_indices} leave out. Add 3, or drop final_norm.'
            )
        self.embed_dims = tuple(sizes['embed_dims'])
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        self.layer_scale = sizes['layer_scale']
        self.residual = residual
        self.frozen_stages = frozen_stages
        self.with_cp = with_cp

        last = max(sum(sizes['depths']) - 1, 1)
        rates = (sizes['drop_path_rate'] * block / last for block in range(last + 1))
        self.stem = self.build_stem(in_channels)
        self.stages = nn.ModuleList()
        widths = (self.embed_dims[0], *self.embed_dims)
        for i, dim in enumerate(self.embed_dims):
            blocks = [
                self.build_block(
                    dim, build_mixer(mixers[i], dim), sizes['mlp_ratios'][i], next(rates)
                )
                for _ in range(sizes['depths'][i])
            ]
            position = PositionEmbedding(dim, positions[i]) if positions[i] else None
            embedding = self.build_embedding(i, widths[i], dim)
            self.stages.append(Stage(embedding, blocks, position))
        self.out_norms = nn.ModuleList(
            self.build_out_norm(dim)
            if i in self.out_indices and not final_norm
            else nn.Identity()
            for i, dim in enumerate(self.embed_dims)
        )
        self.final_norm = (
            self.build_final_norm(self.embed_dims[-1]) if final_norm else nn.Identity()
        )
        initialize_around_mixers(self)
        self.freeze()

    @classmethod
    def infer_arch(cls, tensors: Mapping[str, Tensor]) -> dict:
        """embed_dims and depths of a file in our names, as far as they tell."""
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
        """A backbone with the parts that a whole file of this architecture has."""
        return cls(arch, final_norm=classifier)

    def build_stem(self, in_channels: int) -> nn.Module:
        """(B, in_channels, H, W) image to a (B, C0, H', W') map, H' about H / 4."""
        return nn.Conv2d(in_channels, self.embed_dims[0], 7, 4, padding=2)

    def build_embedding(self, index: int, in_channels: int, dim: int) -> nn.Module:
        """What opens stage ``index``: (B, C, H, W) to (B, dim, H', W')."""
        if index == 0:
            return nn.Identity()
        return nn.Conv2d(in_channels, dim, 3, 2, padding=1)

    def build_block(
        self, dim: int, token_mixer: nn.Module, mlp_ratio: float, drop_path: float
    ) -> nn.Module:
        """One block, (B, H, W, C) to (B, H, W, C)."""
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
        """What a stage's map passes on its way to dense prediction."""
        return build_norm(self.norm_cfg, dim)

    def build_final_norm(self, dim: int) -> nn.Module:
        """What the last map passes on its way to a classifier."""
        return build_norm(self.norm_cfg, dim)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of the stages ``out_indices``.

        Args:
            x (Tensor): Images, (B, in_channels, H, W), any H and W from 32 pixels.

        Returns:
            tuple[Tensor]: (B, C_i, H_i, W_i), where H_0 is the stem's, (H - 3) // 4 + 1
            here, and each next one half of it, rounded up.
        """
        outs = []
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        for index, stage in enumerate(self.stages[: max(self.out_indices) + 1]):
            x = stage(x, self.with_cp and self.training)
            if index in self.out_indices:
                outs.append(self.output(index, x))
        return tuple(outs)

    def output(self, index: int, x: Tensor) -> Tensor:
        """What is returned of stage ``index``, (B, C, H, W)."""
        tokens = norm_tokens(self.out_norms[index], to_tokens(x))
        if index == NUM_STAGES - 1:
            tokens = norm_tokens(self.final_norm, tokens)
        # Heads of the toolboxes take `view`s, which fail on channels-last maps.
        return to_map(tokens).contiguous()

    def freeze(self) -> None:
        """Freeze what ``frozen_stages`` names, and stages that nothing is returned of."""
        # Parameters without gradients would keep data parallel training waiting.
        unused = self.stages[max(self.out_indices) + 1 :]
        frozen = (self.stem, *self.stages)[: self.frozen_stages + 1]
        norms = self.out_norms[: max(self.frozen_stages, 0)]
        for part in (*frozen, *norms, *unused):
            part.eval().requires_grad_(False)
