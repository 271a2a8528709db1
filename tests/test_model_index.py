"""The model index as OpenMMLab's tools read it."""

import re

import pytest
import yaml
from modelindex.load_model_index import load

from mmgroupmix.model_index import METAFILES, read_metafile, read_models

from .configs.experiments import REPOSITORY, read

pytestmark = pytest.mark.smoke

MODELS = {model['Name']: model for model in read_models()}
COLLECTIONS = read_metafile(REPOSITORY / 'configs/metafiles/collections.yml')
PAPERS = {entry['Name']: entry['Paper']['URL'] for entry in COLLECTIONS['Collections']}
METRICS = {
    'top-1 accuracy': ('Image Classification', 'Top 1 Accuracy'),
    'box AP': ('Object Detection', 'box AP'),
    'mask AP': ('Instance Segmentation', 'mask AP'),
    'mIoU': ('Semantic Segmentation', 'mIoU'),
    'FID': ('Image Generation', 'FID'),
    'IS': ('Image Generation', 'Inception Score'),
    'overall accuracy': ('Point Cloud Classification', 'Overall Accuracy'),
    'instance pIoU': ('Part Segmentation', 'Instance pIoU'),
}


def test_the_library_of_openmmlabs_tools_finds_no_error_in_the_index():
    index = load(str(REPOSITORY / 'model-index.yml'))
    assert index.check(silent=True) == []
    assert {model.name for model in index.models} == MODELS.keys()


def test_mim_finds_the_models_of_the_installed_package():
    mim = pytest.importorskip('mim', reason='onedl-mim is not installed')
    found = mim.get_model_info('mmgroupmix', models=['groupmixformer'], to_dict=True)
    assert found['gmf_t_in1k']['config'] == 'configs/gmf_t_in1k.py'
    assert found['gmf_t_in1k']['imagenet-1k/top_1_accuracy'] == 82.6


def test_the_index_imports_the_metafile_of_each_toolbox():
    index = yaml.safe_load((REPOSITORY / 'model-index.yml').read_text())
    assert index == {'Import': list(METAFILES.values())}


@pytest.mark.parametrize('toolbox', METAFILES)
def test_a_metafile_has_the_models_of_one_toolbox(toolbox):
    for model in read_models(toolbox):
        name = model['Config'].removeprefix('configs/').removesuffix('.py')
        expected = 'mmengine' if toolbox == 'point_clouds' else toolbox
        assert read(name).default_scope == expected


def test_the_metadata_of_every_model_are_complete():
    for name, model in MODELS.items():
        metadata = model['Metadata']
        assert model['In Collection'] in PAPERS, name
        assert ('Epochs' in metadata) != ('Iterations' in metadata), name
        assert re.fullmatch(r'\d+x\d+', metadata['Input Size']), name
        assert {'Training Data', 'Parameters', 'FLOPs'} <= metadata.keys(), name


@pytest.mark.parametrize('name', MODELS)
def test_the_results_are_the_figures_of_the_paper_in_the_config_and_marked_as_such(name):
    model = MODELS[name]
    head = (REPOSITORY / model['Config']).read_text().partition('_base_')[0]
    in_config = re.search(r'Paper: (.*)', head)
    figures = re.findall(
        rf'([\d.]+) (?:val |test )?({"|".join(METRICS)})',
        in_config[1].partition('without')[0] if in_config else '',
    )
    results = model.get('Results', [])
    assert [(result['Task'], result['Metrics']) for result in results] == [
        (METRICS[unit][0], {METRICS[unit][1]: float(x)}) for x, unit in figures
    ]
    for result in results:
        assert (
            result['Dataset'].removesuffix(' test') == model['Metadata']['Training Data']
        )
        assert result['Source'] == PAPERS[model['In Collection']]


def test_the_published_weights_are_those_of_the_config():
    weighted = {
        name: model['Weights'] for name, model in MODELS.items() if 'Weights' in model
    }
    assert sorted(weighted) == [
        f'poolformer_{arch}_in1k' for arch in ('m36', 'm48', 's12', 's24', 's36')
    ]
    for name, address in weighted.items():
        arch = name.removesuffix('_in1k')
        assert re.fullmatch(rf'https://github.com/sail-sg/.*/{arch}.pth.tar', address)
