"""Where the time of a step goes: shares, floors, tables and files."""

import csv

import pytest
import torch
from torch import nn

from mmgroupmix.apis import benchmark
from mmgroupmix.apis.benchmarking import breakdown, condition, operations, peaks
from mmgroupmix.apis.benchmarking.breakdown import Breakdown, Part, break_down, find_floor
from mmgroupmix.apis.benchmarking.breakdown_report import (
    find_breakdown_file,
    format_breakdown,
)
from mmgroupmix.apis.benchmarking.condition import Condition, Row
from mmgroupmix.apis.benchmarking.operations import Counts
from mmgroupmix.apis.benchmarking.passes import Step
from mmgroupmix.apis.benchmarking.peaks import Peaks

#: 100 operations and 10 bytes a second.
PEAKS = Peaks(100.0, 10.0)
OPTIONS = ['--runs', '2', '--warmup', '0', '--batch', '1', '--threads', '1']
CPU = torch.device('cpu')


class Mystery(nn.Module):
    def forward(self, x):
        return torch.ops.mmgroupmix_test.mystery(x)


@pytest.mark.smoke
@pytest.mark.parametrize('training', [False, True])
def test_the_shares_of_all_operations_add_up_to_one(training):
    with torch.library._scoped_library('mmgroupmix_test', 'DEF') as library:
        library.define('mystery(Tensor x) -> Tensor')
        library.impl('mystery', lambda x: x * 2, 'CompositeExplicitAutograd')
        layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.GELU(), nn.AvgPool2d(2)]
        layers += [] if training else [Mystery()]
        model = nn.Sequential(*layers).train(training)
        found = break_down(Step(model, torch.ones(2, 3, 8, 8), training), PEAKS)
    shares = [found.find_share(part) for part in found.parts]
    assert sum(shares) == pytest.approx(1) and min(shares) >= 0
    by_kind = {part.kind: part for part in found.parts}
    expected = {operations.CONVOLUTION, operations.NORM, operations.ACTIVATION}
    assert expected | {operations.POOLING, operations.OTHER} <= set(by_kind)
    assert all(by_kind[kind].seconds > 0 for kind in (*expected, operations.OTHER))
    # One step is counted, however many are timed: 2 images, 6 x 6 pixels.
    forward = 2 * 2 * 36 * 4 * 3 * 9
    # The images have no gradient.
    assert found.total.counts.operations == forward * (2 if training else 1)


@pytest.mark.smoke
def test_counts_of_inference_mode_are_those_of_what_it_consists_of():
    # Inference mode alone would show one linear operator that has no formula.
    found = break_down(Step(nn.Linear(3, 5), torch.ones(2, 7, 3), False), PEAKS)
    assert found.parts[0].kind == operations.LINEAR
    assert found.total.counts.operations == 2 * 14 * 3 * 5


@pytest.mark.smoke
@pytest.mark.parametrize(
    'counts, seconds',
    [(Counts(1, 500, 20), 5), (Counts(1, 100, 20), 2), (Counts(1, 0, 0), 0)],
)
def test_the_floor_of_a_kind_is_the_longer_of_products_and_memory(counts, seconds):
    assert find_floor(counts, PEAKS) == seconds


@pytest.mark.smoke
def test_the_table_has_shares_floors_and_the_time_of_a_step():
    parts = [
        Part(operations.LINEAR, 0.3, Counts(2, 4 * 10**9, 10**6), 0.25),
        Part(operations.OTHER, 0.1, Counts(3, 0, 5 * 10**6), 0.05),
    ]
    row = Row('model', Condition('train', torch.float32, (8, 8)), '', seconds=[0.2, 0.6])
    lines = format_breakdown(row, Breakdown(parts, Peaks(10**11, 10**10))).splitlines()
    cells = [line.rpartition('   ')[0].split()[-5:] for line in lines[2:5]]
    assert cells[0] == ['2', '300.0', '75.0%', '4.00', '1.0']
    assert cells[1] == ['3', '100.0', '25.0%', '-', '5.0']
    assert cells[2] == ['5', '400.0', '100.0%', '4.00', '6.0']
    assert 'floor 300.0 ms; a step took 400.0 ms' in lines[5]
    assert '100 GFLOP/s' in lines[6] and '10.0 GB/s' in lines[6]


