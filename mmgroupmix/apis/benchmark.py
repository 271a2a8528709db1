"""The command ``tools/benchmark.py``: time and memory of models side by side."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import torch
from mmengine.device import get_device

from ..errors import UserError
from .benchmarking.breakdown_report import (
    find_breakdown_file,
    format_breakdown,
    write_breakdown,
)
from .benchmarking.chart import SUFFIXES, draw_chart
from .benchmarking.condition import Condition, Entry, Settings, measure_condition
from .benchmarking.csv_file import write_csv
from .benchmarking.machine import describe_machine
from .benchmarking.models import find_model
from .benchmarking.modes import COMPILING, MODES, check_mode, split_mode
from .benchmarking.passes import OPTIMIZERS, PASSES
from .benchmarking.progress import Progress
from .benchmarking.results import Results, describe_condition, find_reference_index
from .benchmarking.table import (
    format_exponents,
    format_machine,
    format_parts,
    format_rows,
)
from .command_line import parse_size, run_command
from .inference.interruption import INTERRUPTED_EXIT_CODE
from .inferencer import check_device

DTYPES = dict(float32=torch.float32, bfloat16=torch.bfloat16, float16=torch.float16)
DESCRIPTION = """\
Measure models side by side in one process: time, memory, and what a training keeps for
the backward pass.

MODEL is one of
  gmf_s, poolformer_s12, eamlp_14, ea_block, ...  a backbone or block of this package
  sagan_layer, eagan_layer, pct_layer, eat_layer  an attention layer of a GAN or of clouds
  sagan_generator, eagan_generator                a generator of images
  gmf_s_in1k, upernet_gmf_b_ade20k, ...           a model of the model index
  path/to/config.py                               a config of mmdet, mmseg or mmpretrain
  timm:NAME                                       a classifier of timm
and may carry its own mode: gmf_s@eager, gmf_s@fused, gmf_s@compiled,
gmf_s@autotuned, gmf_s@channels_last+fused+compiled. A model may be given more than once.
Configs run from the images to the outputs of their heads, without losses and
postprocessing. Weights are random."""
EPILOG = """\
A round runs each model once, in random order. Times are medians over the rounds;
ratios are medians of the ratios of each round, which a busy machine disturbs less. A step
of a training is the forward pass, the sum over all outputs of their mean square, the
backward pass and, with --optimizer, the update."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process; return the exit code."""
    args = build_parser().parse_args(arguments)
    return run_command(lambda: benchmark(args))


def benchmark(args: argparse.Namespace) -> int:
    """Measure, print tables and write files.

    Args:
        args (argparse.Namespace): Parsed options.

    Returns:
        int: 0, or 1 if a model failed, or 130 after Ctrl-C.

    Raises:
        UserError: If an option is not as described.
    """
    reference = find_reference_index(args.models, args.reference)
    check_options(args)
    entries = [find_entry(name, args.mode) for name in args.models]
    if args.breakdown:
        check_visible(entries)
    device = torch.device(args.device)
    threads = torch.get_num_threads()
    torch.set_num_threads(args.threads or threads)
    try:
        return _measure_all(args, entries, reference, device)
    finally:
        torch.set_num_threads(threads)


def _measure_all(
    args: argparse.Namespace,
    entries: Sequence[Entry],
    reference: int,
    device: torch.device,
) -> int:
    conditions = [
        Condition(name, DTYPES[dtype], size)
        for name, dtype, size in product(
            dict.fromkeys(args.passes),
            dict.fromkeys(args.dtype),
            dict.fromkeys(args.size),
        )
    ]
    settings = Settings(
        batch=args.batch,
        device=device,
        runs=args.runs,
        warmup=args.warmup,
        pure=args.pure,
        optimizer=args.optimizer,
        breakdown=args.breakdown,
    )
    machine = describe_machine(device)
    print(format_machine(machine, conditions, describe_options(args)), flush=True)
    results = Results(reference, args.batch)
    progress = Progress(len(conditions))
    interrupted = False
    for condition in conditions:
        progress.begin(describe_condition(condition, args.batch))
        rows, interrupted = measure_condition(condition, entries, settings, progress)
        progress.clear()
        if rows:
            if not results.rows:
                print(f'\n{format_parts(rows)}')
            results.rows.append(rows)
            print(f'\n{format_rows(results, rows)}', flush=True)
            for row in rows:
                if row.breakdown:
                    print(f'\n{format_breakdown(row, row.breakdown)}', flush=True)
        if interrupted:
            print('\ninterrupted: this is what was measured until then', file=sys.stderr)
            break
    if exponents := format_exponents(results):
        print(f'\n{exponents}')
    write_files(results, machine, args)
    if interrupted:
        return INTERRUPTED_EXIT_CODE
    return int(any(row.failure for rows in results.rows for row in rows))


def find_entry(name: str, mode: str | None) -> Entry:
    """Find a model by its name, with ``mode`` unless it carries one."""
    model, own_mode = split_mode(name)
    return Entry(find_model(model), own_mode or mode)


