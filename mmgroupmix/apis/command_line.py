"""What ``tools/train.py`` and ``tools/test.py`` have in common."""

import argparse
import os
import textwrap

from mmengine.config import DictAction
from mmengine.dist import init_dist, is_distributed
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from ..compat import format_once, prepare_distributed, require_toolbox
from ..errors import UserError
from .config.accelerator import lacks_accelerator
from .config.task import TOOLBOXES, infer_task
from .config.read import read_config
from .config.tree import type_name
from .config.work_dir import default_work_dir
from .demo.demo import to_demo

OWN_HOOKS = ('CurveHook', 'ClassNumCheckHook')


def common_parser(description):
    """argparse.ArgumentParser: With the options that both commands take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config', help='config file of mmdet, mmseg or mmpretrain')
    parser.add_argument(
        '--work-dir',
        help='folder for logs and checkpoints; default: '
        'work_dirs/<config name>, with --demo work_dirs/demo/<config name>',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='settings that replace those of the config, such as '
        'train_cfg.max_iters=100 or key="[(a,b),(c,d)]" (no blanks inside)',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how the processes of a distributed job were started; default: none',
    )
    parser.add_argument(
        '--demo',
        action='store_true',
        help='check this config in minutes: mini data set, small sizes, short schedule',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help="remove a former run's checkpoints or outputs that are in the way",
    )
    # torch's launchers pass one spelling or the other.
    parser.add_argument(
        '--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS
    )
    return parser


def load_config(args):
    """Read the config, with the command line's settings and, if asked, its demo.

    Args:
        args (argparse.Namespace): Parsed options of :func:`common_parser`.

    Returns:
        Config: With ``work_dir`` and ``launcher`` set.

    Raises:
        UserError: If the file or a module that it imports is missing, no demo can be
            made of it, or the run would overwrite it.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = read_config(args.config)
    cfg.launcher = args.launcher
    try:
        _start_distributed(cfg)
        require_toolbox(TOOLBOXES[infer_task(cfg)])
    except (ImportError, RuntimeError) as error:
        raise UserError(str(error)) from error
    if args.demo:
        # Kept in the config, so that the dumped one says that it is a demo's.
        cfg.demo = to_demo(cfg, args.cfg_options)
        if is_main_rank():
            print(f'\n{paragraph(cfg.demo)}\n', flush=True)
    else:
        cfg.merge_from_dict(args.cfg_options)
    if args.work_dir:
        cfg.work_dir = args.work_dir
    elif args.demo or not cfg.get('work_dir'):
        cfg.work_dir = default_work_dir(args.config, args.demo)
    if os.path.realpath(cfg.work_dir) == os.path.dirname(os.path.realpath(args.config)):
        raise UserError(
            f'the work directory {cfg.work_dir} is the folder of {args.config}: mmengine '
            'writes the complete config there under the same name and would overwrite '
            'yours. Give another --work-dir.'
        )
    return cfg


def paragraph(text):
    """str: The text in lines that a terminal does not break within words."""
    return textwrap.fill(text, 96, break_long_words=False, break_on_hyphens=False)


def is_main_rank():
    """bool: Whether this process speaks for the job; known before it is joined."""
    return int(os.environ.get('RANK', os.environ.get('SLURM_PROCID', 0))) == 0


def check_mixed_precision(cfg):
    """Mixed precision needs a device: say so before anything is built.

    Raises:
        UserError: If the config asks for ``AmpOptimWrapper`` without an accelerator.
    """
    if type_name(cfg.get('optim_wrapper')) == 'AmpOptimWrapper' and lacks_accelerator():
        raise UserError(
            'mixed precision (--amp, AmpOptimWrapper) needs a CUDA, NPU, MLU or MUSA '
            'device, and mmengine finds none here. Run without it: --cfg-options '
            'optim_wrapper.type=OptimWrapper, or --demo, which falls back to float32.'
        )


def add_own_hooks(cfg):
    """Give a person's own config the curve and the label check, in place."""
    hooks = list(cfg.get('custom_hooks') or [])
    present = {type_name(hook) for hook in hooks}
    cfg.custom_hooks = hooks + [
        dict(type=f'mmgroupmix.{name}') for name in OWN_HOOKS if name not in present
    ]


def build_runner(cfg):
    """Runner: mmengine's, or the one that the config names."""
    format_once()
    return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)


def _start_distributed(cfg):
    """Join the job early: the first rank makes the mini data, the others wait."""
    if cfg.launcher == 'none':
        return
    prepare_distributed(cfg, cfg.launcher)
    if not is_distributed():
        env_cfg = cfg.get('env_cfg') or {}
        init_dist(cfg.launcher, **(env_cfg.get('dist_cfg') or dict(backend='nccl')))
