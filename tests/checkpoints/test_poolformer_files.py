"""Published PoolFormer files load with the names of every library that has them."""

import json

import pytest
import torch
from mmengine.runner import load_checkpoint

from mmgroupmix.checkpoints import CheckpointError, read_checkpoint
from mmgroupmix.models import GroupMixFormer, PoolFormer, convert_state_dict

from ..goldens import DATA
from .published_names import assert_published_weights, find_poolformer_tensor

LAST = dict(out_indices=(3,), final_norm=True)


@pytest.fixture(scope='module')
def published(poolformer_file):
    return poolformer_file


def rename_as_timm(published):
    timm = pytest.importorskip('timm')
    from timm.models.metaformer import checkpoint_filter_fn

    model = timm.create_model('poolformer_s12')
    model.load_state_dict(checkpoint_filter_fn(published, model))
    return model.state_dict()


def rename_as_mmpretrain(published):
    from mmpretrain.models import PoolFormer as Theirs

    names = Theirs('s12').state_dict()
    theirs = {
        f'backbone.{name}': published[name.replace('norm6.', 'norm.')] for name in names
    }
    return {
        'state_dict': theirs
        | {f'head.fc.{kind}': published[f'head.{kind}'] for kind in ('weight', 'bias')}
    }


def rename_as_hugging_face(published):
    """The names of transformers, in its order, with the published values."""
    names = json.loads((DATA / 'names/poolformer_s12_huggingface.json').read_text())
    theirs = {}
    for name, shape in names.items():
        parts = name.removeprefix('poolformer.encoder.').split('.')
        kind = parts[-1]
        if parts[0] == 'patch_embeddings':
            stage = int(parts[1])
            old = (
                f'network.{2 * stage - 1}.proj.{kind}'
                if stage
                else f'patch_embed.proj.{kind}'
            )
        elif parts[0] == 'block':
            part = {
                'before_norm': f'norm1.{kind}',
                'after_norm': f'norm2.{kind}',
                'output': f'mlp.fc{parts[-2][-1]}.{kind}',
            }.get(parts[3], parts[3])
            old = f'network.{2 * int(parts[1])}.{parts[2]}.{part}'
        else:
            old = name.replace('classifier', 'head')
        theirs[name] = published[old]
        assert list(theirs[name].shape) == shape
    return theirs


SCHEMES = {
    'the paper': dict,
    'the paper, data parallel': lambda published: {
        f'module.{k}': v for k, v in published.items()
    },
    'timm': rename_as_timm,
    'mmpretrain': rename_as_mmpretrain,
    'Hugging Face': rename_as_hugging_face,
    'Hugging Face, without classifier': lambda published: {
        k.removeprefix('poolformer.'): v
        for k, v in rename_as_hugging_face(published).items()
        if 'classifier' not in k
    },
}


@pytest.mark.smoke
@pytest.mark.parametrize('scheme', SCHEMES)
def test_a_classifier_loads_completely(published, tmp_path, scheme):
    path = tmp_path / 'file.pth'
    torch.save(SCHEMES[scheme](published), path)
    backbone = PoolFormer(
        's12', **LAST, init_cfg=dict(type='Pretrained', checkpoint=str(path))
    )
    backbone.init_weights()
    assert_published_weights(backbone, published, find_poolformer_tensor)


@pytest.mark.smoke
def test_the_safetensors_file_of_hugging_face_is_converted(published, tmp_path):
    safetensors = pytest.importorskip('safetensors.torch')
    path = tmp_path / 'model.safetensors'
    safetensors.save_file(rename_as_hugging_face(published), path)
    ours = convert_state_dict(read_checkpoint(path))
    for key, value in ours.items():
        assert torch.equal(value, find_poolformer_tensor(key, published)), key
    assert set(ours) == {
        k for k in PoolFormer('s12').state_dict() if 'out_norms' not in k
    }


@pytest.mark.smoke
@pytest.mark.parametrize('scheme', sorted({*SCHEMES} - {'mmpretrain'}))
def test_for_dense_prediction_the_output_norms_are_newly_initialized(published, scheme):
    backbone = PoolFormer('s12')
    backbone.load_state_dict(SCHEMES[scheme](published))
    assert_published_weights(
        backbone, published, find_poolformer_tensor, newly_initialized='out_norms.'
    )


