"""mmengine reads every checkpoint through the reader of this package."""

import functools
import sys
import types
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader, load_checkpoint
from mmengine.runner import checkpoint as mmengine_checkpoint

from mmgroupmix.checkpoints import CheckpointError

from .hostile_files import calls, place, save_legacy, save_zip
from .published_files import TrainingConfig
from .small_run import GOOD, Linear, build_runner


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv('MMENGINE_HOME', str(tmp_path / 'home'))
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    monkeypatch.setenv('no_proxy', '127.0.0.1')


@pytest.fixture
def serve(tmp_path):
    """A function that gives a URL of a file in the folder of the test."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield lambda file: f'http://127.0.0.1:{server.server_port}/{file.name}'
        server.shutdown()


def by_init_cfg(file, **_):
    model = Linear(init_cfg=dict(type='Pretrained', checkpoint=str(file)))
    model.init_weights()
    return model


def by_init_cfg_with_prefix(file, **_):
    model = BaseModule(dict(type='Pretrained', checkpoint=str(file), prefix='linear'))
    model.register_parameter('weight', torch.nn.Parameter(torch.zeros(1, 2)))
    model.init_weights()
    return types.SimpleNamespace(linear=model)


def by_load_checkpoint(file, **_):
    model = Linear()
    load_checkpoint(model, str(file), map_location='cpu')
    return model


def by_load_from(file, tmp_path, **_):
    runner = build_runner(tmp_path, load_from=str(file))
    runner.load_or_resume()
    return runner.model


def by_url(file, serve, **_):
    return by_load_checkpoint(serve(file))


def by_openmmlab(file, tmp_path, monkeypatch, **_):
    (tmp_path / 'home').mkdir(exist_ok=True)
    monkeypatch.setattr(
        mmengine_checkpoint, 'get_external_models', lambda: {'x': '../file.pth'}
    )
    return by_load_checkpoint('openmmlab://x')


def by_torchvision(file, serve, monkeypatch, **_):
    table = {'x': serve(file)}
    monkeypatch.setattr(mmengine_checkpoint, 'get_torchvision_models', lambda: table)
    return by_load_checkpoint('torchvision://x')


def by_mmcls(file, serve, monkeypatch, **_):
    table = {'x': serve(file)}
    monkeypatch.setattr(mmengine_checkpoint, 'get_mmcls_models', lambda: table)
    content = CheckpointLoader.load_checkpoint('mmcls://x')
    assert set(content) == {'state_dict'}
    return by_load_checkpoint(file)


def by_ceph(file, monkeypatch, **_):
    backend = types.SimpleNamespace(get=lambda name: file.read_bytes())
    monkeypatch.setattr(mmengine_checkpoint, 'get_file_backend', lambda *_, **__: backend)
    return by_load_checkpoint('s3://bucket/file.pth')


def by_pavi(file, monkeypatch, **_):
    model = types.SimpleNamespace(
        name='a.pth',
        download=lambda path: open(path, 'wb').write(file.read_bytes()),  # noqa: SIM115
    )
    cloud = types.SimpleNamespace(get=lambda path: model)
    monkeypatch.setitem(sys.modules, 'pavi', types.SimpleNamespace(modelcloud=cloud))
    return by_load_checkpoint('pavi://x')


def by_load_url(file, serve, **_):
    model = Linear()
    model.load_state_dict(mmengine_checkpoint.load_url(serve(file))['state_dict'])
    return model


WAYS = {
    function.__name__: function
    for function in (
        by_init_cfg,
        by_init_cfg_with_prefix,
        by_load_checkpoint,
        by_load_from,
        by_url,
        by_openmmlab,
        by_torchvision,
        by_mmcls,
        by_ceph,
        by_pavi,
        by_load_url,
    )
}


@pytest.mark.parametrize('way', WAYS)
def test_every_way_loads_weights(way, file, serve, tmp_path, monkeypatch):
    torch.save(dict(state_dict=GOOD, meta={}), file)
    model = WAYS[way](file=file, serve=serve, tmp_path=tmp_path, monkeypatch=monkeypatch)
    assert model.linear.weight.tolist() == [[3, 4]]


@pytest.mark.parametrize('way', WAYS)
def test_no_way_runs_a_payload(way, file, serve, tmp_path, monkeypatch, marker):
    for save, where in ((save_zip, 'state_dict'), (save_legacy, 'optimizer')):
        save(place(calls(marker)['posix.system'], where), file)
        with pytest.raises(CheckpointError, match='it calls posix.system') as error:
            WAYS[way](file=file, serve=serve, tmp_path=tmp_path, monkeypatch=monkeypatch)
        assert '\n' not in str(error.value)


@pytest.mark.parametrize('way', ['by_init_cfg', 'by_load_from'])
def test_safetensors_are_loaded(way, tmp_path, monkeypatch):
    from safetensors.torch import save_file

    save_file(dict(GOOD), tmp_path / 'a.safetensors')
    model = WAYS[way](file=tmp_path / 'a.safetensors', tmp_path=tmp_path)
    assert model.linear.weight.tolist() == [[3, 4]]


def test_the_location_is_respected(file):
    torch.save(dict(state_dict=GOOD), file)
    content = CheckpointLoader.load_checkpoint(str(file), map_location='meta')
    assert content['state_dict']['linear.bias'].device.type == 'meta'


def test_objects_of_other_classes_are_left_out(file):
    config = TrainingConfig()
    torch.save(dict(state_dict=GOOD, meta=dict(args=config, cfg=ConfigDict(a=1))), file)
    content = CheckpointLoader.load_checkpoint(str(file))
    assert content['meta'] == dict(cfg=dict(a=1))


@pytest.mark.parametrize('content', [[1, 2], {1: torch.ones(1)}, TrainingConfig()])
def test_a_file_without_named_weights_is_refused(content, file):
    torch.save(content, file)
    with pytest.raises(CheckpointError, match='does not hold the weights'):
        CheckpointLoader.load_checkpoint(str(file))