@pytest.mark.smoke
def test_the_peaks_are_the_best_of_the_runs(monkeypatch):
    times = iter([0, 9, 10, 14, 20, 22, 30, 33, 40, 45, 50, 56])
    monkeypatch.setattr(peaks.time, 'perf_counter', lambda: next(times))
    assert peaks.measure_shortest(lambda: None, CPU) == 2
    shortest = iter([0.5, 0.01, 0.08])  # of the copy and of products, the second is long
    monkeypatch.setattr(peaks, 'COPIED_BYTES', 100)
    monkeypatch.setattr(peaks, 'measure_shortest', lambda *_: next(shortest))
    found = peaks.measure_peaks(CPU, torch.float32)
    assert found == Peaks(2 * 1024**3 / 0.08, 2 * 100 / 0.5)


def run(monkeypatch, folder, *arguments):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(condition, 'measure_peaks', lambda *_: PEAKS)
    return benchmark.main([*arguments, *OPTIONS, '--device', 'cpu', '--breakdown'])


def test_the_command_prints_and_writes_every_model_and_pass(
    tmp_path, monkeypatch, capsys
):
    arguments = ['--pass', 'inference', 'train', '--size', '32', '--csv', 'all.csv']
    assert run(monkeypatch, tmp_path, 'ea_block', 'ea_block@eager', *arguments) == 0
    output = capsys.readouterr().out
    assert output.count('steps under the profiler') == 4
    with open(tmp_path / 'all.breakdown.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    steps = {(row['pass'], row['model']) for row in rows}
    assert len(steps) == 4
    for step in steps:
        lines = [row for row in rows if (row['pass'], row['model']) == step]
        assert sum(float(row['share']) for row in lines) == pytest.approx(1)
        assert all(float(row['step_seconds']) > 0 and row['processor'] for row in lines)
    with open(tmp_path / 'all.csv', newline='') as file:
        assert len(list(csv.DictReader(file))) == 4


def test_a_model_that_cannot_be_broken_down_keeps_its_times(
    tmp_path, monkeypatch, capsys
):
    def fail(step):
        raise RuntimeError('no profiler')

    monkeypatch.setattr(breakdown, 'measure_seconds', fail)
    assert run(monkeypatch, tmp_path, 'ea_block', '--size', '32') == 1
    output = capsys.readouterr().out
    assert 'no breakdown' in output and 'no profiler' in output and 'images/s' in output


def test_ctrl_c_keeps_the_times(tmp_path, monkeypatch, capsys):
    def interrupt(step):
        raise KeyboardInterrupt

    monkeypatch.setattr(breakdown, 'measure_seconds', interrupt)
    assert run(monkeypatch, tmp_path, 'ea_block', '--size', '32') == 130
    output = capsys.readouterr().out
    assert '1, the reference' in output and 'under the profiler' not in output


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, expected',
    [
        (['gmf_s@compiled'], '--breakdown gmf_s@compiled: the operations of a compiled'),
        (['gmf_s', '--mode', 'fused+autotuned'], '--breakdown gmf_s@fused+autotuned'),
        (['gmf_s', '--csv', 'a.csv'], '--csv a.csv: a.breakdown.csv, for --breakdown'),
    ],
)
def test_what_cannot_be_broken_down_is_named_before_anything_runs(
    arguments, expected, tmp_path, monkeypatch, capsys
):
    find_breakdown_file(tmp_path / 'a.csv').mkdir()
    assert run(monkeypatch, tmp_path, *arguments) == 2
    output = capsys.readouterr()
    assert expected in output.err and not output.out
