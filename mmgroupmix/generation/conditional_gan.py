"""A generator and a discriminator that learn from each other, on mmengine's runner.

Paper: "Self-Attention Generative Adversarial Networks" (arXiv 1805.08318), Section 3, for
the hinge loss. The order of steps is that of PyTorch-StudioGAN, which the External
Attention paper (arXiv 2105.02358, Section 4.6) trains with.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.logging import MessageHub
from mmengine.model import BaseModel, is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from ..arguments import check_int, explain_arguments
from ..errors import CheckpointError, UserError
from ..registry import MODELS
from .hinge_loss import hinge_loss
from .image_sizes import check_image_sizes
from .latents import draw_latents, draw_seeded_latents, seeded_generator

#: Random numbers of evaluations and sample grids do not depend on the seed of the run.
EVALUATION_SEED = 0
#: Names of tensors in networks that are wrapped for several processes.
_WRAPPED = re.compile(r'\b(generator|discriminator)\.module\.')


@MODELS.register_module()
@explain_arguments
class ConditionalGAN(BaseModel):
    """A class-conditional GAN with the hinge loss.

    An iteration is one step of the generator, as papers count them, after
    ``discriminator_steps`` steps of the discriminator, each with images of its own: a
    batch of the data loader holds ``discriminator_steps`` times the batch size of the
    paper. Random vectors and classes of an iteration depend on the seed of the run, the
    rank and the iteration only, so that a resumed run draws the same.

    With ``accumulative_counts`` of an optimizer wrapper, the batch of every step is split
    into so many parts, whose gradients are averaged: less memory for the same batch size.

    Args:
        generator (dict): Config of a :class:`SAGANGenerator`.
        discriminator (dict): Config of a :class:`SAGANDiscriminator`.
        discriminator_steps (int): Steps of the discriminator for one of the generator.
            Defaults to 1.
        data_preprocessor (dict, optional): It has to map images to RGB from -1 to 1.
            Defaults to None, which is mmengine's: no change.
        init_cfg (dict, optional): As for mmengine's ``BaseModel``. Defaults to None.

    Raises:
        UserError: If the two networks are for other sizes or classes.
    """

    def __init__(
        self,
        generator: Mapping,
        discriminator: Mapping,
        discriminator_steps: int = 1,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ):
        super().__init__(data_preprocessor, init_cfg)
        owner = type(self).__name__
        self.discriminator_steps = check_int(
            f'{owner}: discriminator_steps', discriminator_steps, 1
        )
        self.generator = MODELS.build(dict(generator))
        self.discriminator = MODELS.build(dict(discriminator))
        for name in ('img_size', 'num_classes'):
            own, other = (getattr(n, name) for n in (self.generator, self.discriminator))
            if own != other:
                raise UserError(
                    f'{owner}: {name} is {own} in the generator and {other} in the '
                    'discriminator. Set both to the same.'
                )
            setattr(self, name, own)
        self.num_classes: int
        self.img_size: int
        self.z_dim: int = self.generator.z_dim
        self._num_steps = 0

    # --- training

    def train_step(
        self, data: dict, optim_wrapper: OptimWrapperDict
    ) -> dict[str, Tensor]:
        """Take the steps of one iteration.

        Args:
            data (dict): A batch of the data loader.
            optim_wrapper (OptimWrapperDict): 'generator' and 'discriminator'.

        Returns:
            dict[str, Tensor]: Losses; ``loss`` is their sum.

        Raises:
            UserError: If the batch cannot be divided among the steps, or an image is of
                another size.
        """
        images, labels = self._prepare(data, training=True)
        wrappers = {name: optim_wrapper[name] for name in ('generator', 'discriminator')}
        steps = self.discriminator_steps
        parts = max(wrapper._accumulative_counts for wrapper in wrappers.values())
        if len(images) % (steps * parts):
            accumulated = f' and accumulative_counts={parts}' if parts > 1 else ''
            raise UserError(
                f'a batch of {len(images)} images cannot be divided among '
                f'discriminator_steps={steps}{accumulated}. Set '
                f'train_dataloader.batch_size to a multiple of {steps * parts}, and take '
                'a sampler without end (InfiniteSampler) or drop_last=True.'
            )
        source = seeded_generator(*self._seed_of_step())
        losses = [
            self._update_discriminator(
                part, part_labels, source, wrappers['discriminator']
            )
            for part, part_labels in zip(images.chunk(steps), labels.chunk(steps))
        ]
        loss_d = torch.stack(losses).mean()
        loss_g = self._update_generator(
            len(images) // steps, source, wrappers['generator']
        )
        return dict(
            loss=loss_d + loss_g, loss_discriminator=loss_d, loss_generator=loss_g
        )

    def _seed_of_step(self) -> tuple[int, int, int]:
        """The seed of the run, the rank, and the iteration."""
        hub = MessageHub.get_current_instance()
        seed = hub.runtime_info.get('seed') or 0
        iteration = hub.runtime_info.get('iter', self._num_steps)  # set by the runner
        self._num_steps += 1
        return int(seed), get_rank(), int(iteration)

    def _update_discriminator(
        self, images: Tensor, labels: Tensor, source: torch.Generator, wrapper: Any
    ) -> Tensor:
        """Take a step of the discriminator; return its loss."""
        parts = wrapper._accumulative_counts
        losses = []
        for real, real_labels in zip(images.chunk(parts), labels.chunk(parts)):
            with wrapper.optim_context(self.discriminator):
                # The generator stays in training mode: its batch norms see the batch.
                with torch.no_grad():
                    fake, fake_labels = self._draw(len(real), source)
                # Real and fake images pass separately.
                real_scores = self.discriminator(real, real_labels)
                fake_scores = self.discriminator(fake, fake_labels)
                loss = hinge_loss(real_scores, fake_scores)
            losses.append(_update(wrapper, loss))
        return torch.stack(losses).mean()

    def _update_generator(
        self, number: int, source: torch.Generator, wrapper: Any
    ) -> Tensor:
        """Take a step of the generator; return its loss."""
        parts = wrapper._accumulative_counts
        discriminator = unwrap(self.discriminator)
        # Its gradients would be added to those of its next step.
        discriminator.requires_grad_(False)
        losses = []
        for _ in range(parts):
            with wrapper.optim_context(self.generator):
                fake, labels = self._draw(number // parts, source, self.generator)
                # Without its wrapper, which would wait for gradients.
                loss = -discriminator(fake, labels).mean()
            losses.append(_update(wrapper, loss))
        discriminator.requires_grad_(True)
        return torch.stack(losses).mean()

    def _draw(
        self, number: int, source: torch.Generator, network: nn.Module | None = None
    ) -> tuple[Tensor, Tensor]:
        """Draw images, and the classes that they are of."""
        latents = draw_latents(source, number, self.z_dim, self.num_classes)
        z, labels = self._move(*latents)
        return (network or unwrap(self.generator))(z, labels), labels

    # --- evaluation

    def forward(
        self,
        inputs: Tensor,
        data_samples: list | None = None,
        mode: str = 'tensor',
    ) -> Any:
        """Draw as many images as a batch has.

        Args:
            inputs (Tensor): Real images, (B, 3, img_size, img_size).
            data_samples (list[BaseDataElement], optional): Their labels. The index of an
                image in the dataset, ``sample_idx``, is the seed of the drawn one.
            mode (str): ``'predict'`` to return the data samples, with the images as
                ``real_img`` and ``fake_img``; anything else to return the drawn images.
                Defaults to 'tensor'.

        Returns:
            Tensor | list[BaseDataElement]: See ``mode``.
        """
        samples = data_samples or [BaseDataElement() for _ in inputs]
        seeds = [
            (EVALUATION_SEED, int(sample.get('sample_idx', i)))
            for i, sample in enumerate(samples)
        ]
        fakes = self.generate(seeds)
        if mode != 'predict':
            return fakes
        for sample, real, fake in zip(samples, inputs, fakes):
            sample.set_field(real, 'real_img', dtype=Tensor)
            sample.set_field(fake, 'fake_img', dtype=Tensor)
        return samples

    def val_step(self, data: dict) -> list:
        """Draw as many images as a batch has; see :meth:`forward`."""
        images, _ = self._prepare(data, training=False)
        return self.forward(images, data.get('data_samples'), 'predict')

    test_step = val_step

    @torch.no_grad()
    def generate(
        self,
        seeds: Sequence[int | Sequence[int]],
        labels: Sequence[int] | None = None,
    ) -> Tensor:
        """Draw an image for each seed, in evaluation mode.

        Args:
            seeds (Sequence[int | Sequence[int]]): An image depends on its own seed only.
            labels (Sequence[int], optional): Classes. Defaults to None: each seed sets
                its own.

        Returns:
            Tensor: RGB images, (B, 3, img_size, img_size), from -1 to 1.
        """
        z, drawn = draw_seeded_latents(seeds, self.z_dim, self.num_classes)
        classes = drawn if labels is None else torch.as_tensor(labels, dtype=torch.int64)
        generator = unwrap(self.generator)
        was_training = generator.training
        try:
            return generator.eval()(*self._move(z, classes))
        finally:
            generator.train(was_training)

    # --- common

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The state dict, under the same names with any number of processes."""
        state = super().state_dict(*args, **kwargs)
        for name in list(state):
            # In order, since a name that is not changed moves to the end too.
            state[_WRAPPED.sub(r'\1.', name)] = state.pop(name)
        return state

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        for network in (unwrap(self.generator), unwrap(self.discriminator)):
            if any(n.startswith(f'{prefix}{network.first_layer}.') for n in state_dict):
                raise CheckpointError(
                    f'these are the weights of a {network.part} alone, expected both '
                    'networks of a GAN. tools/generate.py draws from a generator alone.'
                )
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _prepare(self, data: dict, training: bool) -> tuple[Tensor, Tensor]:
        """Images from -1 to 1 on the device of the model, and their labels."""
        samples = data.get('data_samples') or []
        check_image_sizes(data['inputs'], samples, self.img_size)
        inputs = self.data_preprocessor(data, training)['inputs']
        labels = [sample.gt_label.reshape(-1)[:1] for sample in samples]
        return self._move(inputs, torch.cat(labels) if labels else torch.zeros(0))

    def _move(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        first, second = tensors
        device = next(unwrap(self.generator).parameters()).device
        return first.to(device), second.to(device)


def unwrap(network: nn.Module) -> Any:
    """The network in a wrapper for several processes, or the network itself."""
    return network.module if is_model_wrapper(network) else network


def _update(wrapper: OptimWrapper, loss: Tensor) -> Tensor:
    """Back-propagate, and step when the gradients of all parts are there."""
    wrapper.update_params(loss)
    return loss.detach()
