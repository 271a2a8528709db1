"""PoolFormer's published files load under the names of every library that has them."""

import json

import pytest
import torch
from mmengine.runner import load_checkpoint

from mmgroupmix.checkpoints import CheckpointError, read_checkpoint
from mmgroupmix.models import GroupMixFormer, PoolFormer, convert_state_dict

from ..goldens import DATA

LAST = dict(out_indices=(3,), final_norm=True)


@pytest.fixture(scope='module')
def published(poolformer_golden):
    return poolformer_golden.state_dict()


@pytest.fixture(scope='module')
def expected(published):
    """Our names for the published classifier, checked against the golden elsewhere."""
    backbone = PoolFormer('s12', **LAST)
    backbone.load_state_dict(published)
    return backbone.state_dict()


def timms(published):
    timm = pytest.importorskip('timm')
    from timm.models.metaformer import checkpoint_filter_fn

    model = timm.create_model('poolformer_s12')
    model.load_state_dict(checkpoint_filter_fn(published, model))
    return model.state_dict()


def mmpretrains(published):
    from mmpretrain.models import PoolFormer as Theirs

    names = Theirs('s12').state_dict()
    theirs = {
        f'backbone.{name}': published[name.replace('norm6.', 'norm.')] for name in names
    }
    return {
        'state_dict': theirs
        | {f'head.fc.{kind}': published[f'head.{kind}'] for kind in ('weight', 'bias')}
    }


def hugging_faces(published):
    """The names as transformers has them, in its order, on the published values."""
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
    'timm': timms,
    'mmpretrain': mmpretrains,
    'Hugging Face': hugging_faces,
    'Hugging Face, without classifier': lambda published: {
        k.removeprefix('poolformer.'): v
        for k, v in hugging_faces(published).items()
        if 'classifier' not in k
    },
}


@pytest.mark.smoke
@pytest.mark.parametrize('scheme', SCHEMES)
def test_a_classifier_loads_whole(published, expected, tmp_path, scheme):
    path = tmp_path / 'file.pth'
    torch.save(SCHEMES[scheme](published), path)
    backbone = PoolFormer(
        's12', **LAST, init_cfg=dict(type='Pretrained', checkpoint=str(path))
    )
    backbone.init_weights()
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, expected[name]), name


@pytest.mark.smoke
@pytest.mark.parametrize('scheme', SCHEMES)
def test_for_dense_prediction_the_norms_of_the_outputs_start_new(
    published, expected, scheme
):
    backbone = PoolFormer('s12')
    backbone.load_state_dict(SCHEMES[scheme](published))
    for name, value in backbone.state_dict().items():
        if name.startswith('out_norms.'):
            assert torch.equal(
                value, torch.full_like(value, float(name.endswith('weight')))
            ), name
        else:
            assert torch.equal(value, expected[name]), name


@pytest.mark.smoke
@pytest.mark.parametrize('scheme', ['the paper', 'timm', 'mmpretrain', 'Hugging Face'])
def test_the_classifier_is_kept_for_mmpretrain(published, scheme):
    ours = convert_state_dict(SCHEMES[scheme](published), arch='s12', classifier=True)
    assert torch.equal(ours['head.fc.weight'], published['head.weight'])
    assert torch.equal(ours['head.fc.bias'], published['head.bias'])
    assert torch.equal(ours['backbone.final_norm.weight'], published['norm.weight'])


