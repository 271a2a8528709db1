import pytest

from mmgroupmix.mini_data import write_mini_ade20k, write_mini_coco, write_mini_imagenet

# Small pictures, few of them: about 20 digits a split, so all ten occur.
SIZES = dict(min_size=72, max_size=120)


@pytest.fixture(scope='session')
def several():
    """Arguments of a tiny set with several digits a picture."""
    return dict(num_train=8, num_val=6, **SIZES)


@pytest.fixture(scope='session')
def singles():
    """Arguments of a tiny set with one digit a picture."""
    return dict(num_train=20, num_val=10, **SIZES)


@pytest.fixture(scope='session')
def ade20k(tmp_path_factory, several):
    return write_mini_ade20k(tmp_path_factory.mktemp('mini') / 'ade20k', **several)


@pytest.fixture(scope='session')
def coco(tmp_path_factory, several):
    return write_mini_coco(tmp_path_factory.mktemp('mini') / 'coco', **several)


@pytest.fixture(scope='session')
def imagenet(tmp_path_factory, singles):
    return write_mini_imagenet(tmp_path_factory.mktemp('mini') / 'imagenet', **singles)
