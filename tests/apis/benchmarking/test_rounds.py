"""Timing in turn, with a clock that the models advance themselves."""

import pytest

from mmgroupmix.apis.benchmarking.rounds import time_in_turn
from mmgroupmix.apis.benchmarking.summary import (
    Quartiles,
    find_exponent,
    find_quartiles,
    find_ratios,
)

pytestmark = pytest.mark.smoke


class Clock:
    """Seconds that pass only while a model runs."""

    def __init__(self):
        self.now = 0.0
        self.order = []

    def __call__(self):
        return self.now

    def make_step(self, name, durations):
        durations = iter(durations)

        def step():
            self.order.append(name)
            self.now += next(durations)

        return step


def fail_after(step, calls, error):
    """A step that works for some calls and then raises."""
    left = iter(range(calls))

    def failing():
        if next(left, None) is None:
            raise error
        step()

    return failing


def test_each_model_runs_once_per_round_in_changing_order():
    clock = Clock()
    steps = {i: clock.make_step(i, [1] * 20) for i in range(3)}
    reported = []
    rounds = time_in_turn(steps, 15, 5, lambda *numbers: reported.append(numbers), clock)
    orders = [tuple(clock.order[i : i + 3]) for i in range(0, 60, 3)]
    assert all(sorted(order) == [0, 1, 2] for order in orders)
    assert len(set(orders)) > 2
    assert reported == [(i, 20) for i in range(1, 21)]
    assert {len(seconds) for seconds in rounds.seconds.values()} == {15}


def test_warm_up_rounds_do_not_count():
    clock = Clock()
    steps = {0: clock.make_step(0, [100, 100, 1, 2, 3])}
    rounds = time_in_turn(steps, 3, 2, clock=clock)
    assert rounds.seconds == {0: [1, 2, 3]}


def test_a_model_has_the_ratio_1_to_itself():
    clock = Clock()
    durations = [4, 1, 2, 8]
    steps = {i: clock.make_step(i, durations) for i in range(2)}
    seconds = time_in_turn(steps, 4, 0, clock=clock).seconds
    assert find_ratios(seconds[1], seconds[0]) == Quartiles(1, 1, 1)


def test_a_ratio_is_the_median_of_the_rounds_which_a_busy_round_does_not_move():
    clock = Clock()
    # Twice the time in each round; the machine is ten times slower in the last two.
    steps = {
        0: clock.make_step(0, [1, 1, 1, 10, 10]),
        1: clock.make_step(1, [2, 2, 2, 20, 20]),
    }
    seconds = time_in_turn(steps, 5, 0, clock=clock).seconds
    assert find_ratios(seconds[1], seconds[0]) == Quartiles(2, 2, 2)


def test_a_model_that_fails_has_no_times_and_the_others_go_on():
    clock = Clock()
    steps = {
        0: fail_after(clock.make_step(0, [1] * 4), 2, RuntimeError('no kernel')),
        1: clock.make_step(1, [1] * 4),
    }
    rounds = time_in_turn(steps, 4, 0, clock=clock)
    assert rounds.seconds == {1: [1, 1, 1, 1]}
    assert 'no kernel' in rounds.failures[0] and not rounds.interrupted


def test_lack_of_memory_is_named_as_the_reason():
    rounds = time_in_turn({0: fail_after(None, 0, MemoryError('8 GiB'))}, 1, 0)
    assert rounds.failures[0].startswith('out of memory: ')


def test_ctrl_c_keeps_the_complete_rounds():
    clock = Clock()
    steps = {
        0: fail_after(clock.make_step(0, [1] * 9), 3, KeyboardInterrupt()),
        1: clock.make_step(1, [2] * 9),
    }
    rounds = time_in_turn(steps, 9, 0, clock=clock)
    assert rounds.interrupted
    assert rounds.seconds == {0: [1, 1, 1], 1: [2, 2, 2]}


def test_quartiles_lie_within_the_values():
    assert find_quartiles([5, 1, 4, 2, 3]) == Quartiles(2, 3, 4)
    assert find_quartiles([1, 2]) == Quartiles(1.25, 1.5, 1.75)
    assert find_quartiles([7]) == Quartiles(7, 7, 7)


@pytest.mark.parametrize('exponent', [0.97, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_found(exponent):
    pixels = [side**2 for side in (448, 640, 896)]
    seconds = [3e-7 * number**exponent for number in pixels]
    assert find_exponent(pixels, seconds) == pytest.approx(exponent)
    assert find_exponent(pixels[::2], seconds[::2]) == pytest.approx(exponent)
