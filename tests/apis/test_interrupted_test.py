"""A signal ends tools/test.py between two images, with the status of the signal."""

import os
import signal
from types import SimpleNamespace

import pytest

from mmgroupmix.apis import test
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke


@pytest.fixture(autouse=True)
def handlers():
    """The usual handlers; a shell lets its background jobs ignore SIGINT."""
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize('number, status', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_status_is_that_of_the_signal(monkeypatch, number, status, capsys):
    monkeypatch.setattr(test, 'test', lambda args: os.kill(os.getpid(), number))
    try:
        code = test.main(['config.py', 'a.pth'])
    except SystemExit as end:
        code = end.code
    assert code == status
    assert 'Traceback' not in capsys.readouterr().err


@pytest.mark.parametrize('times', [1, 2])
def test_a_signal_acts_when_the_files_of_an_image_are_complete(times):
    hook, done = test.WholeFilesHook(), []
    with pytest.raises(KeyboardInterrupt), hook.stack:
        for image in range(3):
            hook.before_test_iter(None)
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
            done.append(image)
            hook.after_test_iter(None)
    assert done == [0]


def test_an_error_within_an_image_lets_signals_act_again():
    hook = test.WholeFilesHook()
    with pytest.raises(ZeroDivisionError), hook.stack:
        hook.before_test_iter(None)
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    'end, raised',
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (SystemExit(143), SystemExit),
        (OSError(28, 'No space left'), UserError),
        (OSError(2, 'No such file'), OSError),
    ],
)
def test_half_a_file_of_predictions_is_removed(tmp_path, end, raised):
    path = tmp_path / 'a.pkl'
    with (
        pytest.raises(raised),
        test.remove_incomplete(SimpleNamespace(out=str(path))),
    ):
        path.write_bytes(b'half')
        raise end
    assert not path.exists()
