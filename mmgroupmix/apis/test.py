"""The command ``tools/test.py``."""

import os
from copy import deepcopy
from pathlib import Path

from mmengine.dist import barrier

from ..errors import UserError
from .command_line import build_runner, common_parser, is_main_rank, load_config
from .config.preflight import check_data, check_sizes
from .config.task import VISUALIZATION_HOOKS, VISUALIZERS, infer_task
from .config.tree import as_list, leaf_datasets, type_name
from .config.work_dir import prepare_output
from .reporting import run_command
from .unreadable_files import report_unreadable_files

LOADERS = ('test_dataloader',)
FLIPS = [dict(type='RandomFlip', prob=1.0), dict(type='RandomFlip', prob=0.0)]


def main(arguments=None):
    """Evaluate a checkpoint.

    Args:
        arguments (Sequence[str], optional): Default: those of the command line.

    Returns:
        int: Exit code.
    """
    args = _parser().parse_args(arguments)
    return run_command(lambda: test(args))


def test(args):
    """Evaluate, and write predictions and pictures where asked.

    Args:
        args (argparse.Namespace): Parsed options.

    Raises:
        UserError: For anything that the person can mend.
    """
    if '://' not in args.checkpoint and not os.path.isfile(args.checkpoint):
        raise UserError(f'checkpoint not found: {args.checkpoint}')
    cfg = load_config(args)
    if not cfg.get('test_dataloader'):
        raise UserError(f'{args.config} has no test_dataloader')
    cfg.load_from, cfg.resume = args.checkpoint, False
    task = infer_task(cfg)
    check_sizes(cfg, LOADERS)
    check_data(cfg, LOADERS)
    if args.tta:
        _apply_tta(cfg, task, args.show_dir)
    if args.out:
        _apply_out(cfg, task, args.out, args.overwrite)
    if args.show_dir:
        _apply_show_dir(cfg, task, args.show_dir, args.overwrite)
    barrier()
    with _kept(Path(cfg.work_dir) / Path(args.config).name):
        runner = build_runner(cfg)
    report_unreadable_files(runner)
    if args.out and task != 'seg':
        runner.test_evaluator.metrics.append(_dump(task, args.out))
    metrics = runner.test()
    if is_main_rank():
        print(_summary(metrics, args), flush=True)


def _parser():
    parser = common_parser('Evaluate a model of mmdet, mmseg or mmpretrain.')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--tta',
        action='store_true',
        help="test-time augmentation, by the config's tta_model and tta_pipeline",
    )
    parser.add_argument(
        '--out',
        metavar='PATH',
        help='write the predictions: a folder of label maps '
        '(PNG) for segmentation, a .pkl file otherwise',
    )
    parser.add_argument(
        '--show-dir', metavar='DIR', help='draw the predictions into this folder'
    )
    return parser


def _apply_tta(cfg, task, show_dir):
    """Wrap the model and exchange the pipeline, as the toolboxes' own scripts do."""
    drawing = (cfg.get('default_hooks') or {}).get('visualization')
    if task == 'cls':
        if show_dir:
            raise UserError(
                "--show-dir with --tta: mmpretrain's VisualizationHook cannot draw "
                'several views of an image. Draw without --tta.'
            )
        if drawing:
            drawing['enable'] = False
    missing = [key for key in ('tta_model', 'tta_pipeline') if not cfg.get(key)]
    if missing and task == 'seg':
        raise UserError(
            f'--tta: {cfg.filename} has no {" and no ".join(missing)}. Add both, as in '
            "mmseg's _base_/default_runtime.py and _base_/datasets/ade20k.py."
        )
    pipeline = cfg.test_dataloader.dataset
    leaf = next(leaf for _, leaf in leaf_datasets(pipeline))
    # mmdet and mmpretrain flip where a config says nothing. mmdet registers its
    # wrapper in mmengine's own registry, hence without a scope.
    if 'tta_model' in missing:
        cfg.tta_model = (
            dict(type='mmpretrain.AverageClsScoreTTA')
            if task == 'cls'
            else dict(
                type='DetTTAModel',
                tta_cfg=dict(nms=dict(type='nms', iou_threshold=0.5), max_per_img=100),
            )
        )
    if 'tta_pipeline' in missing:
        cfg.tta_pipeline = _flipped(leaf.pipeline, task)
    check_sizes(cfg, LOADERS)
    cfg.model = dict(cfg.tta_model, module=cfg.model)
    for _, leaf in leaf_datasets(cfg.test_dataloader.dataset):
        leaf['pipeline'] = cfg.tta_pipeline


