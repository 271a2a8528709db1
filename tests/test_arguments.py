"""Checks of arguments: what they accept, and what their messages say."""

import numpy as np
import pytest
import torch

from mmgroupmix.arguments import (
    check_call,
    check_choice,
    check_divisor,
    check_int,
    check_number,
    check_odd,
    check_sequence,
    explain_arguments,
)
from mmgroupmix.errors import UnknownArgumentError, UserError


@pytest.mark.smoke
@pytest.mark.parametrize(
    'value', [3, np.int64(3), np.uint8(3), torch.tensor(3)], ids=repr
)
def test_any_integer_type_becomes_an_int(value):
    number = check_int('size', value, 1)
    assert type(number) is int and number == 3


@pytest.mark.smoke
@pytest.mark.parametrize('value', [True, 3.0, '3', None, (3,)], ids=repr)
def test_a_value_that_is_not_an_integer_is_a_type_error(value):
    with pytest.raises(UnknownArgumentError) as error:
        check_int('Data: size', value, 2, 'Set size=4.')
    assert str(error.value) == (
        f'Data: size={value!r}, expected an integer of at least 2. Set size=4.'
    )
    assert isinstance(error.value, TypeError)


@pytest.mark.smoke
@pytest.mark.parametrize('value', [1, 6])
def test_an_integer_out_of_range_is_a_value_error(value):
    check_int('size', 2, 2, maximum=5)
    check_int('size', 5, 2, maximum=5)
    with pytest.raises(UserError, match=f'size={value}, expected an integer from 2 to 5'):
        check_int('size', value, 2, maximum=5)
    with pytest.raises(UserError) as error:
        check_int('size', 1, 2)
    assert not isinstance(error.value, TypeError)


@pytest.mark.smoke
def test_other_checks_accept_what_is_allowed():
    check_number('rate', 0, 0, below=1)
    check_number('rate', 0.99, 0, below=1)
    check_odd('side', 7)
    check_divisor('heads', 4, 64)
    check_choice('norm', None, ('double', None))
    check_sequence('sides', [1, 2], 2, 'one each')


@pytest.mark.smoke
@pytest.mark.parametrize(
    'check, message',
    [
        (lambda: check_number('rate', 1, 0, below=1), 'rate=1, .* from 0 to below 1'),
        (lambda: check_number('rate', -0.1, 0), 'rate=-0.1, expected a number from 0'),
        (lambda: check_number('rate', '1', 0), "rate='1', expected a number"),
        (lambda: check_number('rate', float('nan'), 0), 'rate=nan, expected a number'),
        (lambda: check_odd('side', 4), 'side=4, expected an odd number'),
        (lambda: check_odd('side', -3), 'side=-3, .* at least 1. It must be odd'),
        (lambda: check_divisor('heads', 5, 64), 'heads=5, expected a divisor of dim=64'),
        (
            lambda: check_choice('norm', 'dubble', ('double', 'softmax', None)),
            "norm='dubble', expected 'double', 'softmax' or None .did you mean 'double'",
        ),
        (
            lambda: check_sequence('sides', 7, 2, 'height and width'),
            'sides=7, expected 2 values, height and width',
        ),
    ],
)
def test_other_checks_name_the_value_and_what_is_allowed(check, message):
    with pytest.raises(UserError, match=message):
        check()


@explain_arguments
class Explained:
    def __init__(self, size, *, factor=1):
        self.size, self.factor = size, factor


class Derived(Explained):
    pass


@pytest.mark.smoke
def test_a_class_names_its_arguments_if_a_call_does_not_fit():
    assert Explained(3, factor=2).factor == 2
    for cls in (Explained, Derived):
        name = cls.__name__
        message = f"{name} has no argument 'facto' .did you mean 'factor'.* size, factor"
        with pytest.raises(UnknownArgumentError, match=message):
            cls(3, facto=2)
        with pytest.raises(UnknownArgumentError, match=f"{name}: missing .*'size'"):
            cls()
        with pytest.raises(UnknownArgumentError, match=f'{name}: too many positional'):
            cls(3, 2)


@pytest.mark.smoke
def test_a_function_with_any_keyword_arguments_takes_them():
    def function(size, **others):
        return size, others

    check_call('function', function, (), dict(size=1, anything=2))
    with pytest.raises(UnknownArgumentError, match="missing .*'size'"):
        check_call('function', function, (), dict(anything=2))
