"""Counts in the tables of the documentation."""

import pytest

from mmgroupmix.apis.count_tables import PAGES, fill_in_counts
from mmgroupmix.model_index import read_models

from ..configs.experiments import REPOSITORY

pytestmark = pytest.mark.smoke

MODELS = {
    'gmf_t_in1k': dict(Parameters=10_949_152, FLOPs=3_700_000_000),
    'gmf_s_in1k': dict(Parameters=22_421_320, FLOPs=5_249_000_000),
}


@pytest.mark.parametrize('page', PAGES)
def test_a_page_has_the_counts_of_the_model_index(page):
    models = {model['Name']: model['Metadata'] for model in read_models()}
    text = (REPOSITORY / page).read_text('utf-8')
    updated = fill_in_counts(text, models, PAGES[page])
    assert updated == text, 'run `python tools/model_stats.py --write`'


def test_a_row_of_configs_gets_one_count_per_config():
    table = (
        '| config | parameters (M) | multiply-adds (G) | top-1 |\n'
        '|---|---|---|---|\n'
        '| `gmf_{t,s}_in1k.py` | 0 | ? | 82.6 |\n'
    )
    expected = table.replace('0 | ?', '10.9, 22.4 | 3.7, 5.2')
    assert fill_in_counts(table, MODELS, decimals=1) == expected


def test_a_row_of_a_family_gets_the_counts_of_its_architecture():
    table = (
        '| family | `arch` | parameters (M) |\n'
        '|---|---|---|\n'
        '| [GroupMixFormer](https://arxiv.org) | `t` | ? |\n'
    )
    assert '| 10.95 |' in fill_in_counts(table, MODELS, decimals=2)


def test_two_steps_of_one_experiment_have_one_count():
    table = (
        '| config | parameters (M) |\n|---|---|\n'
        '| `gmf_t_in1k.py`, then `gmf_t_in1k.py` | ? |\n'
    )
    assert '| 10.9 |' in fill_in_counts(table, MODELS, decimals=1)


@pytest.mark.parametrize(
    'text',
    [
        '| model | parameters (M) |\n|---|---|\n| `another.py` | 1.0 |\n',
        '| config | here (M) |\n|---|---|\n| `gmf_t_in1k.py` | 1.0 |\n',
        'no table\n',
    ],
)
def test_everything_else_stays_as_it_is(text):
    assert fill_in_counts(text, MODELS, decimals=1) == text
