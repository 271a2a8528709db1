"""What SAGAN's generator and discriminator share: how they load weights."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from mmengine.model import BaseModule
from torch import Tensor, nn

from ..checkpoints.loaded_weights import LoadedWeights
from ..checkpoints.reading import read_checkpoint
from ..errors import CheckpointError
from ..models.layers.state_dict import convert_entries
from .spectral_norm import to_parametrized_names


class SAGANNetwork(BaseModule):
    """Base of both networks.

    ``load_state_dict`` takes published names too, with the tensors of spectral norms
    under PyTorch's older names. Weights of the other network are refused.

    Attributes:
        part (str): What the network is called in a GAN.
        first_layer (str): A layer that this network has and the other one has not.
        other (str): What the other network is called.
        other_layer (str): A layer that the other network has and this one has not.
    """

    part: ClassVar[str]
    first_layer: ClassVar[str]
    other: ClassVar[str]
    other_layer: ClassVar[str]
    blocks: nn.ModuleList
    is_init: bool

    def append_block(self, module: nn.Module | None) -> None:
        """Append a block, if there is one, under the name that published weights have."""
        if module is not None:
            self.blocks.append(nn.ModuleList([module]))

    def iter_blocks(self) -> Iterator[nn.Module]:
        """Yield the blocks, with the attention among them, in order."""
        for layers in self.blocks:
            yield from layers.children()

    def init_weights(self) -> None:
        """Load the file of ``init_cfg``, if it names one.

        Raises:
            CheckpointError: If it does not fit the network.
        """
        config = self.init_cfg or {}
        if config.get('type') == 'Pretrained' and not self.is_init:
            self.load_file(config['checkpoint'])
            self.is_init = True
        else:
            super().init_weights()

    def load_file(self, checkpoint: str | Path) -> None:
        """Load a checkpoint of a training, or the weights of this network alone.

        Args:
            checkpoint (str | Path): A file, under our names or the published ones.

        Raises:
            CheckpointError: If it cannot be read, or does not fit the network.
        """
        weights = read_checkpoint(checkpoint)
        prefix = f'{self.part}.'
        if any(name.startswith(prefix) for name in weights):
            weights = {
                name.removeprefix(prefix): value
                for name, value in weights.items()
                if name.startswith(prefix)
            }
        record = LoadedWeights(self)
        try:
            self.load_state_dict(weights, strict=False)
        except CheckpointError as error:
            raise CheckpointError(f'{checkpoint}: {error}') from error
        except RuntimeError:  # of another shape: the record says which
            pass
        record.close()
        if record.missing or record.mismatched:
            raise CheckpointError(
                f'{checkpoint} does not fit the {self.part} of the config: it fits '
                f'{record.describe()}. Give the config that it was trained with; for a '
                'demo, the one in its work directory.'
            )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        convert_entries(state_dict, prefix, self._adapt)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _adapt(self, state_dict: Mapping[str, Any]) -> Mapping[str, Tensor]:
        layers = {name.partition('.')[0] for name in state_dict}
        if self.other_layer in layers and self.first_layer not in layers:
            raise CheckpointError(
                f'these are the weights of a {self.other}: they have '
                f'{self.other_layer} and not {self.first_layer}. Give those of a '
                f'{type(self).__name__}.'
            )
        return to_parametrized_names(state_dict)
