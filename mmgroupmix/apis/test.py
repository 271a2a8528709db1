"""The command ``tools/test.py``: evaluation of a checkpoint."""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import barrier
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ..checkpoints.atomic_files import FULL_DISK
from ..checkpoints.file_checks import check_file
from ..checkpoints.finite_weights import check_finite_weights
from ..checkpoints.reading import check_checkpoint
from ..engine.hooks import LoadedWeightsHook
from ..engine.hooks.curves import format_metrics
from ..engine.query_selection import report_missing_positions
from ..errors import UserError
from .channel_checks import check_channels
from .checks import check_run
from .command_line import (
    build_parser,
    build_runner,
    is_main_rank,
    load_config,
    run_interruptible,
)
from .compilation import add_compile_option, compile_test, take_compile_options
from .config.output_files import prepare_output
from .config.preflight import check_sizes
from .config.training_options import replicate_model
from .config.tree import leaf_datasets
from .config.work_dir import make_work_dir
from .data_scan import SCAN_FILE, DataScan, describe_score, write_scan
from .inference.drawn_images import draw_as_read
from .inference.interruption import defer_signals
from .report.hook import ReportHook, find_report
from .tasks import Task
from .tasks.detection import PICKLE_SUFFIXES
from .unreadable_files import report_unreadable_files