def _flipped(pipeline, task):
    *before, pack = deepcopy(list(pipeline))
    if task == 'det':
        pack['meta_keys'] = (
            'img_id',
            'img_path',
            'ori_shape',
            'img_shape',
            'scale_factor',
            'flip',
            'flip_direction',
        )
    return [*before, dict(type='TestTimeAug', transforms=[deepcopy(FLIPS), [pack]])]


def _apply_out(cfg, task, out, overwrite):
    if task == 'seg':
        if out.endswith(('.pkl', '.pickle')):
            raise UserError(f'--out {out}: segmentation writes a folder of PNG files')
        metrics = [
            one for one in as_list(cfg.test_evaluator) if type_name(one) == 'IoUMetric'
        ]
        if not metrics:
            raise UserError('--out needs an IoUMetric in test_evaluator')
        metrics[0]['output_dir'] = out
        cfg.test_evaluator = metrics + [
            one for one in as_list(cfg.test_evaluator) if type_name(one) != 'IoUMetric'
        ]
    elif not out.endswith(('.pkl', '.pickle')):
        raise UserError(f'--out {out}: detection and classification write a .pkl file')
    if is_main_rank():
        prepare_output(out, '--out', ('*.png',), overwrite)
        Path(out).parent.mkdir(parents=True, exist_ok=True)


def _apply_show_dir(cfg, task, show_dir, overwrite):
    if is_main_rank():
        prepare_output(
            show_dir,
            '--show-dir',
            ('*.png', '*.jpg', '*.jpeg', 'vis_data/**/*'),
            overwrite,
        )
    folder = os.path.abspath(show_dir)
    hooks = cfg.setdefault('default_hooks', {})
    hook = hooks.setdefault('visualization', dict(type=VISUALIZATION_HOOKS[task]))
    if task == 'seg':
        hook.update(draw=True, interval=1)  # the classic hook skips in tests too
        cfg.setdefault('visualizer', dict(type=VISUALIZERS[task]))
        cfg.visualizer['save_dir'] = folder
        cfg.visualizer.setdefault('vis_backends', [dict(type='LocalVisBackend')])
    elif task == 'det':
        hook.update(draw=True, test_out_dir=folder)
    else:
        hook.update(enable=True, out_dir=folder, interval=1)


def _dump(task, out):
    if task == 'det':
        from mmdet.evaluation import DumpDetResults

        return DumpDetResults(out_file_path=out)
    from mmengine.evaluator import DumpResults

    return DumpResults(out_file_path=out)


class _kept:
    """Leave the config that a training wrote as it is; a runner writes its own over it.

    Args:
        path (Path): The file; nothing is done if it does not exist.
    """

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.content = self.path.read_bytes() if self.path.is_file() else None

    def __exit__(self, *_):
        if self.content is not None and is_main_rank():
            self.path.write_bytes(self.content)


def _summary(metrics, args):
    from ..engine.hooks.curves import headline

    lines = ['', f'result       {headline(metrics)}']
    if args.out:
        lines.append(f'predictions  {args.out}')
    if args.show_dir:
        drawn = Path(args.show_dir) / 'vis_data' / 'vis_image'
        lines.append(f'drawings     {drawn if drawn.is_dir() else args.show_dir}')
    return '\n'.join(lines)
