"""What a toolbox cannot build a data loader from, or would not read, is named."""

from types import SimpleNamespace

import pytest
from mmengine.runner import Runner
from PIL import Image

from mmgroupmix.apis.unreadable_files import report_unreadable_files
from mmgroupmix.errors import UserError


def build_loader(number, batch_size, preprocessor=None, drop_last=False, **dataset):
    """Build mmengine's data loader of a dataset of three images, and ours around it."""
    loader = dict(
        num_batch_per_epoch=number,
        batch_size=batch_size,
        drop_last=drop_last,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='mmpretrain.CustomDataset', **dataset),
    )
    runner = SimpleNamespace(
        build_dataloader=Runner.build_dataloader,
        _train_dataloader=loader,
        model=SimpleNamespace(data_preprocessor=preprocessor),
    )
    report_unreadable_files(runner)
    return runner.build_dataloader(loader)


@pytest.fixture
def listed(tmp_path):
    for name in 'abc':
        Image.new('RGB', (8, 6)).save(tmp_path / f'{name}.png')
    (tmp_path / 'list.txt').write_text('a.png 0\nb.png 0\nc.png 0\n')
    load = [dict(type='mmpretrain.LoadImageFromFile')]
    return dict(data_root=str(tmp_path), ann_file='list.txt', pipeline=load)


@pytest.mark.parametrize(
    'number, batch_size, advice',
    [(4, 1, 'Set it to at most 3'), (2, 2, 'Set it to at most 1'), (1, 4, 'Remove it')],
)
def test_more_batches_than_the_data_have_are_refused(number, batch_size, advice, listed):
    with pytest.raises(UserError) as raised:
        build_loader(number, batch_size, **listed)
    assert f'train_dataloader.num_batch_per_epoch is {number}: ' in str(raised.value)
    assert f'the dataset has 3. {advice}' in str(raised.value)


def test_a_part_of_a_dataset_is_read_and_checked_as_the_whole_is(listed, tmp_path):
    (tmp_path / 'b.png').write_bytes(b'')
    (tmp_path / 'c.png').unlink()
    loader = build_loader(2, 1, **listed)  # the third is not used
    with pytest.raises(UserError, match=r'cannot read the image .*b\.png'):
        list(loader)
    (tmp_path / 'b.png').unlink()
    with pytest.raises(UserError, match=r'b\.png, which .* does not exist'):
        build_loader(2, 1, **listed)


@pytest.mark.parametrize(
    'change, words',
    [
        (dict(indices=[0, 9]), r'has 3 samples, and its indices are \[0, 9\]'),
        (dict(indices=0), 'has no samples'),
        (dict(no_such_argument=1), 'TypeError: .*no_such_argument'),
    ],
)
def test_arguments_that_a_toolbox_cannot_build_from_are_named_in_a_line(
    change, words, listed
):
    with pytest.raises(UserError, match=f'train_dataloader cannot be built: .*{words}'):
        build_loader(None, 1, **listed, **change)
    with pytest.raises(UserError, match='train_dataloader cannot be built: ValueError'):
        build_loader(None, 0, **listed)  # PyTorch's own


def test_an_empty_pipeline_is_refused_where_a_toolbox_needs_one(listed):
    from mmpretrain.models import ClsDataPreprocessor

    listed['pipeline'] = []
    build_loader(None, 1, **listed)  # another preprocessor may take samples as they are
    with pytest.raises(UserError, match='train_dataloader: the pipeline .* is empty'):
        build_loader(None, 1, ClsDataPreprocessor(), **listed)


def test_an_epoch_without_a_batch_is_refused(listed):
    build_loader(None, 3, drop_last=True, **listed)
    build_loader(None, 4, **listed)
    with pytest.raises(
        UserError, match='batch_size is 4, drop_last is True, .* 3 images'
    ):
        build_loader(None, 4, drop_last=True, **listed)
