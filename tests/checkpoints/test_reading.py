"""Reading takes the right tensors from a file and runs none of its code."""

from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest
import torch

from mmgroupmix.checkpoints import CheckpointError, read_checkpoint

from .published_files import TrainingConfig, save

pytestmark = pytest.mark.smoke

WEIGHTS = {'stem.weight': torch.tensor([1.0]), 'head.bias': torch.tensor([2.0])}
AVERAGED = {key: value + 10 for key, value in WEIGHTS.items()}


def assert_weights(tensors, expected=WEIGHTS):
    assert set(tensors) == set(expected)
    assert all(torch.equal(tensors[key], value) for key, value in expected.items())


def test_objects_next_to_the_weights_are_not_run(tmp_path, capsys):
    path = save({'model': WEIGHTS, 'config': TrainingConfig()}, tmp_path)
    assert_weights(read_checkpoint(path))
    assert 'code of the checkpoint ran' not in capsys.readouterr().out


@pytest.mark.parametrize('averaged', ['model_ema', 'state_dict_ema', 'ema_state_dict'])
@pytest.mark.parametrize(
    'plain', ['state_dict', 'model', 'net', 'model_state_dict', 'module']
)
def test_the_weights_of_the_model_are_preferred_to_averaged_ones(
    plain, averaged, tmp_path
):
    # in both orders: neither the first nor the last one is taken
    path = save({averaged: AVERAGED, plain: WEIGHTS}, tmp_path)
    assert_weights(read_checkpoint(path))
    path = save({plain: WEIGHTS, averaged: AVERAGED}, tmp_path)
    assert_weights(read_checkpoint(path))


@pytest.mark.parametrize('level', ['model_ema', 'state_dict_ema', 'ema_state_dict'])
def test_averaged_weights_are_read_if_there_are_no_others(level, tmp_path):
    assert_weights(read_checkpoint(save({level: AVERAGED}, tmp_path)), AVERAGED)


def test_levels_within_levels_are_read(tmp_path):
    path = save({'state_dict': {'net': WEIGHTS}, 'epoch': 1}, tmp_path)
    assert_weights(read_checkpoint(path))


@pytest.mark.parametrize('prefix', ['module.', '_orig_mod.', '_orig_mod.module.'])
def test_a_prefix_of_all_names_is_stripped(prefix, tmp_path):
    content = {f'{prefix}{key}': value for key, value in WEIGHTS.items()}
    assert_weights(read_checkpoint(save(content, tmp_path)))


@pytest.mark.parametrize('prefix', ['module.', '_orig_mod.'])
def test_a_prefix_that_only_some_names_have_stays(prefix, tmp_path):
    content = {f'{prefix}stem.weight': torch.ones(1), 'head.bias': torch.ones(1)}
    assert_weights(read_checkpoint(save(content, tmp_path)), content)


def test_safetensors_are_read(tmp_path):
    safetensors = pytest.importorskip('safetensors.torch')
    path = tmp_path / 'model.safetensors'
    safetensors.save_file({'stem.weight': torch.arange(5000.0)}, path)
    assert_weights(read_checkpoint(path), {'stem.weight': torch.arange(5000.0)})
    path.write_bytes(path.read_bytes()[:10_000])
    with pytest.raises(CheckpointError, match='truncated'):
        read_checkpoint(path)


def test_a_url_is_downloaded_once_and_its_code_not_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    torch.save({'state_dict': WEIGHTS, 'args': TrainingConfig()}, tmp_path / 'a.pth')
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_port}/a.pth'
        assert_weights(read_checkpoint(url))
        with pytest.raises(CheckpointError, match='Cannot download .*b.pth.*by hand'):
            read_checkpoint(url.replace('a.pth', 'b.pth'))
        server.shutdown()
    assert_weights(read_checkpoint(url))
    assert 'code of the checkpoint ran' not in capsys.readouterr().out


@pytest.mark.parametrize('is_zip', [True, False])
@pytest.mark.parametrize('is_parameter', [True, False])
def test_tensors_with_attributes_are_read(is_parameter, is_zip, tmp_path):
    weight = torch.ones(2)
    if is_parameter:
        weight = torch.nn.Parameter(weight)
    weight.no_weight_decay = True
    file = tmp_path / 'a.pth'
    torch.save(
        dict(model=dict(weight=weight), args=SimpleNamespace(decay=Decimal('0.1'))),
        file,
        _use_new_zipfile_serialization=is_zip,
    )
    assert read_checkpoint(file)['weight'].tolist() == [1, 1]


def test_an_attribute_does_not_replace_a_method_of_a_tensor(tmp_path):
    weight = torch.nn.Parameter(torch.ones(2))
    weight.__dict__['numel'] = 'text'
    torch.save(dict(model=dict(weight=weight)), tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='methods are replaced'):
        read_checkpoint(tmp_path / 'a.pth')
