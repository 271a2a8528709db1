"""The text of a plan."""

import textwrap
from pathlib import Path

from ..data_scan import format_scan
from .measurement import Measurement
from .plan import Plan
from .units import format_bytes, format_duration

#: Share of a GPU above which larger images or more objects may not fit.
NEARLY_FULL = 0.9
LABEL_WIDTH = 15
TERMINAL_WIDTH = 98


def format_plan(plan: Plan) -> str:
    """Lay a plan out for a terminal of 100 columns.

    Args:
        plan (Plan): The plan.

    Returns:
        str: Several lines.
    """
    processes = f'{plan.processes} process{"es" * (plan.processes > 1)}'
    lines = ['', f'Plan of {Path(plan.config).name}: {plan.task}, {processes}', '']
    lines += [*_format_data(plan), '', *_format_batch(plan), *_format_schedule(plan)]
    lines += ['', *_format_figures(plan), '', *_format_storage(plan), '']
    if not plan.problems:
        lines.append('No problem found.')
    return '\n'.join(lines)


def _format_data(plan: Plan) -> list[str]:
    header = ('loader', 'dataset', 'images', 'classes', 'outputs', 'annotations')
    table, paths = [header], []
    rows = [row for data in plan.data.values() for row in data.rows]
    for row in rows:
        mark = '*' if row.is_published and row.num_images is not None else ''
        seconds = f'in {format_duration(row.seconds)}' if row.seconds is not None else '-'
        table.append(
            (
                row.loader,
                row.name,
                f'{_known(row.num_images)}{mark}',
                _known(row.num_classes),
                _known(plan.num_outputs),
                seconds,
            )
        )
        paths.append([f'    {path}  ({state})' for path, state in row.paths])
    widths = [max(len(line[column]) for line in table) for column in range(len(header))]
    lines = ['Data']
    for line, below in zip(table, [[], *paths]):
        cells = [cell.ljust(width) for cell, width in zip(line, widths)]
        lines += [f'  {"   ".join(cells)}'.rstrip(), *below]
    if any(line[2].endswith('*') for line in table):
        lines.append('  * of the published dataset; its files could not be read here')
    if plan.scan:
        lines += ['', *(f'  {line}' for line in format_scan(plan.scan).splitlines())]
    for text in plan.warnings:
        lines += textwrap.wrap(f'warning: {text}', TERMINAL_WIDTH, subsequent_indent='  ')
    return lines


def _format_batch(plan: Plan) -> list[str]:
    batch = plan.batch
    accumulated = f' x {batch.accumulation} accumulated' * (batch.accumulation > 1)
    product = f'{batch.per_device} per process x {batch.processes}{accumulated}'
    lines = ['Run', *_entry('batch', f'{batch.total} = {product}')]
    if batch.base and batch.base != batch.total and not batch.scaled:
        lines += _entry(
            '',
            f'WARNING: the learning rate is meant for a batch of {batch.base}; add '
            '--auto-scale-lr',
        )
    for name, rate in batch.rates.items():
        used = rate * batch.factor if batch.scaled else rate
        text = f'{used:.4g}'
        if batch.base is None:
            text += '; the config does not say for which batch (auto_scale_lr)'
        elif batch.scaled:
            text += f' = {rate:.4g} x {batch.factor:.4g}, scaled from batch {batch.base}'
        elif batch.factor != 1:
            text += f'; with --auto-scale-lr {rate * batch.factor:.4g}'
        lines += _entry('learning rate', f'{name}: {text}' if name else text)
    return lines


def _format_schedule(plan: Plan) -> list[str]:
    schedule = plan.schedule
    length = f'{_known(schedule.length)} {schedule.unit}'
    if schedule.unit == 'epochs':
        length += f' of {_known(schedule.steps_per_epoch)} steps'
        length += f' = {_known(schedule.steps)} steps'
    lines = _entry('length', f'{length}, {schedule.validations} validations')
    if plan.resume:
        latest = 'the latest checkpoint of the work directory'
        source = latest if plan.resume == 'auto' else plan.resume
        lines += _entry('resumes', f'from {source}; the figures are of a whole run')
    return lines


