"""Parameter counts are those of the models, published figures those of the configs."""

import re
from functools import cache
from pathlib import Path

import pytest
import torch

from mmgroupmix.model_index import read_models
from mmgroupmix.models import GroupMixFormer

from .pages import README, REPOSITORY, expand_braces, find_tables, read_page

ROWS = {row[0]: row for table in find_tables(read_page('reproduce')) for row in table}
EXPERIMENT_ROWS = {
    name: row for name, row in ROWS.items() if re.match(r'`[\w/{},]+\.py`', name)
}
NO_FIGURE = '\N{EN DASH}'


@cache
def stated_in_model_index():
    return {model['Name']: model['Metadata']['Parameters'] for model in read_models()}


def count_parameters(name):
    """The exact number, which another test compares with the model."""
    return stated_in_model_index()[Path(name).name]


def names_of(cell):
    """The experiments of a row, by their names below configs/."""
    return [
        name.removesuffix('.py')
        for pattern in re.findall(r'`([\w/{},]+\.py)`', cell)
        for name in expand_braces(pattern)
    ]


def figures_in(cell):
    return re.findall(rf'\d+\.\d+|{NO_FIGURE}', cell)


def read_head(name):
    """What a config says about itself, above its first setting."""
    text = (REPOSITORY / f'configs/{name}.py').read_text()
    return text.partition('_base_')[0]


@pytest.mark.smoke
@pytest.mark.parametrize('cell', EXPERIMENT_ROWS)
def test_the_parameters_of_an_experiment_are_those_of_its_model(cell):
    stated = figures_in(EXPERIMENT_ROWS[cell][1])
    names = names_of(cell)
    counted = [f'{count_parameters(name) / 1e6:.1f}' for name in names]
    if len(stated) == 1:  # two steps of one experiment
        counted = list(dict.fromkeys(counted))
    assert stated == counted


@pytest.mark.smoke
@pytest.mark.parametrize('cell', EXPERIMENT_ROWS)
def test_the_published_figures_of_an_experiment_are_those_of_its_config(cell):
    for column in EXPERIMENT_ROWS[cell][3:]:
        figures, names = figures_in(column), names_of(cell)
        if len(figures) == 1 and len(names) > 1:
            names = names[-1:]  # what the last step reaches
        assert not figures or len(figures) == len(names)
        for name, figure in zip(names, figures):
            in_config = re.findall(r'\d+\.\d+', read_head(name))
            if figure == NO_FIGURE:
                assert not in_config, name
            else:
                assert figure in in_config, name


DIFFERING = {
    'Semantic FPN with GroupMixFormer-T': ['sem_fpn_gmf_t_ade20k'],
    'Semantic FPN with PoolFormer-S24': ['sem_fpn_poolformer_s24_ade20k'],
    'EAMLP-14, EAMLP-19': ['eamlp_14_in1k', 'eamlp_19_in1k'],
}


@pytest.mark.smoke
@pytest.mark.parametrize('model', DIFFERING)
def test_a_count_that_differs_from_the_paper_is_that_of_the_model(model):
    _, in_paper, here, _ = ROWS[model]
    counted = [f'{count_parameters(name) / 1e6:.1f}' for name in DIFFERING[model]]
    assert figures_in(here) == counted
    assert figures_in(in_paper) != counted


@pytest.mark.smoke
def test_s24_has_as_many_parameters_more_than_s12_as_the_page_states():
    s12, s24 = (count_parameters(f'poolformer_{arch}_in1k') for arch in ('s12', 's24'))
    (stated,) = re.findall(r'S24 has ([\d.]+) M more', read_page('reproduce'))
    assert f'{(s24 - s12) / 1e6:.1f}' == stated


MODELS = find_tables(README.read_text('utf-8'))[0][1:]


def rows_of(family):
    """Architecture, parameters and result of each model of a family in the README."""
    for name, arch, parameters, _, result in MODELS:
        if re.search(r'\w+', name)[0] == family:
            yield arch.strip('`'), parameters, result


@pytest.mark.smoke
@pytest.mark.parametrize(
    'family, config',
    [
        ('PoolFormer', 'poolformer_{}_in1k'),
        ('EAMLP', 'eamlp_{}_in1k'),
        ('EANet', 'eanet_r101_voc_trainval'),
    ],
)
def test_the_readme_has_the_parameters_and_figures_of_the_configs(family, config):
    for arch, parameters, result in rows_of(family):
        name = config.format(arch)
        assert parameters == f'{count_parameters(name) / 1e6:.2f}'
        assert result.split()[0] in read_head(name)


def test_the_readme_has_the_parameters_of_groupmixformer_with_its_classifier():
    rows = list(rows_of('GroupMixFormer'))
    assert [arch for arch, *_ in rows] == list(GroupMixFormer.arch_aliases)
    for arch, parameters, _ in rows:
        with torch.device('meta'):
            model = GroupMixFormer(arch, final_norm=True)
            classifier = torch.nn.Linear(model.embed_dims[-1], 1000)
        modules = torch.nn.ModuleList([model, classifier])
        count = sum(p.numel() for p in modules.parameters())
        assert parameters == f'{count / 1e6:.2f}'


@pytest.mark.smoke
def test_the_figures_of_the_ablations_are_those_of_their_configs():
    page = read_page('reproduce').partition('## The ablations of GroupMixFormer')[2]
    _, _, *rows = find_tables(page)[0]
    for cell, _, *columns in rows:
        for name in re.findall(r'`(\w+)`', cell):
            configs = (f'gmf_t_{name}_in1k', f'mask_rcnn_gmf_t_{name}_1x_coco')
            for config, column in zip(configs, columns, strict=True):
                in_config = re.findall(r'Paper: (.*)', read_head(f'ablations/{config}'))
                stated = re.findall(r'\d+\.\d+', ''.join(in_config))
                assert figures_in(column) == stated, config