@pytest.mark.smoke
def test_a_published_detector_loads_with_the_norms_of_its_outputs(
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
def test_a_classifier_that_this_package_trained_serves_dense_prediction(expected):
    trained = {f'backbone.{k}': v for k, v in expected.items()}
    trained |= {'head.fc.weight': torch.ones(1000, 512), 'head.fc.bias': torch.ones(1000)}
    backbone = PoolFormer('s12')
    backbone.load_state_dict({'state_dict': trained})
    key = 'stages.3.blocks.1.mlp.fc2.weight'
    assert torch.equal(backbone.state_dict()[key], expected[key])


@pytest.mark.smoke
def test_the_hybrids_load_with_their_attention_and_position_embedding(published):
    # In the published list of stages, the embedding of positions shifts the last one.
    hybrid = {k: v for k, v in published.items() if not k.startswith('network.6.')}
    hybrid['network.6.pos_embed'] = torch.randn(1, 512, 7, 7)
    for key, value in published.items():
        if key.startswith('network.6.'):
            hybrid['network.7.' + key.removeprefix('network.6.')] = value
    for block in range(2):
        mixer = f'network.7.{block}.token_mixer'
        hybrid[f'{mixer}.qkv.weight'] = torch.randn(3 * 512, 512)
        hybrid[f'{mixer}.proj.weight'] = torch.randn(512, 512)
        hybrid[f'{mixer}.proj.bias'] = torch.randn(512)
    backbone = PoolFormer(
        's12',
        ['Pooling', 'Pooling', 'Pooling', 'SelfAttention'],
        **LAST,
        norm_cfg=dict(type='LN'),
        position_embeddings=(None, None, None, (7, 7)),
    )
    backbone.load_state_dict(hybrid)
    last = backbone.stages[3]
    place = hybrid['network.6.pos_embed'][0, :, 2, 5]
    assert torch.equal(last.position_embedding.embedding[0, 2, 5], place)
    qkv = hybrid['network.7.1.token_mixer.qkv.weight']
    assert torch.equal(last.blocks[1].token_mixer.qkv.weight, qkv)
    with pytest.raises(CheckpointError, match='Left over.*stages.3'):
        PoolFormer('s12', **LAST).load_state_dict(hybrid)


@pytest.mark.smoke
def test_conversion_of_a_hybrid_says_that_its_mixers_are_others(published):
    hybrid = published | {
        f'network.6.{block}.token_mixer.fc.weight': torch.ones(49, 49)
        for block in range(2)
    }
    with pytest.raises(CheckpointError, match="'s12' with other token_mixers.*as it is"):
        convert_state_dict(hybrid)


@pytest.mark.smoke
def test_a_file_without_layer_scale_is_a_poolformer_too(published):
    plain = {k: v for k, v in published.items() if 'layer_scale' not in k}
    PoolFormer('s12', layer_scale=0).load_state_dict(plain)
    with pytest.raises(CheckpointError, match='model with other layer_scale than this'):
        PoolFormer('s12').load_state_dict(plain)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, told',
    [
        (dict(in_channels=4), 'other in_channels than'),
        (dict(mlp_ratios=2), 'other mlp_ratios than'),
        (dict(norm_cfg=None), 'other norm_cfg than'),
        (dict(norm_cfg=dict(type='BN')), 'other norm_cfg than'),
        (dict(token_mixers='DepthwiseConv'), 'other token_mixers than'),
        (
            dict(position_embeddings=((56, 56), None, None, None)),
            'other position_embeddings',
        ),
    ],
    ids=str,
)
def test_another_setting_of_the_same_architecture_is_named(published, arguments, told):
    with pytest.raises(CheckpointError, match=told):
        PoolFormer('s12', **arguments, **LAST).load_state_dict(published)


SMALL = dict(embed_dims=(8, 8, 8, 8), depths=(1, 1, 1, 1), mlp_ratios=(1, 1, 1, 1))


@pytest.mark.smoke
@pytest.mark.parametrize('norm', ['BN', 'GN', 'LN'])
def test_our_own_classifier_serves_dense_prediction_with_any_norm(norm):
    norm_cfg = dict(type=norm, **(dict(num_groups=1) if norm == 'GN' else {}))
    trained = PoolFormer(SMALL, norm_cfg=norm_cfg, **LAST)
    dense = PoolFormer(SMALL, norm_cfg=norm_cfg)
    dense.load_state_dict(trained.state_dict())
    assert torch.equal(dense.stem.weight, trained.stem.weight)


