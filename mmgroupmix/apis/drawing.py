"""Options and checks of the commands that draw attention, responses and Grad-CAM."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from .command_line import add_trust_option


def add_drawing_options(parser: argparse.ArgumentParser, default_name: str) -> None:
    """Add the options about the PNG and the device."""
    parser.add_argument('--out', help=f'PNG to write; default: {default_name} here')
    parser.add_argument('--device', help='as cuda:0; default: a GPU if there is one')
    add_trust_option(parser)
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the PNG if it exists'
    )


def resolve_out_file(
    images: Sequence[str], out: str | None, suffix: str, overwrite: bool
) -> Path:
    """Check the images, and the PNG before a model is built.

    Args:
        images (Sequence[str]): Image files.
        out (str | None): The PNG to write; None for the name of the first image with
            ``suffix``.
        suffix (str): As ``'_attention.png'``.
        overwrite (bool): Whether the PNG may exist.

    Returns:
        Path: The PNG, in a folder that may not exist yet.

    Raises:
        UserError: If an image is missing, or the PNG is not one or exists.
    """
    for image in images:
        if not Path(image).is_file():
            raise UserError(f'image not found: {image}')
    out_file = Path(out or f'{Path(images[0]).stem}{suffix}')
    if out_file.suffix.lower() != '.png':
        raise UserError(f'--out {out_file}: expected the name of a .png file')
    if os.path.lexists(out_file) and not overwrite:
        raise UserError(
            f'{out_file} exists already. Give another --out, or --overwrite to replace '
            'it.'
        )
    return out_file


def prepare_out_file(out_file: Path) -> None:
    """Make the folder of a file, and remove a link in its place, not what it leads to."""
    out_file.parent.mkdir(parents=True, exist_ok=True)
    if out_file.is_symlink():
        out_file.unlink()


def check_one_pass(config: str, num_passes: int) -> None:
    """Check that the model has seen the whole image once.

    Raises:
        UserError: If it has seen several windows or views.
    """
    if num_passes != 1:
        raise UserError(
            f'{config} predicts {num_passes} windows or views of the image, '
            "of which only one would be drawn. Set model.test_cfg.mode to 'whole', or "
            'take a pipeline without augmentation.'
        )
