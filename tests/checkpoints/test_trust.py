"""Files that are refused are opened only for who trusts them, and says so."""

import pytest
import torch
from mmengine.runner import CheckpointLoader

from mmgroupmix import trust_checkpoints
from mmgroupmix.checkpoints import CheckpointError

from .hostile_files import Calling, calls, place
from .published_files import TrainingConfig
from .small_run import GOOD, load, resume

pytestmark = pytest.mark.smoke


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
    assert load(file).linear.bias == 5
    torch.save(place(calls(marker)['posix.system'], 'meta'), file)
    with pytest.raises(CheckpointError, match='posix.system'):
        load(file)
