"""The page on many GPUs: commands that exist, figures that follow from formulas."""

import re
from functools import cache

import pytest
import yaml

from mmgroupmix.apis import train
from mmgroupmix.model_index import read_models

from .pages import REPOSITORY, find_code, find_inline_code, find_tables, read_page

PAGE = read_page('clusters')
TABLES = {table[0][-1]: table[1:] for table in find_tables(PAGE)}
#: Images per epoch, or per iteration.
IMAGES = {'ImageNet-1k': 1281167, 'COCO': 117266, 'ADE20K': 16}
OPERATIONS_PER_SECOND = 312e12


@cache
def metadata():
    return {f'{model["Name"]}.py': model['Metadata'] for model in read_models()}


def name_of(cell):
    return cell.strip('`')


@pytest.mark.smoke
def test_every_script_and_option_of_the_page_exists():
    for path in re.findall(r'\btools/\w+\.(?:sh|py)', PAGE):
        assert (REPOSITORY / path).is_file(), path
    for path in re.findall(r'\bconfigs/\w+\.py', PAGE):
        assert (REPOSITORY / path).is_file(), path
    known = train._build_parser()._option_string_actions
    for code in find_inline_code(PAGE):
        for option in re.findall(r'^--[a-z-]+', code):
            elsewhere = ('--ipc', '--shm-size', '--plan')
            assert option in known or option in elsewhere, option


@pytest.mark.smoke
@pytest.mark.parametrize('row', TABLES['at 10 %'], ids=lambda row: name_of(row[0]))
def test_hours_follow_from_multiply_adds_and_images(row):
    model = metadata()[name_of(row[0])]
    length = model.get('Epochs') or model['Iterations']
    images = IMAGES[model['Training Data']] * length
    hours = 6 * model['FLOPs'] * images / OPERATIONS_PER_SECOND / 3600
    expected = [f'{images / 1e6:.1f}', f'{hours / 0.3:.0f}', f'{hours / 0.1:.0f}']
    assert row[1:] == expected


@pytest.mark.smoke
@pytest.mark.parametrize('row', TABLES['checkpoint (MB)'], ids=lambda row: row[0])
def test_memory_follows_from_the_number_of_parameters(row):
    number = metadata()[name_of(row[0])]['Parameters'] / 1e6
    numbers = [number * 16, number * 16 / 8, number * 12]
    assert row[1:] == [f'{number:.1f}', *(f'{n:.0f}' for n in numbers)]


def test_the_code_of_the_page_counts_what_its_table_says():
    (code,) = find_code(PAGE)
    definitions, _, _ = code.partition('\n\nprint(')
    names = {}
    exec(definitions, names)
    (row,) = (row for row in TABLES['with `--checkpoint-activations`'] if row[0] == '`m`')
    counted = [names['count_kept_mib']('m', 224, with_cp) for with_cp in (False, True)]
    # Kernels of other processors keep other things.
    assert counted == pytest.approx([float(cell) for cell in row[1:]], rel=0.1)


@pytest.mark.smoke
def test_the_job_of_the_page_can_save_before_it_is_killed():
    (text,) = find_code(PAGE, 'yaml')
    service, job = yaml.safe_load_all(text)
    spec = job['spec']['template']['spec']
    assert spec['restartPolicy'] == 'OnFailure'
    assert spec['subdomain'] == service['metadata']['name']
    # Longer than the script's torchrun waits for its processes.
    script = (REPOSITORY / 'tools' / '_distributed.sh').read_text()
    (seconds,) = re.findall(r'TORCH_ELASTIC_SHUTDOWN_TIMEOUT:-(\d+)', script)
    assert spec['terminationGracePeriodSeconds'] > int(seconds)
    (container,) = spec['containers']
    variables = {entry['name']: entry['value'] for entry in container['env']}
    assert variables['NNODES'] == str(job['spec']['completions'])
    (arguments,) = container['args']
    assert ' exec tools/dist_train.sh ' in arguments and '--resume' in arguments