def _format_figures(plan: Plan) -> list[str]:
    figures = plan.figures
    if figures is None:
        return ['Measured', '  nothing: no step succeeded, see the problems']
    measured = f'{plan.measured_with} process{"es" * (plan.measured_with > 1)}'
    sides = f'{plan.sides[0]} to {plan.sides[1]} px' if plan.sides else ''
    lines = [f'Measured on {plan.device}, {measured}; generated images of {sides}']
    lines += _entry('model', f'{figures.num_parameters:,} parameters')
    if figures.input_shape:
        shape = ' x '.join(map(str, figures.input_shape))
        lines += _entry('input', f'{shape} at most')
    warmed = 'after the warm-up' if figures.warmed_up else 'start-up included'
    lines += _entry(
        'step',
        f'{format_duration(figures.step)} (of {figures.num_timed} timed, {warmed})',
    )
    workers = f'{plan.num_workers} worker{"s" * (plan.num_workers != 1)}'
    lines += _entry(
        'loading',
        f'{format_duration(figures.loading)} per batch with {workers} per process',
    )
    if figures.loading > figures.step and plan.num_workers:
        lines += _entry('', 'WARNING: loading is slower than the step; add workers')
    lines += _format_memory(plan, figures)
    validation = plan.validation_seconds
    if figures.validation:
        each = 'unknown' if validation is None else format_duration(validation)
        lines += _entry(
            'validation',
            f'{each} each, {format_duration(figures.validation)} per batch of '
            f'{plan.val_batch_size}, without the final metric',
        )
    total = plan.total_seconds
    lines += _entry(
        'time to the end',
        'unknown: the number of images is' if total is None else format_duration(total),
    )
    scaling = ''
    if plan.processes != plan.measured_with:
        scaling = f'{plan.processes} processes take as long per step as {measured}; '
    lines += _entry(
        '', f'assuming: {scaling}the disk is as fast as here; same objects per image'
    )
    return lines


def _format_memory(plan: Plan, figures: Measurement) -> list[str]:
    peak, total = figures.training_peak.peak, figures.training_peak.total
    text = f'{format_bytes(peak)} at the peak of training'
    if figures.validation_peak:
        text += f', {format_bytes(figures.validation_peak.peak)} of validation'
        peak = max(peak, figures.validation_peak.peak)
    lines = _entry('memory', f'{text}; of {format_bytes(total)}')
    if plan.processes > plan.measured_with == 1:
        extra = format_bytes(figures.gradient_bytes)
        lines += _entry('', f'plus {extra} of gradient buckets with several processes')
        peak += figures.gradient_bytes
    if peak > NEARLY_FULL * total:
        lines += _entry('', 'WARNING: nearly full; more objects per image may not fit')
    return lines


def _format_storage(plan: Plan) -> list[str]:
    kept, figures = plan.kept, plan.figures
    lines = ['Checkpoints']
    if not kept.regular + kept.best:
        return [*lines, '  none: no CheckpointHook saves any']
    if figures and figures.checkpoint:
        lines += _entry('to resume', f'{format_bytes(figures.checkpoint)} each')
        if kept.best:
            lines += _entry('best', f'{format_bytes(figures.best_checkpoint)} each')
    text = f'{kept.regular} to resume' + f', {kept.best} best' * bool(kept.best)
    text += ', 1 being written' * bool(kept.written)
    needed = plan.needed_bytes
    lines += _entry(
        'at once', text + (f': {format_bytes(needed)}' if needed is not None else '')
    )
    replaced = plan.replaced_bytes
    lines += _entry(
        'free',
        f'{format_bytes(plan.space.bytes)} in {plan.space.folder}'
        + (f', and {format_bytes(replaced)} of earlier checkpoints' if replaced else ''),
    )
    return lines


def _entry(label: str, text: str) -> list[str]:
    """A label and its text, wrapped beside it."""
    width = TERMINAL_WIDTH - LABEL_WIDTH - 4
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    labels = [label, *([''] * len(lines))]
    return [f'  {left:<{LABEL_WIDTH}}  {line}' for left, line in zip(labels, lines)]


def _known(number: int | None) -> str:
    return 'unknown' if number is None else str(number)
