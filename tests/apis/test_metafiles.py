"""Filling in the model index."""

import pytest
import yaml

from mmgroupmix.apis import metafiles
from mmgroupmix.apis.metafiles import describe_config, infer_input_size, update_metafiles
from mmgroupmix.errors import UserError
from mmgroupmix.model_index import METAFILES

from ..configs.experiments import read


@pytest.mark.smoke
@pytest.mark.parametrize(
    'name, size',
    [
        ('gmf_s_in1k_384', (384, 384)),
        ('retinanet_gmf_t_coco', (800, 1280)),
        ('sem_fpn_poolformer_s12_ade20k', (512, 512)),
        ('eanet_r101_voc', (513, 513)),
    ],
)
def test_operations_are_counted_at_the_size_of_the_papers(name, size):
    assert infer_input_size(read(name)) == size


@pytest.mark.smoke
@pytest.mark.parametrize(
    'name, data, length',
    [
        ('poolformer_s12_in1k', 'ImageNet-1k', ('Epochs', 310)),
        ('mask_rcnn_gmf_m_coco', 'COCO', ('Epochs', 36)),
        ('sem_fpn_gmf_m_ade20k', 'ADE20K', ('Iterations', 80000)),
        ('eanet_r101_cityscapes', 'Cityscapes', ('Iterations', 80000)),
        ('eanet_r101_voc', 'Pascal VOC 2012', ('Iterations', 45000)),
    ],
)
def test_training_data_and_length_are_read_from_the_config(
    name, data, length, monkeypatch
):
    monkeypatch.setattr(metafiles, 'count', lambda cfg, size: dict(params=1, flops=2))
    metadata = describe_config(read(name))
    assert metadata['Training Data'] == data
    assert tuple(metadata.items())[1] == length
    assert (metadata['Parameters'], metadata['FLOPs']) == (10**6, 2 * 10**9)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An index with one model, whose counts take no time."""
    for path in METAFILES.values():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text('# A comment.\nModels: []\n')
    entry = dict(Name='a', Config='configs/a.py', Metadata={'Published FLOPs (G)': 2.1})
    text = yaml.safe_dump(dict(Models=[entry]))
    (tmp_path / METAFILES['mmpretrain']).write_text(f'# A comment.\n{text}')
    monkeypatch.setattr(metafiles, 'get_checkout', lambda: tmp_path)
    monkeypatch.setattr(metafiles, 'read_config', lambda path: path)
    monkeypatch.setattr(metafiles, 'describe_config', lambda cfg: dict(FLOPs=2))
    return tmp_path


@pytest.mark.smoke
def test_an_entry_without_counts_gets_them_and_keeps_the_papers_figures(checkout):
    path = checkout / METAFILES['mmpretrain']
    assert update_metafiles() == [path]
    text = path.read_text()
    assert text.startswith('# A comment.\n')
    (model,) = yaml.safe_load(text)['Models']
    assert model['Metadata'] == {'FLOPs': 2, 'Published FLOPs (G)': 2.1}


@pytest.mark.smoke
def test_an_entry_with_counts_is_counted_again_only_on_request(checkout, monkeypatch):
    update_metafiles()
    monkeypatch.setattr(metafiles, 'describe_config', lambda cfg: dict(FLOPs=3))
    assert update_metafiles() == []
    assert update_metafiles(['a']) == [checkout / METAFILES['mmpretrain']]


@pytest.mark.smoke
def test_a_name_without_an_entry_is_refused(checkout):
    with pytest.raises(UserError, match=r'b: not in the model index. Add an entry'):
        update_metafiles(['b'])
