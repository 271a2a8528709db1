"""How figures grow with the size: against formulas written out by hand."""

import csv
import math

import pytest
import torch

from mmgroupmix.apis.benchmark import main
from mmgroupmix.apis.benchmarking.chart import build_chart
from mmgroupmix.apis.benchmarking.condition import Condition, Row
from mmgroupmix.apis.benchmarking.growth import find_growth, group_growth
from mmgroupmix.apis.benchmarking.machine import describe_machine
from mmgroupmix.apis.benchmarking.models import find_model
from mmgroupmix.apis.benchmarking.operations import OperationCounter
from mmgroupmix.apis.benchmarking.results import Results
from mmgroupmix.apis.benchmarking.table import format_exponents

S = 64  # entries of a memory


def count_sagan(n, c):
    """theta and phi to C/8, g to C/2, W back; N queries of C/8, N/4 keys and values."""
    layers = 2 * n * c * c // 8 + n * c * c // 2 + n * c // 2 * c
    return layers + n * (n // 4) * (c // 8) + n * (n // 4) * (c // 2)


def count_eagan(n, c):
    """Products with Mk and Mv."""
    return 2 * n * c * S


def count_pct(n, c):
    """Queries, which are keys too, of C/4, values of C, and the layer after attention."""
    return n * c * c // 4 + 2 * n * c * c + n * n * (c // 4) + n * n * c


def count_eat(n, c):
    """Products with Mk and Mv, and the layer after attention."""
    return 2 * n * c * S + n * c * c


#: Formula, channels C, pixels of an image for one of N, and the exponent for large N.
LAYERS = {
    'sagan_layer': (count_sagan, 256, 4, 2),
    'eagan_layer': (count_eagan, 256, 4, 1),
    'pct_layer': (count_pct, 128, 1, 2),
    'eat_layer': (count_eat, 128, 1, 1),
}


def count_without_values(name, side):
    """Multiply-adds of a layer on tensors that have a layout but no values."""
    source = find_model(name)
    with torch.device('meta'), OperationCounter() as counter, torch.no_grad():
        model = source.build((side, side)).eval()
        model(torch.empty(source.input_shape(1, (side, side))))
    return sum(counts.operations for counts in counter.counts.values()) // 2


@pytest.mark.parametrize('name', LAYERS)
@pytest.mark.parametrize('side', [32, 128])
def test_multiply_adds_of_a_layer_are_those_of_its_formula(name, side):
    formula, channels, pixels, _ = LAYERS[name]
    assert count_without_values(name, side) == formula(side**2 // pixels, channels)


@pytest.mark.parametrize('name', LAYERS)
def test_self_attention_becomes_quadratic_and_external_attention_is_linear(name):
    small, large = (count_without_values(name, side) for side in (2048, 4096))
    exponent = math.log(large / small) / math.log(4)
    assert exponent == pytest.approx(LAYERS[name][-1], abs=0.01)


def test_one_call_measures_and_draws_both_systems(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ['--runs', '1', '--warmup', '0', '--batch', '2', '--threads', '1']
    files = ['--csv', 'all.csv', '--chart', 'all.png', '--device', 'cpu']
    assert main([*LAYERS, '--size', '8', '16', *options, *files]) == 0
    with open('all.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    for row in rows:
        formula, channels, pixels, _ = LAYERS[row['model'].removesuffix('@eager')]
        number = int(row['height']) * int(row['width']) // pixels
        assert float(row['multiply_adds_per_image']) == formula(number, channels)
    assert (tmp_path / 'all.png').read_bytes().startswith(b'\x89PNG')
    printed = capsys.readouterr().out
    assert printed.count('pixels^') == printed.count('points^') == 6


def test_a_generator_is_trained_and_a_size_that_it_cannot_draw_is_a_row(capsys):
    options = ['--runs', '1', '--warmup', '0', '--batch', '2', '--device', 'cpu']
    arguments = ['eagan_cifar10', '--pass', 'train', '--size', '48', '32']
    assert main([*arguments, *options]) == 1
    printed = capsys.readouterr().out
    failure = 'eagan_cifar10: cannot draw images of 48x48; expected --size 32'
    assert failure in [line.strip() for line in printed.splitlines()]
    assert 'training step, float32, 32x32' in printed and '1, the reference' in printed


def make_row(label, side, unit, exponents):
    """A row whose multiply-adds, peak and time are powers of the pixels."""
    count, peak, time = (side ** (2 * exponent) for exponent in exponents)
    condition = Condition('inference', torch.float32, (side, side))
    return Row(
        label, condition, '', seconds=[time], peak=peak, multiply_adds=count, unit=unit
    )


def make_results(*models):
    sizes = (64, 32)
    rows = [[make_row(label, side, *rest) for label, *rest in models] for side in sizes]
    return Results(0, 1, rows)


MODELS = (
    ('quadratic', 'points', (2, 2, 1.5)),
    ('linear', 'points', (1, 1, 0.5)),
    ('map', 'pixels', (2, 1, 1)),
)


def test_the_exponents_are_those_of_the_figures():
    groups = group_growth(make_results(*MODELS))
    assert [group.unit for group in groups] == ['pixels', 'points']
    of_maps, of_clouds = groups.values()
    for label, unit, exponents in MODELS:
        rows = (of_clouds if unit == 'points' else of_maps)[label]
        assert [row.condition.size[0] for row in rows] == [32, 64]
        quantities = ('multiply-adds', 'peak memory', 'time')
        found = [find_growth(rows, quantity) for quantity in quantities]
        assert found == pytest.approx(exponents)


def test_what_was_not_measured_has_no_exponent():
    results = make_results(*MODELS)
    for row in (rows[0] for rows in results.rows):
        row.peak = None  # as on devices without a method
    results.rows[0][1].seconds = []  # it failed at one size
    lines = [line.split() for line in format_exponents(results).splitlines()]
    assert [
        'quadratic',
        'inference',
        'float32',
        'points^2.00',
        '-',
        'points^1.50',
    ] in lines
    assert ['linear', 'inference', 'float32', '-', '-', '-'] in lines


def test_one_size_does_not_grow():
    results = make_results(*MODELS)
    del results.rows[0]
    assert not group_growth(results) and not format_exponents(results)


def test_the_chart_has_a_row_for_each_system_and_a_column_for_each_quantity():
    results = make_results(*MODELS)
    axes = build_chart(results, describe_machine(torch.device('cpu'))).axes
    assert [a.get_xlabel() for a in axes[::3]] == [
        'pixels of an image',
        'points of a cloud',
    ]
    legends = [[t.get_text() for t in a.get_legend().get_texts()] for a in axes]
    assert legends[0] == ['map: pixels^2.00']
    assert legends[3] == ['quadratic: points^2.00', 'linear: points^1.00']
    assert legends[5] == ['quadratic: points^1.50', 'linear: points^0.50']
    assert {(a.get_xscale(), a.get_yscale()) for a in axes} == {('log', 'log')}
    for quantity, panel in zip(('multiply-adds', 'peak memory', 'time'), axes):
        assert panel.get_title().startswith(quantity)