def check_visible(entries: Sequence[Entry]) -> None:
    """Raise a UserError if a model is compiled, which hides its operations."""
    for entry in entries:
        if COMPILING & set((entry.mode or '').split('+')):
            raise UserError(
                f'--breakdown {entry.label}: the operations of a compiled model are one; '
                f'expected {", ".join(m for m in MODES if m not in COMPILING)}'
            )


def check_options(args: argparse.Namespace) -> None:
    """Raise a UserError unless the options can be followed."""
    for option, minimum in (('batch', 1), ('runs', 1), ('warmup', 0), ('threads', 1)):
        value = getattr(args, option)
        if value is not None and value < minimum:
            raise UserError(f'--{option} {value}: expected {minimum} or more')
    if args.mode:
        check_mode(args.mode, f'--mode {args.mode}')
    check_device(args.device)
    for option, suffixes in (('csv', ()), ('chart', SUFFIXES)):
        file = getattr(args, option)
        if file is None:
            continue
        path = Path(file)
        if suffixes and path.suffix not in suffixes:
            raise UserError(
                f'--{option} {file}: expected a name in {", ".join(suffixes)}'
            )
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise UserError(f'--{option} {file}: expected a file in a writable folder')
    if args.csv and args.breakdown and find_breakdown_file(args.csv).is_dir():
        file = find_breakdown_file(args.csv)
        raise UserError(f'--csv {args.csv}: {file}, for --breakdown, is a folder')


def describe_options(args: argparse.Namespace) -> list[str]:
    """How it is measured, in words."""
    words = [f'{args.runs} rounds in turn after {args.warmup} for warming up']
    if set(args.dtype) - {'float32'}:
        words.append('lower precision: ' + ('weights too' if args.pure else 'autocast'))
    if 'train' in args.passes:
        update = 'no update' if args.optimizer == 'none' else f'{args.optimizer} update'
        words.append(f'training: forward, backward, {update}')
    return words


def write_files(
    results: Results, machine: Mapping[str, str], args: argparse.Namespace
) -> None:
    """Write the files that are asked for."""
    try:
        if args.csv:
            write_csv(results, machine, args.csv)
            print(f'\nwrote {args.csv}')
        if args.csv and args.breakdown:
            print(f'wrote {write_breakdown(results, machine, args.csv)}')
        if args.chart and draw_chart(results, machine, args.chart):
            print(f'wrote {args.chart}')
    except OSError as error:
        raise UserError(f'the file cannot be written: {error}') from error


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('models', nargs='+', metavar='MODEL[@MODE]', help='see above')
    parser.add_argument(
        '--mode',
        metavar='MODE',
        help=f'mode of models without their own: {", ".join(MODES)}, or several joined '
        'by +; default: models of this package fused for inference and eager for '
        'training, others eager',
    )
    parser.add_argument(
        '--reference',
        metavar='MODEL',
        help='the model that ratios refer to, as it is given; default: the first one',
    )
    parser.add_argument(
        '--pass',
        dest='passes',
        nargs='+',
        choices=PASSES,
        default=['inference'],
        help='what to time; default: inference',
    )
    parser.add_argument(
        '--dtype',
        nargs='+',
        choices=DTYPES,
        default=['float32'],
        help='lower precision is autocast; default: float32',
    )
    parser.add_argument(
        '--pure',
        action='store_true',
        help='weights and images in the lower precision, instead of autocast',
    )
    parser.add_argument(
        '--optimizer',
        choices=['none', *OPTIMIZERS],
        default='none',
        help='update of the weights in a step of a training; default: none',
    )
    parser.add_argument(
        '--size',
        nargs='+',
        type=parse_size,
        default=[(224, 224)],
        metavar='HxW',
        help='height and width of the images, or the side of a square; clouds have a '
        'point for each pixel; of several sizes, the exponents of multiply-adds, memory '
        'and time over pixels or points are printed; default: 224',
    )
    for name, default, text in (
        ('batch', 4, 'images per step; default: 4'),
        ('runs', 30, 'rounds that count; default: 30'),
        ('warmup', 5, 'rounds before these; default: 5'),
        ('threads', None, "threads on a CPU; default: PyTorch's choice"),
    ):
        parser.add_argument(
            f'--{name}', type=int, default=default, metavar='N', help=text
        )
    parser.add_argument(
        '--device',
        default=get_device(),
        help='such as cpu or cuda:0; default here: %(default)s',
    )
    parser.add_argument(
        '--breakdown',
        action='store_true',
        help='also print where the time of each step goes: calls, time, operations and '
        'bytes by kind of operation, and the time at the peaks of this machine',
    )
    parser.add_argument(
        '--csv',
        metavar='FILE',
        help='write the figures to this file; those of --breakdown to another one, named '
        'FILE with .breakdown before its suffix',
    )
    parser.add_argument(
        '--chart',
        metavar='FILE',
        help='draw times, or with several sizes how multiply-adds, memory and time grow '
        f'({", ".join(SUFFIXES)})',
    )
    return parser
