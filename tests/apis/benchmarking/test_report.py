"""What surrounds the figures: the machine, the progress, the chart."""

import io

import pytest
import torch

from mmgroupmix.apis.benchmarking.chart import draw_chart
from mmgroupmix.apis.benchmarking.condition import Condition, Row
from mmgroupmix.apis.benchmarking.machine import (
    describe_libraries,
    describe_machine,
    describe_processor,
)
from mmgroupmix.apis.benchmarking.progress import INTERVAL, Progress
from mmgroupmix.apis.benchmarking.results import Results
from mmgroupmix.apis.benchmarking.table import format_rows

pytestmark = pytest.mark.smoke

CPU = torch.device('cpu')
BUILT_WITH = """PyTorch built with:
  - GCC 13.3
  - Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build 1 for Intel(R) 64
  - Intel(R) MKL-DNN v3.7.1 (Git Hash 1)
  - Build settings: BLAS_INFO=mkl, BUILD_TYPE=Release
"""
CPUINFO = """processor\t: 0
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC 9654
flags\t\t: fpu avx512_bf16 avx512f amx_tile

processor\t: 1
model name\t: another
"""


def test_blas_and_onednn_are_named_with_their_versions():
    assert describe_libraries(BUILT_WITH, CPU) == 'BLAS mkl 2024.2, oneDNN 3.7.1'
    without = describe_libraries('Build settings: BLAS_INFO=open, ', CPU)
    assert without == 'BLAS open, no oneDNN'


def test_the_processor_is_named_with_family_model_and_instructions(tmp_path):
    (tmp_path / 'cpuinfo').write_text(CPUINFO)
    described = describe_processor(tmp_path / 'cpuinfo')
    capability = torch.backends.cpu.get_cpu_capability()
    assert described == f'AMD EPYC 9654 (family 25, model 17), {capability}, avx512_bf16'


def test_a_processor_that_linux_does_not_describe_has_a_name(tmp_path):
    described = describe_processor(tmp_path / 'missing')
    assert described.endswith(torch.backends.cpu.get_cpu_capability())
    assert described.partition(',')[0]


def test_the_machine_is_described_with_threads_and_versions():
    machine = describe_machine(CPU)
    assert machine['threads'].startswith(f'{torch.get_num_threads()} of ')
    assert f'torch {torch.__version__}' in machine['versions']


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_progress_tells_the_time_that_is_left():
    now = iter(range(0, 1000, 10))
    stream = Terminal()
    progress = Progress(3, stream, lambda: next(now))
    progress.begin('inference')
    progress.say('warming up')  # written at 0, counted from 10
    progress.show_rounds(1, 4)  # at 20: 10 s per round
    line = stream.getvalue().rpartition('\r')[2]
    assert line == '[1/3] inference: round 1 of 4, 30 s left, then 2 more'
    progress.clear()
    assert stream.getvalue().endswith('\r' + ' ' * len(line) + '\r')


def test_a_log_gets_a_line_at_most_every_interval():
    times = iter([0, 0, 1, 1, INTERVAL, INTERVAL])
    stream = io.StringIO()
    progress = Progress(1, stream, lambda: next(times))
    progress.begin('inference')
    for text in ('one', 'two', 'three'):
        progress.say(text)
    lines = stream.getvalue().splitlines()
    assert [line.rpartition(': ')[2] for line in lines] == ['one', 'three']


def make_results(*seconds):
    condition = Condition('train', torch.float32, (64, 96))
    rows = [
        Row(f'model {i}', condition, 'all', 10**6, list(times), 5 * 2**20, 2.5 * 2**20)
        for i, times in enumerate(seconds)
    ]
    return Results(0, 4, [rows])


def test_the_table_states_the_figures_of_a_row():
    results = make_results([0.2, 0.2, 0.2], [0.1, 0.3, 0.2])
    title, header, first, second = format_rows(results, results.rows[0]).splitlines()
    assert title == 'training step, float32, 64x96, batch 4'
    assert header.split('   ')[-1].strip() == 'saved MiB/image'
    assert '200.0 (200.0-200.0)' in first and '1, the reference' in first
    # The ratios are 0.5, 1.5 and 1; 4 images in 0.2 s.
    assert '1.000 (0.750-1.250)' in second and ' 20.0 ' in second
    assert second.split()[-2:] == ['5.0', '2.5']


def test_there_is_no_chart_without_times(tmp_path):
    results = make_results([], [])
    assert not draw_chart(results, describe_machine(CPU), tmp_path / 'chart.png')
    assert not list(tmp_path.iterdir())