@pytest.mark.smoke
def test_the_norm_of_mmpretrains_classifier_is_that_of_the_last_map(published):
    from mmpretrain.models import PoolFormer as Theirs

    state = rename_as_mmpretrain(published)['state_dict']
    ours = PoolFormer('s12').eval()
    ours.load_state_dict(state)
    theirs = Theirs('s12', out_indices=(0, 2, 4, 6))
    theirs.eval()  # which returns None there
    theirs.load_state_dict(
        {k.removeprefix('backbone.'): v for k, v in state.items()}, strict=False
    )
    image = torch.rand(1, 3, 32, 32)
    for ours_map, theirs_map in zip(ours(image), theirs(image), strict=True):
        torch.testing.assert_close(ours_map, theirs_map, rtol=1e-4, atol=1e-4)
    assert torch.equal(ours.out_norms[3].weight, published['norm.weight'])


@pytest.mark.smoke
@pytest.mark.parametrize('scheme', ['the paper', 'timm', 'mmpretrain', 'Hugging Face'])
def test_conversion_keeps_the_classifier_for_mmpretrain(published, scheme):
    ours = convert_state_dict(SCHEMES[scheme](published), arch='s12', classifier=True)
    assert torch.equal(ours['head.fc.weight'], published['head.weight'])
    assert torch.equal(ours['head.fc.bias'], published['head.bias'])
    assert torch.equal(ours['backbone.final_norm.weight'], published['norm.weight'])


@pytest.mark.smoke
def test_a_published_detector_loads_with_its_output_norms(
    published, poolformer_golden, tmp_path
):
    norms = poolformer_golden.dense_state_dict()
    detector = torch.nn.Module()
    detector.backbone = PoolFormer('s12')
    detector.neck = torch.nn.Linear(2, 2)
    theirs = {
        f'backbone.{k}': v
        for k, v in {**published, **norms}.items()
        if not k.startswith(('norm.', 'head.'))
    }
    neck = {'neck.weight': torch.ones(2, 2), 'neck.bias': torch.ones(2)}
    torch.save({'state_dict': theirs | neck}, tmp_path / 'file.pth')
    load_checkpoint(detector, str(tmp_path / 'file.pth'), strict=True)
    for stage in range(4):
        assert torch.equal(
            detector.backbone.out_norms[stage].weight, norms[f'norm{2 * stage}.weight']
        )


@pytest.mark.smoke
def test_safetensors_of_hugging_face_are_converted(published, tmp_path):
    safetensors = pytest.importorskip('safetensors.torch')
    path = tmp_path / 'model.safetensors'
    safetensors.save_file(rename_as_hugging_face(published), path)
    for key, value in convert_state_dict(read_checkpoint(path)).items():
        assert torch.equal(value, find_poolformer_tensor(key, published)), key


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arch, problem',
    [
        ('s24', r"published PoolFormer 's12'; expected PoolFormer 's24'"),
        ('m36', r"published PoolFormer 's12'; expected PoolFormer 'm36'"),
    ],
)
def test_another_architecture_is_named(published, arch, problem):
    with pytest.raises(CheckpointError, match=problem):
        PoolFormer(arch, **LAST).load_state_dict(published)
    with pytest.raises(CheckpointError, match=f"'s12'.*{arch!r}"):
        convert_state_dict(published, arch=arch)


@pytest.mark.smoke
def test_a_file_of_another_backbone_of_the_package_is_named(
    published, groupmixformer_file
):
    with pytest.raises(CheckpointError, match="PoolFormer 's12'.*GroupMixFormer 'tiny'"):
        GroupMixFormer('t').load_state_dict(published)
    with pytest.raises(CheckpointError, match="GroupMixFormer 'tiny'.*PoolFormer 's12'"):
        PoolFormer('s12').load_state_dict(groupmixformer_file)


@pytest.mark.smoke
def test_an_incomplete_file_is_refused(published):
    part = {k: v for k, v in published.items() if not k.startswith('network.6.')}
    with pytest.raises(CheckpointError, match=r'Missing: \d+ tensors in stages.3'):
        PoolFormer('s12').load_state_dict(part)
    with pytest.raises(CheckpointError, match='unpublished sizes'):
        convert_state_dict(part)


@pytest.mark.smoke
def test_a_classifier_without_its_norm_is_refused(published):
    headless = {k: v for k, v in published.items() if not k.startswith('norm.')}
    with pytest.raises(CheckpointError, match='Missing: final_norm'):
        PoolFormer('s12', **LAST).load_state_dict(headless)