LOADERS = ('test_dataloader',)
FLIPS = [dict(type='RandomFlip', prob=1.0), dict(type='RandomFlip', prob=0.0)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; return the exit code."""
    args = _build_parser().parse_args(arguments)
    return run_interruptible(
        lambda: test(args),
        'interrupted before the result',
        args.trust_checkpoint,
    )


def test(args: argparse.Namespace) -> None:
    """Evaluate, and write predictions and drawings on request.

    Args:
        args (argparse.Namespace): Parsed options.

    Raises:
        UserError: For anything that the user can correct.
    """
    if '://' not in args.checkpoint:
        check_file(args.checkpoint)
    cfg, task = load_config(args)
    if not cfg.get('test_dataloader'):
        raise UserError(f'{args.config} has no test_dataloader')
    cfg.load_from, cfg.resume = args.checkpoint, False
    replicate_model(cfg)
    compiling = take_compile_options(cfg, args)
    rows = check_run(cfg, task, ('test',), args.scan == 'all')
    if args.tta:
        use_tta(cfg, task, args.show_dir)
        check_sizes(cfg, LOADERS)
    dump = task.write_predictions(cfg, args.out) if args.out else None
    if args.show_dir:
        hooks = cfg.setdefault('default_hooks', {})
        hook = hooks.setdefault('visualization', dict(type=task.visualization_hook))
        task.draw_into(cfg, hook, os.path.abspath(args.show_dir))
    if args.overwrite:
        check_checkpoint(args.checkpoint)  # before anything is removed
    if is_main_rank():
        make_work_dir(cfg.work_dir)
        prepare_outputs(args)
    if rows and is_main_rank():
        write_scan(rows, Path(cfg.work_dir) / SCAN_FILE)
    barrier()
    with preserve_file(Path(cfg.work_dir) / Path(args.config).name):
        runner = build_runner(cfg)
    report_unreadable_files(runner)
    if not any(isinstance(hook, LoadedWeightsHook) for hook in runner.hooks):
        runner.register_hook(LoadedWeightsHook())
    compile_test(runner, compiling)
    check_channels(runner)
    draw_as_read(runner, 'test_dataloader')
    if not args.no_report:
        runner.register_hook(ReportHook(task.collector, task.toolbox))
    runner.register_hook(FiniteWeightsHook(args.checkpoint), priority='LOWEST')
    if dump is not None:
        runner.test_evaluator.metrics.append(dump)
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    task.bound_test_memory(cfg, model)  # not of a model for test-time augmentation
    files = WholeFilesHook()
    runner.register_hook(files, priority='LOWEST')
    with remove_incomplete(args), files.stack, report_missing_positions():
        metrics = runner.test()
    if is_main_rank():
        print(_summarize(metrics, args, rows, find_report(runner)), flush=True)


class WholeFilesHook(Hook):
    """Let SIGINT and SIGTERM act when the files of an image are complete.

    Attributes:
        stack (ExitStack): To be closed after the test, however it ended.
    """

    def __init__(self) -> None:
        self.stack = ExitStack()

    def before_test_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Defer signals."""
        self.stack.enter_context(defer_signals())

    def after_test_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Let them act, after the hook that draws."""
        self.stack.close()


class FiniteWeightsHook(Hook):
    """Refuse weights that are NaN or infinite, when all are loaded.

    Args:
        checkpoint (str): The file that they come from, for the message.

    Raises:
        CheckpointError: Naming the first such weights.
    """

    def __init__(self, checkpoint: str):
        self.checkpoint = checkpoint

    def before_test_epoch(self, runner: Runner) -> None:
        """Check after EMAHook, which exchanges the weights here."""
        check_finite_weights(runner.model, self.checkpoint)


def use_tta(cfg: Config, task: Task, show_dir: str | None) -> None:
    """Wrap the model and exchange the pipeline for test-time augmentation, in place.

    mmdet and mmpretrain flip where a config does not define an augmentation.

    Raises:
        UserError: If the config has none and the task has no default, or drawings are
            asked for that the toolbox cannot make.
    """
    drawing = (cfg.get('default_hooks') or {}).get('visualization')
    if not task.can_draw_tta:
        if show_dir:
            raise UserError(
                f"--show-dir with --tta: {task.toolbox}'s VisualizationHook cannot draw "
                'several views of an image. Draw without --tta.'
            )
        if drawing:
            drawing['enable'] = False
    missing = [key for key in ('tta_model', 'tta_pipeline') if not cfg.get(key)]
    if missing and task.tta_model is None:
        raise UserError(
            f'--tta: {cfg.filename} has no {" and no ".join(missing)}. Add both, as in '
            "mmseg's _base_/default_runtime.py and _base_/datasets/ade20k.py."
        )
    leaves = [leaf for _, leaf in leaf_datasets(cfg.test_dataloader.dataset)]
    if 'tta_model' in missing:
        cfg.tta_model = deepcopy(task.tta_model)
    if 'tta_pipeline' in missing:
        *before, pack = deepcopy(list(leaves[0].pipeline))
        if task.tta_meta_keys:
            pack['meta_keys'] = task.tta_meta_keys
        flips = dict(type='TestTimeAug', transforms=[deepcopy(FLIPS), [pack]])
        cfg.tta_pipeline = [*before, flips]
    cfg.model = dict(cfg.tta_model, module=cfg.model)
    for leaf in leaves:
        leaf['pipeline'] = cfg.tta_pipeline


def prepare_outputs(args: argparse.Namespace) -> None:
    """Make room for the files of ``--out`` and ``--show-dir``."""
    if args.out:
        label_maps = () if args.out.endswith(PICKLE_SUFFIXES) else ('*.png',)
        prepare_output(args.out, '--out', args.overwrite, label_maps)
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    if args.show_dir:
        drawings = ('*.png', '*.jpg', '*.jpeg')
        prepare_output(
            args.show_dir, '--show-dir', args.overwrite, drawings, ['vis_data']
        )


@contextmanager
def preserve_file(path: Path) -> Iterator[None]:
    """Restore a file, if there is one, that a runner overwrites.

    A training wrote its config into the work directory; a test writes its own there.
    """
    content = path.read_bytes() if path.is_file() else None
    try:
        yield
    finally:
        if content is not None and is_main_rank():
            path.write_bytes(content)


@contextmanager
def remove_incomplete(args: argparse.Namespace) -> Iterator[None]:
    """Leave no incomplete file of predictions, and report a full disk in one message.

    Raises:
        UserError: If there is no space left for what is written.
    """
    try:
        yield
    except BaseException as error:
        if args.out and args.out.endswith(PICKLE_SUFFIXES) and is_main_rank():
            Path(args.out).unlink(missing_ok=True)
        if not isinstance(error, OSError) or error.errno not in FULL_DISK:
            raise
        raise UserError(f'{error}. Free some space and start the test again.') from error


def _summarize(
    metrics: Mapping,
    args: argparse.Namespace,
    rows: Sequence[DataScan],
    report: Path | None,
) -> str:
    lines = ['', f'result       {format_metrics(metrics)}']
    lines += describe_score(rows, 'test')
    if args.out:
        lines.append(f'predictions  {args.out}')
    if args.show_dir:
        drawn = Path(args.show_dir) / 'vis_data' / 'vis_image'
        lines.append(f'drawings     {drawn if drawn.is_dir() else args.show_dir}')
    if report:
        lines.append(f'report       {report}')
    return '\n'.join(lines)


def _build_parser() -> argparse.ArgumentParser:
    parser = build_parser('Evaluate a model of mmdet, mmseg or mmpretrain.')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--tta',
        action='store_true',
        help="test-time augmentation, by the config's tta_model and tta_pipeline",
    )
    parser.add_argument(
        '--out',
        metavar='PATH',
        help='write the predictions: a folder of label maps (PNG) for segmentation, a '
        '.pkl file otherwise',
    )
    parser.add_argument(
        '--show-dir', metavar='DIR', help='draw the predictions into this folder'
    )
    add_compile_option(parser)
    return parser
