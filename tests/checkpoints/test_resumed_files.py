"""Resuming and inference run nothing of a file, and say what it lacks."""

import re

import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmgroupmix.checkpoints import CheckpointError

from .published_files import TrainingConfig
from .small_run import GOOD, build_runner, resume

pytestmark = pytest.mark.smoke


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


@pytest.mark.parametrize('is_absolute', [True, False])
def test_a_toolbox_resumes_what_stands_in_the_work_directory(
    tmp_path, saved, is_absolute
):
    torch.save(saved(), tmp_path / 'a.pth')
    runner = build_runner(tmp_path, resume=True)
    note = str(tmp_path / 'a.pth') if is_absolute else '../a.pth'
    (tmp_path / 'run' / 'last_checkpoint').write_text(note)
    runner.train()
    assert runner.iter == 2
    assert runner._has_loaded


def test_a_state_of_another_optimizer_is_refused_by_every_runner(file, tmp_path, saved):
    content = saved()
    momentum = {'momentum_buffer': torch.ones(3, 3)}
    content['optimizer']['state'] = {0: momentum, 1: {}}
    expected = r'Cannot resume from .*file.pth: its optimizer keeps momentum_buffer'
    with pytest.raises(CheckpointError, match=expected) as error:
        resume(file, tmp_path, content)
    assert '\n' not in str(error.value)
