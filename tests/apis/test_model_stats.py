"""Counts of parameters and multiply-adds, against those of the papers."""

import pytest
from mmengine.config import Config

from mmgroupmix.apis.model_stats import count, main

from ..configs.experiments import CONFIGS, read

# Millions of parameters and billions of multiply-adds at 224 pixels: arXiv 2311.15157,
# Table 3, and arXiv 2111.11418, Table 2, which does not count the vectors of layer scale.
PAPERS = dict(
    gmf_t_in1k=(11.0, 3.7),
    gmf_s_in1k=(22.4, 5.2),
    poolformer_s12_in1k=(11.9, 1.8),
    poolformer_s36_in1k=(30.8, 5.0),
)


@pytest.mark.parametrize('name', PAPERS)
def test_the_counts_are_those_of_the_papers(name):
    parameters, multiply_adds = PAPERS[name]
    stats = count(read(name), (224, 224))
    # The papers round to a tenth.
    assert stats['params'] == pytest.approx(parameters, rel=0.005, abs=0.1)
    assert stats['flops'] == pytest.approx(multiply_adds, rel=0.02, abs=0.05)


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


@pytest.mark.parametrize('name', ['mask_rcnn_gmf_m_coco', 'sem_fpn_gmf_m_ade20k'])
def test_dense_models_are_counted_with_their_heads(name, capsys):
    assert main([str(CONFIGS / f'{name}.py'), '--size', '64x96']) == 0
    output = capsys.readouterr().out
    assert 'at 64x96' in output
    cells = output.splitlines()[-1].split('|')
    assert cells[1].strip() == name
    assert all(float(cell) > 0 for cell in cells[2:5])


@pytest.mark.smoke
@pytest.mark.parametrize('size', ['0', '1x2x3', 'large'])
def test_a_wrong_size_is_refused(size, capsys):
    with pytest.raises(SystemExit):
        main(['a.py', '--size', size])
    assert '--size' in capsys.readouterr().err
