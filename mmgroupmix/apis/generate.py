"""The command ``tools/generate.py``: images drawn by a GAN, from a checkpoint."""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.registry import MODELS, DefaultScope
from mmengine.utils import ProgressBar
from PIL import Image

from ..checkpoints.atomic_files import write_atomically
from ..errors import UserError
from ..generation import ConditionalGAN
from ..generation.sample_grid_hook import arrange, to_uint8
from .command_line import add_trust_option, run_interruptible
from .config.output_files import prepare_output
from .config.read import merge_options, read_config
from .tasks import GENERATION, infer_task

GRID = 'grid.png'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; return the exit code."""
    args = _build_parser().parse_args(arguments)
    return run_interruptible(
        lambda: generate(args),
        'interrupted: all files are complete so far',
        args.trust_checkpoint,
    )


def generate(args: argparse.Namespace) -> None:
    """Draw images, and write each of them and a grid.

    Args:
        args (argparse.Namespace): Parsed options.

    Raises:
        UserError: For anything that the user can correct.
    """
    for name, least in (('num', 1), ('columns', 1), ('batch_size', 1), ('seed', 0)):
        value = getattr(args, name)
        if value is not None and value < least:
            option = '--' + name.replace('_', '-')
            raise UserError(f'{option} {value}: expected {least} or more')
    folder = Path(args.out or f'work_dirs/generate/{Path(args.config).stem}')
    if not args.overwrite:
        prepare_output(folder, '--out', overwrite=False)
    model = load_model(args.config, args.checkpoint, args.cfg_options)
    model = model.to(args.device or get_device())
    classes = choose_classes(args.classes, args.num, model.num_classes)
    seeds = [args.seed + number for number in range(len(classes))]
    # Not earlier: a command that fails before removes nothing.
    prepare_output(folder, '--out', args.overwrite, ['*.png'])
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    # It estimates the time that is left.
    progress = ProgressBar(len(seeds), file=sys.stderr)
    for start in range(0, len(seeds), args.batch_size):
        part = slice(start, start + args.batch_size)
        images = model.generate(seeds[part], classes[part]).cpu()
        drawn.append(images)
        for image, label, seed in zip(to_uint8(images), classes[part], seeds[part]):
            save_image(image, folder / f'class_{label:03d}_seed_{seed:06d}.png')
            progress.update()
    num_columns = args.columns or round(len(seeds) ** 0.5)
    save_image(arrange(torch.cat(drawn), num_columns), folder / GRID)
    print(f'\nimages       {len(seeds)} files in {folder}\ngrid         {folder / GRID}')


def load_model(
    config: str, checkpoint: str, options: dict | None = None
) -> ConditionalGAN:
    """Build the GAN of a config, and load the weights of its generator.

    Args:
        config (str): A config file.
        checkpoint (str): A checkpoint of a training, or a generator alone, under our
            names or the published ones.
        options (dict, optional): Settings that replace those of the config. Defaults to
            None.

    Returns:
        ConditionalGAN: In evaluation mode.

    Raises:
        UserError: If the config is about something else.
        CheckpointError: If the weights do not fit the generator.
    """
    cfg = read_config(config)
    merge_options(cfg, options or {})
    if infer_task(cfg) is not GENERATION:
        raise UserError(
            f'{config} has no generator: expected a GAN, such as configs/eagan_cifar10.py'
        )
    model = build_model(cfg)
    model.generator.load_file(checkpoint)
    return model.eval()


def build_model(cfg: Config) -> Any:
    """Build the model of a config, with random weights."""
    with DefaultScope.overwrite_default_scope(
        cfg.get('default_scope') or GENERATION.toolbox
    ):
        return MODELS.build(cfg.model)


def choose_classes(
    given: Sequence[int] | None, number: int, num_classes: int
) -> list[int]:
    """The class of each image: the given ones, or all of them, in turn.

    Args:
        given (Sequence[int], optional): Classes, None for all.
        number (int): Images.
        num_classes (int): Classes of the model.

    Returns:
        list[int]: One for each image.

    Raises:
        UserError: If the model has no such class.
    """
    classes = list(given) if given else list(range(num_classes))
    for label in classes:
        if not 0 <= label < num_classes:
            raise UserError(
                f'--classes {label}: the generator has {num_classes} classes, expected '
                f'numbers from 0 to {num_classes - 1}'
            )
    return [classes[i % len(classes)] for i in range(number)]


def save_image(image: Any, path: Path) -> None:
    """Write an image (H, W, 3), uint8, RGB, completely or not at all.

    Raises:
        UserError: If it cannot be written.
    """
    content = io.BytesIO()
    Image.fromarray(image).save(content, 'png')
    try:
        write_atomically(path, content.getvalue())
    except OSError as error:
        raise UserError(f'cannot write {path}: {error.strerror or error}') from error


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Draw images from a checkpoint of a GAN: a PNG for each, named by '
        'its class and its seed, and grid.png with all of them. An image depends on the '
        'checkpoint, its class and its seed only.'
    )
    parser.add_argument('config', help='config file; for a demo, that of its folder')
    parser.add_argument(
        'checkpoint', help='checkpoint of a training, or weights of a generator'
    )
    parser.add_argument('--out', help='folder; default: work_dirs/generate/<config name>')
    parser.add_argument('--num', type=int, default=64, help='images; default: 64')
    parser.add_argument(
        '--classes',
        type=int,
        nargs='+',
        metavar='CLASS',
        help='classes to draw in turn, counted from 0; default: all of them',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='seed of the first image, counted up for the others; default: 0',
    )
    parser.add_argument(
        '--columns', type=int, help='images in a row of the grid; default: a square'
    )
    parser.add_argument('--batch-size', type=int, default=100, help='default: 100')
    parser.add_argument('--device', help='such as cuda:0 or cpu; default: a GPU if any')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='settings that replace those of the config',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the PNG files of --out'
    )
    add_trust_option(parser)
    return parser
