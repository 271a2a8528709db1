"""The command ``tools/draw_responses.py``: responses of groups, or Grad-CAM."""

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path

from mmengine.infer import BaseInferencer

from ..errors import UserError
from ..visualization.grad_cam import (
    build_cam_line,
    compute_grad_cam,
    import_grad_cam,
)
from ..visualization.input_record import InputRecord, record_input
from ..visualization.panels import Panel, draw_panels
from ..visualization.responses import draw_responses, record_responses
from .command_line import run_command
from .drawing import (
    add_drawing_options,
    check_one_pass,
    prepare_out_file,
    resolve_out_file,
)
from .inferencer import build_inferencer
from .tasks import CLASSIFICATION

CAM_CAPTION = 'Grad-CAM, from blue (no evidence for the class) to red (the strongest)'
SUFFIXES = dict(responses='_responses.png', cam='_cam.png')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; return the exit code."""
    args = _build_parser().parse_args(arguments)
    return run_command(lambda: draw(args), args.trust_checkpoint)


def draw(args: argparse.Namespace) -> None:
    """Run the model on the images, and write the PNG.

    Args:
        args (argparse.Namespace): Parsed options.

    Raises:
        UserError: For anything that the user can correct.
    """
    suffix = SUFFIXES['cam' if args.cam else 'responses']
    out_file = resolve_out_file(args.images, args.out, suffix, args.overwrite)
    if args.cam:
        import_grad_cam()  # before a model is built
    elif args.classes:
        raise UserError('--classes chooses the classes of Grad-CAM: give --cam too.')
    task, inferencer = build_inferencer(args.config, args.checkpoint, args.device)
    if args.cam and task is not CLASSIFICATION:
        raise UserError(
            f'--cam: {args.config} is a config of {task.toolbox}, expected a classifier '
            'of mmpretrain.'
        )
    inferencer.show_progress = False  # pointless for few images; mmpretrain ignores it
    if args.cam:
        _draw_cams(args, inferencer, out_file)
    else:
        _draw_responses(args, inferencer, out_file)


def _draw_responses(
    args: argparse.Namespace, inferencer: BaseInferencer, out_file: Path
) -> None:
    records = []
    for image in args.images:
        with record_responses(inferencer.model, args.stage, args.block) as record:
            inferencer(str(image))
        check_one_pass(args.config, record.num_passes)
        records.append(record)
    prepare_out_file(out_file)
    draw_responses(records, out_file)
    height, width, _ = records[0].outputs[0].shape
    print(f'\n{out_file}: {records[0].mixer}, maps of {height} x {width} positions')


def _draw_cams(
    args: argparse.Namespace, inferencer: BaseInferencer, out_file: Path
) -> None:
    lines: list[list[Panel]] = []
    for image in args.images:
        with record_input(inferencer.model, InputRecord()) as record:
            (prediction,) = inferencer(str(image))
        check_one_pass(args.config, record.num_passes)
        assert record.images is not None and record.image is not None  # for mypy
        scores, classes = prediction['pred_scores'], args.classes
        outside = [index for index in classes or () if not 0 <= index < len(scores)]
        if outside:
            raise UserError(f'--classes {outside}: expected 0 to {len(scores) - 1}.')
        classes = classes or [prediction['pred_label']]
        cams = compute_grad_cam(
            inferencer.model, record.images, classes, args.stage, args.block
        )
        titles = [
            f'{_name_class(inferencer, index)}: {100 * scores[index]:.0f} %'
            for index in classes
        ]
        lines.append(build_cam_line(record.image, cams, titles))
    prepare_out_file(out_file)
    draw_panels(lines, out_file, CAM_CAPTION)
    print(f'\n{out_file}: Grad-CAM of {len(lines)} image(s)')


def _name_class(inferencer: BaseInferencer, index: int) -> str:
    """The first of the synonyms that ImageNet gives a class, of a panel's width."""
    name = inferencer.classes[index] if inferencer.classes else f'class {index}'
    return textwrap.shorten(name.partition(',')[0], 24, placeholder='…')


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Draw which groups of a Group-Mix Attention respond where: of its '
        'five segments and, below them, of their two heads each. With --cam, draw the '
        'Grad-CAM of a classifier with any backbone of the package.'
    )
    parser.add_argument('config', help='config file; for a demo, the one in its work dir')
    parser.add_argument('checkpoint', help='what tools/train.py saved')
    parser.add_argument('images', nargs='+', metavar='image', help='image files')
    parser.add_argument(
        '--stage',
        type=int,
        help='stage of the block, from 0; default: 2, with --cam the last',
    )
    parser.add_argument(
        '--block', type=int, help='block of the stage, from 0; default: the last'
    )
    parser.add_argument(
        '--cam',
        '--grad-cam',
        action='store_true',
        help='draw the Grad-CAM; needs the library grad-cam',
    )
    parser.add_argument(
        '--classes',
        nargs='+',
        type=int,
        metavar='INDEX',
        help='with --cam: classes, from 0; default: the predicted one',
    )
    add_drawing_options(parser, '<image name>_responses.png or _cam.png')
    return parser
