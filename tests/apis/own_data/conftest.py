"""Images of tests are tiny, and sizes of configs stay: to try others takes seconds."""

import pytest

from mmgroupmix.apis.own_data import adapt_schedule


@pytest.fixture(autouse=True)
def keep_sizes(monkeypatch, request):
    if 'fits_sizes' not in request.fixturenames:
        monkeypatch.setattr(adapt_schedule, 'MAX_ENLARGEMENT', 1000)


@pytest.fixture
def fits_sizes():
    """For the tests of sizes themselves."""
