"""mmengine reads every checkpoint through the reader of this package."""

import functools
import re
import sys
import types
from collections import OrderedDict
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel, BaseModule
from mmengine.runner import CheckpointLoader, Runner, load_checkpoint
from mmengine.runner import checkpoint as mmengine_checkpoint

from mmgroupmix import trust_checkpoints
from mmgroupmix.checkpoints import CheckpointError

from .hostile_files import Calling, calls, place, save_legacy, save_zip
from .published_files import TrainingConfig

pytestmark = pytest.mark.smoke


class Linear(BaseModel):
    def __init__(self, init_cfg=None):
        super().__init__(init_cfg=init_cfg)
        self.linear = torch.nn.Linear(2, 1)

    def forward(self, x, mode='tensor'):
        y = self.linear(x)
        return dict(loss=y.square().mean()) if mode == 'loss' else y


GOOD = OrderedDict(
    {'linear.weight': torch.tensor([[3.0, 4.0]]), 'linear.bias': torch.tensor([5.0])}
)


@pytest.fixture
def marker(tmp_path):
    path = tmp_path / 'the_payload_ran'
    yield path
    assert not path.exists()


@pytest.fixture
def file(tmp_path):
    return tmp_path / 'file.pth'


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


def build_runner(folder, **options):
    data = [dict(x=torch.rand(2)) for _ in range(2)]
    return Runner(
        Linear(),
        str(folder / 'run'),
        log_level='ERROR',
        experiment_name=f'{id(options)}',
        train_dataloader=dict(
            dataset=data,
            batch_size=1,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='default_collate'),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        param_scheduler=dict(type='ConstantLR', factor=1),
        **options,
    )


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


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    """The content of a checkpoint that a short run saved."""
    folder = tmp_path_factory.mktemp('saved')
    build_runner(folder).train()
    return lambda: torch.load(folder / 'run' / 'epoch_1.pth', weights_only=False)


def resume(file, tmp_path, content, **options):
    torch.save(content, file)
    runner = build_runner(tmp_path, resume=True, load_from=str(file), **options)
    runner.train()
    return runner


def test_a_run_is_resumed(file, tmp_path, saved):
    runner = resume(file, tmp_path, saved())
    assert runner.iter == 2
    assert isinstance(runner.message_hub.get_scalar('train/loss'), HistoryBuffer)


def test_resuming_runs_no_config_of_the_file(file, tmp_path, saved, marker):
    content = saved()
    content['meta']['config'] = f'open({str(marker)!r}, "w")'
    assert resume(file, tmp_path, content).iter == 2


@pytest.mark.parametrize(
    'key, place_name',
    [
        ('message_hub', 'message_hub.runtime_info.x'),
        ('optimizer', 'optimizer.param_groups.0.x'),
        ('param_schedulers', 'param_schedulers.0.x'),
    ],
)
def test_a_state_that_was_not_loaded_entirely_is_not_resumed(
    key, place_name, file, tmp_path, saved
):
    content = saved()
    inner = content
    for part in place_name.split('.')[:-1]:
        inner = inner[int(part) if part.isdigit() else part]
    inner['x'] = TrainingConfig()
    expected = f'Cannot resume .*{re.escape(place_name)} .*TrainingConfig.*load_from'
    with pytest.raises(CheckpointError, match=expected) as error:
        resume(file, tmp_path, content)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('content', [dict(GOOD), dict(state_dict=GOOD, meta={})])
def test_weights_alone_are_not_resumed(content, file, tmp_path):
    with pytest.raises(CheckpointError, match='the state of a training.*load_from'):
        resume(file, tmp_path, content)


def test_an_inferencer_runs_no_config_of_the_file(file, marker):
    from mmengine.infer import BaseInferencer

    code = f'open({str(marker)!r}, "w")'
    content = dict(
        state_dict=GOOD,
        meta=dict(cfg=code),
        message_hub=dict(runtime_info=dict(cfg=code)),
    )
    torch.save(content, file)
    with pytest.raises(CheckpointError, match='Give a config file as model=') as error:
        BaseInferencer._init_model(None, {}, str(file))
    assert '\n' not in str(error.value)


def test_a_trusted_file_runs_its_code_and_is_named(file, tmp_path, capsys):
    ran = tmp_path / 'ran'
    torch.save(dict(state_dict=GOOD, x=Calling(open, str(ran), 'w')), file)
    with trust_checkpoints():
        content = CheckpointLoader.load_checkpoint(str(file))
    content['x'].close()
    assert ran.exists()
    warnings = [line for line in capsys.readouterr().err.splitlines() if 'warn' in line]
    assert len(warnings) == 1 and str(file) in warnings[0]
    with pytest.raises(CheckpointError, match='io.open'):
        CheckpointLoader.load_checkpoint(str(file))


def test_a_file_that_needs_no_trust_is_read_without_a_warning(file, capsys):
    torch.save(dict(state_dict=GOOD), file)
    with trust_checkpoints():
        CheckpointLoader.load_checkpoint(str(file))
    assert not capsys.readouterr().err


def test_the_variable_of_pytorch_forbids_trust(monkeypatch):
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '1')
    expected = pytest.raises(CheckpointError, match='TORCH_FORCE_WEIGHTS_ONLY_LOAD')
    with expected, trust_checkpoints():
        pass


def test_files_are_read_with_the_variable_of_pytorch(
    file, tmp_path, saved, marker, monkeypatch
):
    content = saved()
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '1')
    assert resume(file, tmp_path, content).iter == 2
    torch.save(dict(state_dict=GOOD, args=TrainingConfig()), file)
    assert by_load_checkpoint(file).linear.bias == 5
    torch.save(place(calls(marker)['posix.system'], 'meta'), file)
    with pytest.raises(CheckpointError, match='posix.system'):
        by_load_checkpoint(file)
