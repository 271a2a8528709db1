"""The commands of the page on performance can be run."""

import re
import shlex

import pytest

from mmgroupmix.apis.benchmark import build_parser, find_entry

from .pages import find_code, read_page

BENCHMARK = 'python tools/benchmark.py '


def find_commands() -> list[list[str]]:
    """The options of every call of the benchmark, variables of the shell replaced."""
    commands, variables = [], {}
    for code in find_code(read_page('performance'), 'bash'):
        code = code.replace('\\\n', ' ')
        for name, value in re.findall(r'^(\w+)="([^"]*)"', code, re.MULTILINE):
            variables[name] = value
        for line in code.splitlines():
            for name, value in variables.items():
                line = line.replace(f'${name}', value)
            if line.startswith(BENCHMARK):
                commands.append(shlex.split(line.removeprefix(BENCHMARK)))
    return commands


@pytest.mark.parametrize('options', find_commands(), ids=' '.join)
def test_command_names_models_and_modes_that_exist(options):
    args = build_parser().parse_args(options)
    for model in args.models:
        assert '$' not in model
        find_entry(model, args.mode)


def test_page_has_commands_for_a_gpu():
    devices = [build_parser().parse_args(options).device for options in find_commands()]
    assert 'cuda' in devices
