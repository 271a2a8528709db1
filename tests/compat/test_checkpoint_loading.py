"""mmengine's checkpoints load with weights_only=True, and other objects do not."""

import pickle
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner

from mmgroupmix.compat.checkpoint_loading import allow_mmengine_checkpoints

pytestmark = pytest.mark.skipif(
    not hasattr(torch.serialization, 'add_safe_globals'),
    reason='this torch has no declarations of safe classes',
)


def test_a_new_process_reads_the_history_that_another_one_saved(tmp_path, run_python):
    history = HistoryBuffer()
    history.update(3.0)
    file = tmp_path / 'checkpoint.pth'
    torch.save(dict(message_hub=dict(loss=history)), file)
    process = run_python(f"""
import mmgroupmix, torch
content = torch.load({str(file)!r}, weights_only=True)
print('current', content['message_hub']['loss'].current())
""")
    assert 'current 3.0' in process.stdout


class LinearModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)

    def forward(self, x, mode='tensor'):
        y = self.linear(x)
        return dict(loss=y.square().mean()) if mode == 'loss' else y


@pytest.fixture(autouse=True)
def declare_safe_classes():
    # mmengine's own loader withdraws its declarations, and with them ours.
    allow_mmengine_checkpoints()


def load(file):
    return torch.load(file, map_location='cpu', weights_only=True)


def save(tmp_path, content):
    torch.save(content, tmp_path / 'checkpoint.pth')
    return tmp_path / 'checkpoint.pth'


@pytest.mark.smoke
def test_a_run_is_saved_loaded_and_resumed(tmp_path):
    data = [dict(x=torch.rand(2)) for _ in range(2)]

    def train(epochs, resume):
        runner = Runner(
            LinearModel(),
            str(tmp_path),
            log_level='ERROR',
            resume=resume,
            experiment_name=f'until_{epochs}',
            train_dataloader=dict(
                dataset=data,
                batch_size=1,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                collate_fn=dict(type='default_collate'),
            ),
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.1)),
            param_scheduler=dict(type='CosineAnnealingLR', T_max=4),
        )
        runner.train()
        return runner

    train(1, resume=False)
    checkpoint = load(tmp_path / 'epoch_1.pth')
    losses = checkpoint['message_hub']['log_scalars']['train/loss']
    assert isinstance(losses, HistoryBuffer)
    assert len(losses.data[0]) == 2

    runner = train(2, resume=True)
    assert runner.iter == 4
    assert len(runner.message_hub.get_scalar('train/loss').data[0]) == 4


@pytest.mark.smoke
def test_a_file_does_not_change_the_statistics_of_all_buffers():
    own = HistoryBuffer([1.0, 2.0, 6.0], [1, 1, 1])
    other = HistoryBuffer()
    state = own.__getstate__()
    state['statistics_methods'] = dict(mean=HistoryBuffer.max, added=len)
    other.__setstate__(state)
    assert other.statistics('mean') == own.statistics('mean') == 3
    assert 'added' not in HistoryBuffer()._statistics_methods


def test_a_history_buffer_keeps_its_values_and_statistics(tmp_path):
    buffer = HistoryBuffer([1.0, 2.0, 6.0], [1, 1, 1])
    loaded = load(save(tmp_path, dict(loss=buffer)))['loss']
    assert loaded.data[0].tolist() == [1, 2, 6]
    assert loaded.statistics('mean') == 3


@pytest.mark.parametrize(
    'dtype', ['bool', 'int32', 'int64', 'uint8', 'float32', 'float64']
)
def test_numpy_scalars_and_arrays_load(dtype, tmp_path):
    scalar, array = np.dtype(dtype).type(1), np.ones((2, 3), dtype=dtype)
    loaded = load(save(tmp_path, [scalar, array]))
    assert loaded[0] == scalar and loaded[0].dtype == dtype
    np.testing.assert_array_equal(loaded[1], array)
    assert loaded[1].dtype == dtype


def test_arrays_saved_by_the_other_major_version_of_numpy_load(tmp_path):
    here, there = b'cnumpy.core.multiarray', b'cnumpy._core.multiarray'
    if np.lib.NumpyVersion(np.__version__) >= '2.0.0':
        here, there = there, here
    file, renamed = save(tmp_path, [np.arange(3.0), np.float64(7)]), tmp_path / 'new'
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(renamed, 'w') as target:
        for entry in source.namelist():
            content = source.read(entry)
            if entry.endswith('data.pkl'):
                assert here in content
                content = content.replace(here, there)
            target.writestr(entry, content)
    array, scalar = load(renamed)
    assert array.tolist() == [0, 1, 2]
    assert scalar == 7


class Arbitrary:
    pass


class Reaching:
    """Pickles as getattr(owner, name)."""

    def __init__(self, owner, name):
        self.call = (getattr, (owner, name))

    def __reduce__(self):
        return self.call


@pytest.mark.smoke
def test_other_classes_are_still_refused(tmp_path):
    with pytest.raises(pickle.UnpicklingError, match='Arbitrary'):
        load(save(tmp_path, dict(state_dict={}, meta=Arbitrary())))


def test_functions_are_still_refused(tmp_path):

    class Calling:
        def __reduce__(self):
            return eval, ('1 + 1',)

    with pytest.raises(pickle.UnpicklingError, match='eval'):
        load(save(tmp_path, Calling()))


@pytest.mark.parametrize(
    'owner, name',
    [
        (HistoryBuffer, '__init__'),
        (HistoryBuffer, '__subclasses__'),
        (np.ndarray, 'tofile'),
        (torch.Tensor, 'mean'),
    ],
)
def test_getattr_reaches_only_the_statistics(owner, name, tmp_path):
    file = save(tmp_path, Reaching(owner, name))
    with pytest.raises(pickle.UnpicklingError, match='only to the statistics'):
        load(file)


def test_declaring_twice_has_no_further_effect():
    before = set(torch.serialization.get_safe_globals())
    allow_mmengine_checkpoints()
    assert set(torch.serialization.get_safe_globals()) == before
