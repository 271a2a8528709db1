"""Counts of parameters and multiply-adds, against those of the papers."""

import pytest
from mmengine.config import Config

from mmgroupmix.apis.complexity import count
from mmgroupmix.apis.model_stats import main
from mmgroupmix.model_index import read_models

from ..configs.experiments import CONFIGS, read

# What the papers report, in the model index: billions of multiply-adds at 224 pixels.
REPORTED = dict(
    gmf_m_in1k=1.4,
    gmf_t_in1k=3.7,
    gmf_s_in1k=5.2,
    gmf_b_in1k=17.6,
    poolformer_s12_in1k=1.8,
    poolformer_s24_in1k=3.4,
    poolformer_s36_in1k=5.0,
    poolformer_m36_in1k=8.8,
    poolformer_m48_in1k=11.6,
)
MODELS = {model['Name']: model['Metadata'] for model in read_models()}


@pytest.mark.smoke
@pytest.mark.parametrize('name', REPORTED)
def test_the_multiply_adds_of_the_index_are_those_of_the_papers(name):
    metadata = MODELS[name]
    assert metadata['Published FLOPs (G)'] == REPORTED[name]
    assert metadata['Input Size'] == '224x224'
    # The papers round to a tenth.
    assert metadata['FLOPs'] / 1e9 == pytest.approx(REPORTED[name], rel=0.02, abs=0.05)


@pytest.mark.smoke
@pytest.mark.parametrize('name', REPORTED)
def test_the_parameters_of_the_index_are_those_of_the_papers(name):
    published = MODELS[name]['Published Parameters (M)']
    # PoolFormer's paper does not count the vectors of layer scale.
    counted = MODELS[name]['Parameters'] / 1e6
    assert counted == pytest.approx(published, rel=0.005, abs=0.1)


@pytest.mark.parametrize('name', ['gmf_m_in1k', 'poolformer_s12_in1k', 'eamlp_7_in1k'])
def test_the_index_has_the_multiply_adds_of_the_models(name):
    stats = count(read(name), (224, 224))
    assert MODELS[name]['FLOPs'] == pytest.approx(stats['flops'] * 1e9, rel=1e-6)


def test_the_papers_figures_are_printed_beside_the_counts_at_their_size(capsys):
    config = str(CONFIGS / 'poolformer_s12_in1k.py')
    assert main([config]) == 0
    cells = capsys.readouterr().out.splitlines()[-1].split('|')
    assert [cell.strip() for cell in cells[2:6]] == ['11.92', '11.9', '1.82', '1.8']
    assert main([config, '--size', '64']) == 0
    cells = capsys.readouterr().out.splitlines()[-1].split('|')
    assert [cells[3].strip(), cells[5].strip()] == ['11.9', '\N{EN DASH}']


@pytest.mark.smoke
def test_operations_grow_with_the_area_of_the_image_and_parameters_do_not():
    cfg = Config(
        dict(
            default_scope='mmpretrain',
            model=dict(
                type='ImageClassifier',
                backbone=dict(type='mmgroupmix.PoolFormer', arch='s12', out_indices=(0,)),
            ),
        )
    )
    one, four = count(cfg, (64, 64)), count(cfg, (128, 128))
    assert four['flops'] == pytest.approx(4 * one['flops'], rel=1e-6)
    assert four['activations'] == pytest.approx(4 * one['activations'], rel=1e-6)
    assert four['params'] == one['params']


@pytest.mark.parametrize(
    'name', ['mask_rcnn_poolformer_s12_coco', 'sem_fpn_poolformer_s12_ade20k']
)
def test_dense_models_are_counted_with_their_heads(name, capsys):
    assert main([str(CONFIGS / f'{name}.py'), '--size', '64x96']) == 0
    output = capsys.readouterr().out
    assert 'at 64x96' in output
    cells = output.splitlines()[-1].split('|')
    assert cells[1].strip() == name
    assert all(float(cells[column]) > 0 for column in (2, 4, 6))


@pytest.mark.smoke
@pytest.mark.parametrize('size', ['0', '1x2x3', 'large'])
def test_a_wrong_size_is_refused(size, capsys):
    with pytest.raises(SystemExit):
        main(['a.py', '--size', size])
    assert '--size' in capsys.readouterr().err


@pytest.mark.smoke
def test_the_command_needs_a_config_unless_it_writes(capsys):
    with pytest.raises(SystemExit):
        main([])
    assert '--write' in capsys.readouterr().err
