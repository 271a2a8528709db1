"""The config that --data writes: read back, it is what was meant; edits are not lost."""

import pytest
from mmengine.config import Config

from mmgroupmix.apis.own_data.prepare import find_original
from mmgroupmix.apis.own_data.write_config import Differences, find_differences
from mmgroupmix.errors import UserError

from ...commands import REPOSITORY
from .folders import list_contents, write_class_folders, write_coco
from .preparing import CLASSIFIER, DETECTOR, prepare

pytestmark = pytest.mark.smoke

BASE = """
lists = [dict(a=1), dict(b=2)]
model = dict(type='A', head=dict(n=80, names=('x',)), heads=[dict(n=80), dict(n=80)])
other = dict(one=1, two=dict(three=3))
nothing = None
number = 1
"""


@pytest.mark.parametrize(
    'change',
    [
        lambda c: c['model']['head'].update(n=3),
        lambda c: c['model']['heads'][1].update(n=3),
        lambda c: c['model'].update(head=dict(type='B', text='it\'s\\n "quoted" ü')),
        lambda c: c['other'].update(two=None),
        lambda c: c.update(nothing=dict(a=[])),
        lambda c: c.update(new=dict(a=(1,), b=float('inf'), c={'no name': 1, 2: ()})),
        lambda c: c['other'].update(again=[dict(a=1), dict(b=2)]),
        lambda c: c.update(number=True, other={}),
        lambda c: c.update(new=['word' * 9] * 4, other=dict(one='x' * 100)),
    ],
)
def test_differences_read_back_are_the_config(change, tmp_path):
    (tmp_path / 'base.py').write_text(BASE)
    base = Config.fromfile(tmp_path / 'base.py').to_dict()
    config = Config.fromfile(tmp_path / 'base.py').to_dict()
    change(config)
    text = Differences({}, base, {'model.head.n': 'why'}).format(config)
    (tmp_path / 'own.py').write_text(f"_base_ = 'base.py'\n{text}", 'utf-8')
    assert Config.fromfile(tmp_path / 'own.py').to_dict() == config
    assert max(map(len, text.splitlines())) <= 120


def test_equal_configs_have_no_differences():
    assert find_differences(dict(a=dict(b=1)), dict(a=dict(b=1))) == {}


def test_a_reason_stands_above_its_setting():
    text = Differences({}, dict(a=dict(b=1)), {'a.b': 'since'}).format(dict(a=dict(b=2)))
    assert text == 'a = dict(\n    # since\n    b=2,\n)\n'


def test_the_written_config_needs_nothing_but_the_files_that_it_names(
    tmp_path, monkeypatch
):
    write_coco(tmp_path / 'data', tmp_path / 'data' / 'a.json')
    monkeypatch.chdir(tmp_path)
    # Relative paths, and a name with blanks and quotes.
    (tmp_path / 'data').rename(tmp_path / 'it\'s "mine"')
    prepare(DETECTOR, 'it\'s "mine"', 'run')
    (path,) = (tmp_path / 'run').glob('*.py')
    (tmp_path / 'elsewhere').mkdir()
    monkeypatch.chdir(tmp_path / 'elsewhere')
    cfg = Config.fromfile(path)
    dataset = cfg.train_dataloader.dataset
    assert dataset.data_root == f'{tmp_path}/it\'s "mine"/'
    assert dataset.ann_file == str(tmp_path / 'run' / 'own_data' / 'train.json')
    assert '# 80 classes -> 3: the class layer of bbox_head' in path.read_text()
    assert find_original(str(path)) == str(REPOSITORY / 'configs' / f'{DETECTOR}.py')


def test_an_edited_config_is_not_replaced_unless_asked(tmp_path):
    write_class_folders(tmp_path / 'data', ('cat', 'dog'))
    run = tmp_path / 'run'
    prepare(CLASSIFIER, tmp_path / 'data', run)
    (path,) = run.glob('*.py')
    text = path.read_text()
    write_class_folders(tmp_path / 'data', ('cat', 'dog', 'fox'))
    cfg, _ = prepare(CLASSIFIER, tmp_path / 'data', run)
    assert cfg.model.head.num_classes == 3
    path.write_text(f'{text}\n# mine\n')
    with pytest.raises(UserError, match='was edited'):
        prepare(CLASSIFIER, tmp_path / 'data', run)
    assert path.read_text().endswith('# mine\n')
    # A run that is resumed goes on with it.
    cfg, report = prepare(CLASSIFIER, tmp_path / 'data', run, keep=True)
    assert cfg.model.head.num_classes == 2
    assert 'resuming with' in report
    cfg, _ = prepare(CLASSIFIER, tmp_path / 'data', run, overwrite=True)
    assert cfg.model.head.num_classes == 3


def test_nothing_is_written_through_a_link(tmp_path):
    write_class_folders(tmp_path / 'data', ('cat', 'dog'))
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'own_data').symlink_to(tmp_path / 'data')
    with pytest.raises(UserError, match='is a link'):
        prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'run')


def test_a_work_directory_inside_the_data_is_not_part_of_them(tmp_path):
    write_class_folders(tmp_path, ('cat', 'dog'))
    for _ in range(2):
        cfg, _ = prepare(CLASSIFIER, tmp_path, tmp_path / 'run')
        assert cfg.model.head.num_classes == 2


@pytest.mark.parametrize('name, resumed', [('data', False), ('other', True)])
def test_the_split_of_a_run_that_can_be_resumed_is_not_replaced(name, resumed, tmp_path):
    run = tmp_path / 'run'
    write_class_folders(tmp_path / 'data', ('cat', 'dog'))
    prepare(CLASSIFIER, tmp_path / 'data', run)
    (run / 'epoch_1.pth').write_bytes(b'')
    before = list_contents(run)
    write_class_folders(tmp_path / name, ('cat', 'dog', 'fox'), num=9)
    with pytest.raises(UserError, match='holds a run'):
        prepare(CLASSIFIER, tmp_path / name, run, keep=resumed)
    assert list_contents(run) == before
    cfg, _ = prepare(CLASSIFIER, tmp_path / 'data', run, keep=True)
    assert cfg.model.head.num_classes == 2
    assert list_contents(run) == before
