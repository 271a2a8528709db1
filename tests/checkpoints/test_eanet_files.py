"""Conversion of complete EANet files and of the ResNets that its configs start from."""

import pytest
import timm
import torch
from mmengine.runner import CheckpointLoader

from mmgroupmix.checkpoints import CheckpointError, convert_eanet, downloads

from ..configs.experiments import build, read
from ..goldens import Golden

pytest.importorskip('mmseg')

# The published model puts these modules of its ResNet into a list.
IN_EXTRACTOR = dict(conv1=0, bn1=1, layer1=4, layer2=5, layer3=6, layer4=7)


def create_wide_stem_resnet(depth):
    """Names and shapes of a ResNet with EANet's stem, from timm."""
    with torch.device('meta'):
        return timm.create_model(f'resnet{depth}s').state_dict()


def create_published_eanet(num_classes=21):
    """Names and shapes of a complete published EANet."""
    file = {}
    for key, value in create_wide_stem_resnet(101).items():
        part, _, rest = key.partition('.')
        if part in IN_EXTRACTOR:
            file[f'extractor.{IN_EXTRACTOR[part]}.{rest}'] = value
    for key, shape in Golden('eanet_head_2048_150').keys.items():
        if key.startswith('fc2.'):
            shape = [num_classes, *shape[1:]]
        file[key] = torch.empty(shape, device='meta')
    return file


def get_shapes(tensors):
    return {key: tuple(value.shape) for key, value in tensors.items()}


@pytest.mark.smoke
@pytest.mark.parametrize(
    'wrap', [lambda file: file, lambda file: dict(net=file, step=45000)]
)
def test_a_converted_file_fits_the_model_of_the_voc_config(wrap):
    converted = convert_eanet(wrap(create_published_eanet()))
    model = build(read('eanet_r101_voc'), 'meta')
    assert get_shapes(converted) == get_shapes(model.state_dict())


@pytest.mark.smoke
def test_tensors_of_equal_shape_are_not_confused():
    file = {
        key: torch.tensor(float(i)).expand(value.shape)
        for i, (key, value) in enumerate(create_published_eanet().items())
    }
    converted = convert_eanet(file)
    for theirs, ours in {
        'extractor.0.3.weight': 'backbone.stem.3.weight',
        'extractor.0.4.bias': 'backbone.stem.4.bias',
        'extractor.1.weight': 'backbone.stem.7.weight',
        'extractor.1.bias': 'backbone.stem.7.bias',
        'extractor.6.22.bn2.running_var': 'backbone.layer3.22.bn2.running_var',
        'extractor.7.0.downsample.1.bias': 'backbone.layer4.0.downsample.1.bias',
        'fc0.bn.weight': 'decode_head.conv_in.bn.weight',
        'fc1.0.bn.bias': 'decode_head.conv_out.bn.bias',
        'linu.conv1.weight': 'decode_head.attention_block.conv1.weight',
        'linu.conv2.0.weight': 'decode_head.attention_block.conv2.weight',
        'linu.conv2.1.running_mean': 'decode_head.attention_block.norm.running_mean',
        'linu.linear_0.weight': 'decode_head.attention_block.attention.memory_key',
        'linu.linear_1.weight': 'decode_head.attention_block.attention.memory_value',
        'fc2.bias': 'decode_head.conv_seg.bias',
    }.items():
        assert converted[ours].unique() == file[theirs].unique(), ours


@pytest.mark.smoke
def test_a_tied_head_takes_the_memory_that_the_published_code_loads_last():
    file = create_published_eanet()
    for i in (0, 1):
        key = f'linu.linear_{i}.weight'
        file[key] = torch.full(file[key].shape, float(i))
    converted = convert_eanet(file, tied=True)
    memory = converted['decode_head.attention_block.attention.memory_key']
    assert memory.shape == (64, 512) and (memory == 1).all()
    assert 'decode_head.attention_block.attention.memory_value' not in converted


@pytest.mark.smoke
@pytest.mark.parametrize('left_out', ['extractor.7.', 'linu.', 'fc2.'])
def test_an_incomplete_file_is_refused(left_out):
    file = {
        k: v for k, v in create_published_eanet().items() if not k.startswith(left_out)
    }
    with pytest.raises(CheckpointError, match=f'it has nothing below {left_out};'):
        convert_eanet(file)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'config, depth, name',
    [
        # the file that the published model_torch.py names
        ('eanet_r101_voc', 101, 'resnet101-2a57e44d.pth'),
        ('ablations/fcn_r50_ea_voc', 50, 'gluon_resnet50_v1s-1762acc0.pth'),
    ],
)
def test_the_initial_weights_of_a_config_fit_its_backbone(
    config, depth, name, monkeypatch, tmp_path
):
    requested = []

    def download(url, path):
        requested.append(url)
        torch.save(create_wide_stem_resnet(depth), path)

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(downloads, '_fetch', download)
    cfg = read(config)
    loaded = CheckpointLoader.load_checkpoint(cfg.model.backbone.init_cfg.checkpoint)
    assert requested[0].endswith(f'/{name}')
    backbone = build(cfg, 'meta').backbone
    classifier = {'fc.weight', 'fc.bias'}
    assert get_shapes(
        {k: v for k, v in loaded.items() if k not in classifier}
    ) == get_shapes(backbone.state_dict())


@pytest.mark.smoke
def test_the_url_of_the_resnet_50_is_that_of_timm():
    from mmgroupmix.checkpoints.eanet import WIDE_STEM_RESNETS

    url = WIDE_STEM_RESNETS['mmgroupmix://resnet50_v1s']
    assert timm.models.get_pretrained_cfg('resnet50s.gluon_in1k').url == url


@pytest.mark.smoke
def test_weights_of_an_unknown_name_are_refused():
    with pytest.raises(CheckpointError, match='Available: mmgroupmix://resnet50_v1s'):
        CheckpointLoader.load_checkpoint('mmgroupmix://resnet18_v1s')
