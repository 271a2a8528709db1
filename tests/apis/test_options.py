"""Options of the commands act on the config that the runner gets."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from mmgroupmix.apis import inferencer, test, train
from mmgroupmix.apis.config import preflight
from mmgroupmix.apis.tasks import infer_task
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke

CONFIG = """
model = dict(type='ImageClassifier', head=dict(type='LinearClsHead', num_classes=2))
train_cfg = dict(max_epochs=7)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
auto_scale_lr = dict(enable=False, base_batch_size=256)
test_dataloader = dict(dataset=dict(type='CustomDataset', pipeline=[dict(type='Pack')]))
test_evaluator = dict(type='Accuracy')
"""


CHECKPOINT = dict(
    state_dict={},
    message_hub=dict(log_scalars={}, runtime_info={}, resumed_keys={}),
    meta=dict(iter=5, epoch=0, seed=7),
)


class Stopped(Exception):
    """Raised where the runner would be built."""


@pytest.fixture
def config_of(tmp_path, monkeypatch):
    """Run a command in an empty folder up to the runner; return the runner's config."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'config.py').write_text(CONFIG)
    for name in ('old.pth', 'iter_5.pth'):
        torch.save(CHECKPOINT, tmp_path / name)
    configs = []

    def stop(cfg):
        configs.append(cfg)
        raise Stopped

    def run(command, *arguments):
        monkeypatch.setattr(command, 'build_runner', stop)
        monkeypatch.setattr(command, 'check_run', lambda *_: [])  # there are no data
        with pytest.raises(Stopped):
            command.main(['config.py', *arguments])
        return configs.pop()

    return run


@pytest.mark.parametrize(
    'settings, arguments, expected',
    [
        ('', [], (None, None)),
        # There is nothing to resume in the work directory.
        ('', ['--resume'], (False, None)),
        ('', ['--resume', 'old.pth'], (True, 'old.pth')),
        ('load_from = "old.pth"', [], (None, 'old.pth')),
        ('load_from = "old.pth"', ['--resume'], (False, 'old.pth')),
        ('resume, load_from = True, "old.pth"', [], (True, 'old.pth')),
        ('resume, load_from = True, "old.pth"', ['--resume', 'iter_5.pth'],
         (True, 'iter_5.pth')),
    ],
)  # fmt: skip
def test_resume_sets_what_the_runner_resumes_from(
    settings, arguments, expected, config_of, tmp_path
):
    (tmp_path / 'config.py').write_text(CONFIG + settings)
    cfg = config_of(train, *arguments)
    assert (cfg.get('resume'), cfg.get('load_from')) == expected


@pytest.mark.parametrize(
    'settings, arguments',
    [
        ('', ['--resume', 'absent.pth']),
        ('load_from = "absent.pth"', []),
        ('resume, load_from = True, "absent.pth"', []),
    ],
)
def test_a_checkpoint_that_does_not_exist_is_refused(
    settings, arguments, config_of, tmp_path, capsys
):
    (tmp_path / 'config.py').write_text(CONFIG + settings)
    assert train.main(['config.py', *arguments]) == 2
    assert 'checkpoint not found: absent.pth' in capsys.readouterr().err


def test_a_resumed_run_keeps_the_checkpoints_of_its_work_directory(config_of, tmp_path):
    (tmp_path / 'run').mkdir()
    kept = tmp_path / 'run' / 'iter_5.pth'
    torch.save(CHECKPOINT, kept)
    before = kept.read_bytes()
    (tmp_path / 'config.py').write_text(CONFIG + 'load_from = "old.pth"')
    for arguments in (['--resume'], ['--resume', 'run/iter_5.pth']):
        cfg = config_of(train, '--work-dir', 'run', *arguments)
        # The latest checkpoint, and not the one to load.
        assert (cfg.resume, cfg.load_from) == (True, 'run/iter_5.pth')
        assert cfg.randomness.seed == 7
    assert kept.read_bytes() == before
    assert train.main(['config.py', '--work-dir', 'run']) == 2


def test_amp_trains_in_mixed_precision_where_there_is_a_device(config_of, monkeypatch):
    monkeypatch.setattr(preflight, 'get_device', lambda: 'cuda')
    wrapper = config_of(train, '--amp').optim_wrapper
    assert (wrapper.type, wrapper.loss_scale) == ('AmpOptimWrapper', 'dynamic')
    assert config_of(train).optim_wrapper.type == 'OptimWrapper'


