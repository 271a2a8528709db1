"""The command, with tiny models: tables, files and what becomes of failures."""

import csv

import pytest

from mmgroupmix.apis.benchmark import main
from mmgroupmix.apis.benchmarking.csv_file import COLUMNS
from mmgroupmix.apis.benchmarking.progress import Progress

pytest.importorskip('timm')

OPTIONS = ['--runs', '2', '--warmup', '0', '--batch', '2', '--threads', '1']
CONFIG = """
default_scope = 'mmpretrain'
custom_imports = dict(imports=['mmgroupmix'])
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mmgroupmix.PoolFormer',
        arch=dict(
            embed_dims=(8, 8, 8, 8), depths=(1, 1, 1, 1), mlp_ratios=(1, 1, 1, 1)
        ),
        final_norm=True,
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=5, in_channels=8),
)
"""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'tiny.py').write_text(CONFIG)
    return 'tiny.py'


def run(*arguments):
    return main([*map(str, arguments), *OPTIONS, '--device', 'cpu'])


def read_csv(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file))


def test_the_table_and_the_files_have_every_model_pass_type_and_size(
    tiny, tmp_path, capsys
):
    code = run(
        *('timm:test_resnet', tiny, f'{tiny}@eager'),
        *('--size', '32', '64x96', '--pass', 'inference', 'train'),
        *('--dtype', 'float32', 'bfloat16', '--csv', 'all.csv', '--chart', 'all.png'),
    )
    output = capsys.readouterr()
    assert code == 0, output.out
    rows = read_csv(tmp_path / 'all.csv')
    assert list(rows[0])[: len(COLUMNS)] == list(COLUMNS)
    found = {
        (row['model'], row['pass'], row['dtype'], row['height'], row['width'])
        for row in rows
    }
    assert found == {
        (model, name, dtype, *size)
        for name, ours in (
            ('inference', ('tiny@fused', 'tiny@eager')),
            ('train', ('tiny@eager', 'tiny@eager (2)')),
        )
        for model in ('timm:test_resnet@eager', *ours)
        for dtype in ('float32', 'bfloat16')
        for size in (('32', '32'), ('64', '96'))
    }
    for row in rows:
        assert row['reference'] == 'timm:test_resnet@eager' and row['runs'] == '2'
        assert float(row['images_per_second']) * float(row['seconds']) == pytest.approx(2)
        assert (float(row['ratio']) == 1) or 'tiny' in row['model']
        assert bool(row['saved_bytes_per_image']) is (row['pass'] == 'train')
        assert row['processor'] and 'torch' in row['versions'] and row['libraries']
    for part in ('training step, bfloat16, 64x96, batch 2', '1, the reference'):
        assert part in output.out
    # Exponents of three quantities per model, pass and type.
    assert output.out.count('pixels^') == 3 * 3 * 2 * 2
    assert (tmp_path / 'all.png').read_bytes().startswith(b'\x89PNG')


def test_a_model_that_is_given_twice_is_counted_alike(tiny, tmp_path):
    run(tiny, f'{tiny}@eager', '--pass', 'train', '--size', 32, '--csv', 'all.csv')
    first, second = read_csv(tmp_path / 'all.csv')
    for column in ('parameters', 'saved_bytes_per_image'):
        assert float(first[column]) == float(second[column]) > 0


def test_a_model_that_fails_is_a_row_with_the_reason_and_the_others_go_on(
    tiny, tmp_path, capsys
):
    code = run('timm:test_resnet', 'timm:test_resnet@fused', tiny, '--csv', 'all.csv')
    assert code == 1
    output = capsys.readouterr().out
    assert 'timm:test_resnet@fused: fused: ResNet has nothing to fold' in output
    good, failed, ours = read_csv(tmp_path / 'all.csv')
    assert 'nothing to fold' in failed['failure'] and not failed['seconds']
    assert good['ratio'] == '1.0' and ours['ratio'] and not ours['failure']


def test_without_a_reference_there_are_times_but_no_ratios(tiny, tmp_path):
    assert run('timm:test_resnet@fused', tiny, '--size', 32, '--csv', 'all.csv') == 1
    _, ours = read_csv(tmp_path / 'all.csv')
    assert ours['seconds'] and not ours['ratio'] and not ours['reference']


def test_a_size_at_which_a_model_does_not_work_is_a_row(tiny, tmp_path):
    arguments = ('--size', 2, 32, '--reference', tiny, '--csv', 'all.csv')
    assert run('timm:test_resnet', tiny, *arguments) == 1
    rows = {(r['height'], r['model']): r for r in read_csv(tmp_path / 'all.csv')}
    assert rows['2', 'tiny@fused']['failure'] and not rows['2', 'tiny@fused']['seconds']
    assert rows['32', 'tiny@fused']['seconds']


def test_ctrl_c_prints_what_has_been_measured(tiny, tmp_path, capsys, monkeypatch):
    def interrupt(self, done, total):
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, 'show_rounds', interrupt)  # after the first round
    arguments = ('--size', 32, 64, '--csv', 'all.csv', '--chart', 'all.png')
    assert run('timm:test_resnet', tiny, *arguments) == 130
    output = capsys.readouterr()
    assert 'interrupted' in output.err and '1, the reference' in output.out
    rows = read_csv(tmp_path / 'all.csv')
    assert [(row['height'], row['runs']) for row in rows] == [('32', '1')] * 2
    assert (tmp_path / 'all.png').is_file()


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, expected',
    [
        (['gmf_s', '--batch', '0'], '--batch 0: expected 1 or more'),
        (['gmf_s', '--mode', 'fast'], "--mode fast: 'fast' is not a mode"),
        (['gmf_s', '--device', 'tpu9'], '--device tpu9'),
        (['gmf_s', '--csv', 'no/such.csv'], '--csv no/such.csv: expected a file'),
        (['gmf_s', '--chart', 'a.txt'], '--chart a.txt: expected a name in .png'),
        (
            ['gmf_s', '--reference', 'gmf_t'],
            "not one of the models (did you mean 'gmf_s'",
        ),
    ],
)
def test_an_option_that_cannot_be_followed_is_named_before_anything_runs(
    arguments, expected, capsys
):
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert expected in output.err and not output.out