@pytest.mark.smoke
def test_a_detector_on_three_maps_serves_one_on_four():
    three = PoolFormer(SMALL, out_indices=(1, 2, 3))
    torch.nn.init.constant_(three.out_norms[2].weight, 3)
    four = PoolFormer(SMALL)
    four.load_state_dict(three.state_dict())
    assert (four.out_norms[2].weight == 3).all() and (four.out_norms[0].weight == 1).all()
    three.load_state_dict(four.state_dict())


@pytest.mark.smoke
def test_our_own_file_of_another_architecture_is_named():
    with torch.device('meta'):
        trained = PoolFormer('s24').state_dict()
    with pytest.raises(CheckpointError, match="is a PoolFormer 's24' with the names of"):
        PoolFormer('s12').load_state_dict(trained)


class Code:
    """What training scripts pickle beside the weights."""

    def __reduce__(self):
        return print, ('code of the checkpoint ran',)


@pytest.mark.smoke
def test_a_file_given_by_its_address_is_fetched_once_and_not_run(
    tmp_path, monkeypatch, capsys
):
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    trained = PoolFormer(SMALL)
    torch.save({'state_dict': trained.state_dict(), 'args': Code()}, tmp_path / 'a.pth')
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f'http://127.0.0.1:{server.server_port}/a.pth'
        tensors = read_checkpoint(address)
        with pytest.raises(CheckpointError, match='Cannot fetch .*b.pth.*by hand'):
            read_checkpoint(address.replace('a.pth', 'b.pth'))
        server.shutdown()
    assert torch.equal(tensors['stem.weight'], trained.stem.weight)
    assert torch.equal(read_checkpoint(address)['stem.weight'], trained.stem.weight)
    assert 'code of the checkpoint ran' not in capsys.readouterr().out


@pytest.mark.smoke
def test_safetensors_are_read(published, expected, tmp_path):
    safetensors = pytest.importorskip('safetensors.torch')
    path = tmp_path / 'model.safetensors'
    safetensors.save_file(hugging_faces(published), path)
    ours = convert_state_dict(read_checkpoint(path))
    assert torch.equal(ours['stem.weight'], expected['stem.weight'])
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(CheckpointError, match='truncated'):
        read_checkpoint(path)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arch, told',
    [
        ('s24', r"published PoolFormer 's12'; expected was PoolFormer 's24'"),
        ('m36', r"published PoolFormer 's12'; expected was PoolFormer 'm36'"),
    ],
)
def test_another_architecture_is_named(published, arch, told):
    with pytest.raises(CheckpointError, match=told):
        PoolFormer(arch, **LAST).load_state_dict(published)
    with pytest.raises(CheckpointError, match=f"'s12'.*{arch!r}"):
        convert_state_dict(published, arch=arch)


@pytest.mark.smoke
def test_a_file_of_another_backbone_of_the_package_is_named(
    published, groupmixformer_golden
):
    with pytest.raises(CheckpointError, match="PoolFormer 's12'.*GroupMixFormer 'tiny'"):
        GroupMixFormer('t').load_state_dict(published)
    with pytest.raises(CheckpointError, match="GroupMixFormer 'tiny'.*PoolFormer 's12'"):
        PoolFormer('s12').load_state_dict(groupmixformer_golden.state_dict())


@pytest.mark.smoke
def test_a_part_of_the_tensors_is_refused(published):
    part = {k: v for k, v in published.items() if not k.startswith('network.6.')}
    with pytest.raises(CheckpointError, match=r'Missing: \d+ tensors in stages.3'):
        PoolFormer('s12').load_state_dict(part)
    with pytest.raises(CheckpointError, match='no published architecture'):
        convert_state_dict(part)


@pytest.mark.smoke
def test_a_classifier_needs_its_norm(published):
    headless = {k: v for k, v in published.items() if not k.startswith('norm.')}
    with pytest.raises(CheckpointError, match='Missing: final_norm'):
        PoolFormer('s12', **LAST).load_state_dict(headless)
