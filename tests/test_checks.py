"""Checks that can be switched off by name."""

import pytest

from mmgroupmix.checks import CHECKS, format_skip_hint, get_skipped_checks
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke


def test_a_config_leaves_out_the_checks_that_it_names():
    assert get_skipped_checks({}) == set()
    assert get_skipped_checks(dict(skip_checks='label-range')) == {'label-range'}
    assert get_skipped_checks(dict(skip_checks=list(CHECKS))) == set(CHECKS)


def test_a_misspelt_name_is_refused_with_the_closest_check():
    with pytest.raises(UserError, match="'label_range' is .* Did you mean label-range"):
        get_skipped_checks(dict(skip_checks=['label_range']))


def test_an_unknown_name_is_refused_with_all_names():
    with pytest.raises(UserError, match=f'One of {", ".join(CHECKS)}'):
        get_skipped_checks(dict(skip_checks=['zzz']))


@pytest.mark.parametrize('name', CHECKS)
def test_a_message_says_how_to_switch_its_check_off(name):
    assert f'--skip-check {name}' in format_skip_hint(name)
