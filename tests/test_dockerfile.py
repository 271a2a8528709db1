"""The Dockerfile, read as text: it cannot be built where the tests run."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.smoke

REPOSITORY = Path(__file__).parents[1]
LINES = (REPOSITORY / 'Dockerfile').read_text().replace('\\\n', ' ').splitlines()
INSTRUCTIONS = [line.split(maxsplit=1) for line in LINES if re.match('[A-Z]+ ', line)]


def arguments_of(name):
    return [rest for instruction, rest in INSTRUCTIONS if instruction == name]


def test_the_image_has_the_python_of_the_pinned_versions():
    (image,) = arguments_of('FROM')
    (version,) = re.findall(r'^python:(\d+\.\d+)\.\d+-slim-\w+$', image)
    assert version in (REPOSITORY / 'requirements.txt').read_text()


def test_the_image_installs_the_pinned_versions_and_no_other():
    commands = [c for run in arguments_of('RUN') for c in run.split('&&')]
    installs = [command for command in commands if 'pip install' in command]
    assert len(installs) == 2
    assert all('--no-deps' in command for command in installs)
    (default,) = arguments_of('ARG')
    assert (REPOSITORY / default.partition('=')[2]).is_file()


def test_the_image_does_not_run_as_root():
    users = arguments_of('USER')
    assert users and users[-1] not in ('root', '0')


def test_commands_get_signals_without_a_shell_in_between():
    assert all(command.startswith('[') for command in arguments_of('CMD'))
    assert not arguments_of('ENTRYPOINT')


def test_data_results_and_environments_stay_out_of_the_image():
    ignored = (REPOSITORY / '.dockerignore').read_text().splitlines()
    assert {'.git', '.venv*', 'data', 'work_dirs', 'pretrained'} <= set(ignored)
    # What the image needs, and tests/data, which is not at the root, do not match.
    assert not {'tests', 'configs', 'tools', 'mmgroupmix', '*', '**/data'} & set(ignored)