def test_amp_without_a_device_is_refused(config_of, monkeypatch, capsys):
    monkeypatch.setattr(preflight, 'get_device', lambda: 'cpu')
    assert train.main(['config.py', '--amp']) == 2
    assert 'mixed precision' in capsys.readouterr().err


def test_auto_scale_lr_enables_the_runners_scaling(config_of, tmp_path, capsys):
    assert config_of(train, '--auto-scale-lr').auto_scale_lr.enable is True
    assert config_of(train).auto_scale_lr.enable is False
    (tmp_path / 'config.py').write_text(CONFIG.replace(', base_batch_size=256', ''))
    assert train.main(['config.py', '--auto-scale-lr']) == 2
    assert 'base_batch_size=16' in capsys.readouterr().err


def test_settings_of_the_command_line_replace_those_of_the_config(config_of):
    cfg = config_of(train, '--cfg-options', 'train_cfg.max_epochs=2', 'launcher=mpi')
    assert cfg.train_cfg.max_epochs == 2
    assert cfg.launcher == 'none'  # --launcher determines it


def test_every_training_gets_the_hooks_of_the_package_once(config_of, tmp_path):
    hooks = 'custom_hooks = [dict(type="mmgroupmix.CurveHook"), dict(type="EMAHook")]'
    (tmp_path / 'config.py').write_text(CONFIG + hooks)
    types = [hook['type'] for hook in config_of(train).custom_hooks]
    assert types == [
        'mmgroupmix.CurveHook',
        'EMAHook',
        'mmgroupmix.ClassNumCheckHook',
        'mmgroupmix.InvalidLossHook',
        'mmgroupmix.LoadedWeightsHook',
        'mmgroupmix.RandomStateHook',
        'mmgroupmix.ScheduleHook',
    ]


def test_a_test_loads_the_checkpoint_and_flips_with_tta(config_of, tmp_path):
    cfg = config_of(test, 'old.pth')
    assert (cfg.load_from, cfg.resume) == ('old.pth', False)
    assert cfg.model.type == 'ImageClassifier'
    cfg = config_of(test, 'old.pth', '--tta')
    assert cfg.model.type == 'mmpretrain.AverageClsScoreTTA'
    assert cfg.model.module.type == 'ImageClassifier'
    augmentation = cfg.test_dataloader.dataset.pipeline[-1]
    assert augmentation['type'] == 'TestTimeAug'
    assert {flip['prob'] for flip in augmentation['transforms'][0]} == {0.0, 1.0}


def test_drawings_of_augmented_predictions_are_refused_for_classification(
    config_of, capsys, monkeypatch
):
    monkeypatch.setattr(test, 'check_run', lambda *_: [])
    arguments = ['config.py', 'old.pth', '--tta', '--show-dir', 'drawn']
    assert test.main(arguments) == 2
    assert '--show-dir with --tta' in capsys.readouterr().err


