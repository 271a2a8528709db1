"""The command ``tools/train.py``."""

import os
from pathlib import Path

from mmengine.dist import barrier

from ..engine.hooks.curve_hook import CurveHook
from ..errors import UserError
from .command_line import (
    add_own_hooks,
    build_runner,
    check_mixed_precision,
    common_parser,
    is_main_rank,
    load_config,
    paragraph,
)
from .config.accelerator import lacks_accelerator
from .config.preflight import check_data, check_sizes
from .config.tree import type_name
from .config.work_dir import find_checkpoints, prepare_work_dir
from .reporting import run_command
from .unreadable_files import report_unreadable_files

LOADERS = ('train_dataloader', 'val_dataloader')


def main(arguments=None):
    """Train what a config describes.

    Args:
        arguments (Sequence[str], optional): Default: those of the command line.

    Returns:
        int: Exit code.
    """
    args = _parser().parse_args(arguments)
    return run_command(lambda: train(args))


def train(args):
    """Train, evaluate and draw.

    Args:
        args (argparse.Namespace): Parsed options.

    Raises:
        UserError: For anything that the person can mend.
    """
    cfg = load_config(args)
    resume = _apply_resume(cfg, args.resume)
    _apply_mixed_precision(cfg, args)
    if args.auto_scale_lr:
        _apply_auto_scale_lr(cfg)
    check_sizes(cfg, LOADERS)
    check_data(cfg, LOADERS)
    if is_main_rank():
        prepare_work_dir(cfg.work_dir, resume, args.overwrite)
        if resume == 'auto' and not find_checkpoints(cfg.work_dir):
            print(f'nothing to resume in {cfg.work_dir}: starting anew', flush=True)
    barrier()
    add_own_hooks(cfg)
    runner = build_runner(cfg)
    report_unreadable_files(runner)
    runner.train()
    if is_main_rank():
        print(_summary(runner), flush=True)


def _parser():
    parser = common_parser('Train a model of mmdet, mmseg or mmpretrain.')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint; without a value: the latest in the work dir',
    )
    parser.add_argument('--amp', action='store_true', help='automatic mixed precision')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the learning rate to the actual batch size, by the config's "
        'auto_scale_lr.base_batch_size',
    )
    return parser


def _apply_resume(cfg, resume):
    """What is resumed: 'auto', a checkpoint or None; also said in the config."""
    if resume not in (None, 'auto'):
        if '://' not in resume and not os.path.isfile(resume):
            raise UserError(f'--resume: checkpoint not found: {resume}')
        cfg.resume, cfg.load_from = True, resume
        return resume
    if resume == 'auto':
        cfg.resume, cfg.load_from = True, None
        return resume
    if cfg.get('resume'):
        return cfg.get('load_from') or 'auto'
    load_from = cfg.get('load_from')
    if load_from and '://' not in load_from and not os.path.isfile(load_from):
        raise UserError(f'load_from: checkpoint not found: {load_from}')
    return None


def _apply_mixed_precision(cfg, args):
    wrapper = cfg.optim_wrapper
    if args.amp and type_name(wrapper) != 'AmpOptimWrapper':
        if type_name(wrapper) not in ('OptimWrapper', ''):
            raise UserError(
                '--amp works with optim_wrapper.type OptimWrapper; the config has '
                f'{type_name(wrapper)}'
            )
        if args.demo and lacks_accelerator():
            print('--amp: no accelerator here, the demo runs in float32', flush=True)
            return
        wrapper.type = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')
    check_mixed_precision(cfg)


def _apply_auto_scale_lr(cfg):
    settings = cfg.get('auto_scale_lr')
    if not settings or 'base_batch_size' not in settings:
        raise UserError(
            '--auto-scale-lr needs the batch size that the learning rate was chosen '
            'for; the config names none. Add auto_scale_lr = '
            'dict(base_batch_size=16), with the real number.'
        )
    settings.enable = True


def _summary(runner):
    """The metric and where to find what the run left."""
    from ..engine.hooks.curves import headline

    curve = next((hook for hook in runner.hooks if isinstance(hook, CurveHook)), None)
    lines = ['']
    if curve and curve.metrics is not None:
        lines.append(f'result       {headline(curve.metrics)}')
    note = Path(runner.work_dir) / 'last_checkpoint'
    if note.exists():
        lines.append(f'checkpoint   {_short(note.read_text().strip())}')
    overlays = Path(runner.log_dir) / 'vis_data' / 'vis_image'
    if overlays.is_dir():
        lines.append(f'overlays     {_short(overlays)}')
    if curve and curve.out_file:
        lines.append(f'curves       {_short(curve.out_file)}')
    if runner.cfg.get('demo'):
        lines += ['', paragraph(runner.cfg.demo)]
    return '\n'.join(lines)


def _short(path):
    relative = os.path.relpath(path)
    return str(path) if relative.startswith('..') else relative
