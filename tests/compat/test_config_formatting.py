"""A config is formatted once for all checkpoints of a run."""

import pytest
from mmengine.config import Config, config
from yapf.yapflib import yapf_api

from mmgroupmix.compat.config_formatting import format_once


@pytest.mark.smoke
def test_an_unchanged_config_is_formatted_once_and_a_changed_one_again(monkeypatch):
    calls = []
    original = getattr(yapf_api.FormatCode, '__wrapped__', yapf_api.FormatCode)

    def counted(text, **options):
        calls.append(text)
        return original(text, **options)

    monkeypatch.setattr(yapf_api, 'FormatCode', original)
    cfg = Config(dict(a=1, b=dict(type='B')))
    plain = cfg.pretty_text
    monkeypatch.setattr(yapf_api, 'FormatCode', counted)
    format_once()
    assert [cfg.pretty_text for _ in range(3)] == [plain] * 3
    assert len(calls) == 1
    cfg.a = 2
    assert 'a = 2' in cfg.pretty_text
    assert len(calls) == 2
    format_once()  # a second call has no further effect
    assert 'a = 2' in cfg.pretty_text and len(calls) == 2
    cfg.a = 1  # only the last text is kept
    assert cfg.pretty_text == plain and len(calls) == 3


@pytest.mark.smoke
@pytest.mark.parametrize('end', [KeyboardInterrupt(), SystemExit(75)])
def test_a_signal_while_a_config_is_formatted_ends_the_program(monkeypatch, end):
    def interrupted(text, **options):
        raise end

    monkeypatch.setattr(yapf_api, 'FormatCode', interrupted)
    monkeypatch.setattr(config, 'FormatCode', interrupted, raising=False)
    format_once()
    with pytest.raises(type(end)) as raised:
        Config(dict(a=3)).pretty_text  # noqa: B018
    assert raised.value is end