def test_a_file_is_restored_after_a_runner_has_overwritten_it(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text('of the training')
    with test.preserve_file(path):
        path.write_text('of the test')
    assert path.read_text() == 'of the training'
    with test.preserve_file(tmp_path / 'absent.py'):
        pass
    assert not (tmp_path / 'absent.py').exists()


def test_an_inferencer_reads_its_checkpoint_once(tmp_path, monkeypatch):
    model = torch.nn.Linear(2, 1)
    checkpoint = dict(state_dict=model.state_dict(), meta=dict(classes=('a', 'b')))
    path = tmp_path / 'model.pth'
    torch.save(checkpoint, path)
    reads, loaded = [], []
    load = torch.load

    def count(*arguments, **options):
        reads.append(arguments[0])
        return load(*arguments, **options)

    class Inferencer:
        pipeline = None

        def __init__(self, weights):
            self.model = torch.nn.Linear(2, 1)
            loaded.append(CheckpointLoader.load_checkpoint(weights, map_location='cpu'))

    class Task:
        visualizer, toolbox = 'Visualizer', 'mmpretrain'
        check_inference = staticmethod(lambda: None)
        num_outputs = staticmethod(lambda model: None)

        @staticmethod
        def build_inferencer(cfg, weights, device):
            return Inferencer(weights)

    monkeypatch.setattr(torch, 'load', count)
    monkeypatch.setattr(inferencer, 'infer_task', lambda cfg: Task)
    config = tmp_path / 'config.py'
    config.write_text(CONFIG)
    _, built = inferencer.build_inferencer(config, path, 'cpu')
    assert reads == [path]
    torch.testing.assert_close(built.model.weight, model.weight, rtol=0, atol=0)
    # The toolbox's inferencer saw the weights and what stands beside them.
    assert loaded[0]['meta']['classes'] == ('a', 'b')
    assert loaded[0]['state_dict'].keys() == checkpoint['state_dict'].keys()

    torch.save(dict(state_dict=dict(weight=model.weight)), path)
    with pytest.raises(UserError, match='1 of 2 tensors of the model; missing: bias'):
        inferencer.build_inferencer(config, path, 'cpu')


def test_a_config_without_a_model_or_a_pipeline_to_infer_with_is_refused(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text("model = dict(type='ImageClassifier')")
    torch.save(dict(state_dict=torch.nn.Linear(1, 1).state_dict()), tmp_path / 'a.pth')
    with pytest.raises(UserError, match='no test_dataloader'):
        inferencer.build_inferencer(config, tmp_path / 'a.pth', 'cpu')
    with pytest.raises(UserError, match='has no `model`'):
        infer_task(Config({}))


@pytest.mark.parametrize(
    'settings, expected',
    [
        ('', 'mmgroupmix.ResumableEpochBasedTrainLoop'),
        ('train_cfg = dict(type="IterBasedTrainLoop", max_iters=3)',
         'mmgroupmix.ResumableIterBasedTrainLoop'),
        ('train_cfg = dict(by_epoch=False, max_iters=3)',
         'mmgroupmix.ResumableIterBasedTrainLoop'),
        ('train_cfg = dict(type="MyLoop", max_iters=3)', 'MyLoop'),
    ],
)  # fmt: skip
def test_training_loops_are_those_that_resume_bit_by_bit(
    settings, expected, config_of, tmp_path
):
    by_epoch = CONFIG.replace('max_epochs', 'by_epoch=True, max_epochs')
    (tmp_path / 'config.py').write_text(f'{by_epoch}\n{settings}')
    cfg = config_of(train)
    assert cfg.train_cfg.type == expected
    assert 'by_epoch' not in cfg.train_cfg
    assert cfg.default_hooks.checkpoint.type == 'mmgroupmix.DurableCheckpointHook'


def test_a_checkpoint_hook_of_the_user_stays(config_of, tmp_path):
    hooks = 'default_hooks = dict(checkpoint=dict(type="MyCheckpointHook"))'
    (tmp_path / 'config.py').write_text(CONFIG + hooks)
    assert config_of(train).default_hooks.checkpoint.type == 'MyCheckpointHook'


def test_the_seed_is_said_and_kept_in_the_config(config_of, capsys):
    seed = config_of(train).randomness.seed
    assert f'seed {seed}\n' in capsys.readouterr().out
    assert config_of(train, '--cfg-options', 'randomness.seed=3').randomness.seed == 3
    assert config_of(train).randomness.seed != seed


def test_the_newest_whole_checkpoint_is_resumed_and_others_are_named(
    config_of, tmp_path, capsys
):
    run = tmp_path / 'run'
    run.mkdir()
    for name in ('iter_4.pth', 'iter_5.pth', 'iter_9.pth'):
        torch.save(CHECKPOINT, run / name)
    torch.save(dict(weight=torch.ones(2)), run / 'iter_10.pth')
    content = (run / 'iter_9.pth').read_bytes()
    place = content.index(b'state_dict')
    damaged = content[:place] + b'X' + content[place + 1 :]
    (run / 'iter_9.pth').write_bytes(damaged)
    (run / 'iter_11.pth').write_bytes(content[:-30])
    assert config_of(train, '--work-dir', 'run', '--resume').load_from == 'run/iter_5.pth'
    output = capsys.readouterr().out
    assert 'removed run/iter_11.pth' in output
    assert 'skipped a checkpoint: Cannot resume from run/iter_10.pth' in output
    assert 'skipped a checkpoint: Cannot read run/iter_9.pth' in output
    assert 'CRC-32' in output
    for name in ('iter_4.pth', 'iter_5.pth'):
        (run / name).write_bytes(damaged)
    assert train.main(['config.py', '--work-dir', 'run', '--resume']) == 2
    assert 'none of the 4 checkpoints in run can be resumed' in capsys.readouterr().err
    assert len(list(run.glob('*.pth'))) == 4
