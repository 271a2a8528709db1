"""Models timed in turn, so that all of them share what else the machine does."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .failure import describe_failure


@dataclass
class Rounds:
    """The times of several models, one of each per round.

    Attributes:
        seconds (dict[int, list[float]]): By number of the model; all of one length.
            A model that failed has none.
        failures (dict[int, str]): Reasons, by number of the model.
        interrupted (bool): Whether Ctrl-C ended the rounds.
    """

    seconds: dict[int, list[float]] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    interrupted: bool = False


def time_in_turn(
    steps: Mapping[int, Callable[[], None]],
    runs: int,
    warmup: int,
    report: Callable[[int, int], None] = lambda done, total: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Rounds:
    """Time models in rounds: each runs once per round, in random order.

    The first model after another one finds the caches filled with something else: random
    orders give all of them the same predecessors. The draw is the same in every process.

    Args:
        steps (Mapping[int, Callable]): What to run, by number of the model; a call
            returns when the device is done.
        runs (int): Rounds that count.
        warmup (int): Rounds before these.
        report (Callable[[int, int], None]): Called after each round with the number of
            rounds so far and in total.
        clock (Callable[[], float]): Seconds.

    Returns:
        Rounds: The times.
    """
    rounds = Rounds({index: [] for index in steps})
    remaining = dict(steps)
    draw = random.Random(0)
    try:
        for number in range(warmup + runs):
            order = list(remaining)
            draw.shuffle(order)
            for index in order:
                start = clock()
                try:
                    remaining[index]()
                except Exception as error:
                    rounds.failures[index] = describe_failure(error)
                    del remaining[index], rounds.seconds[index]
                    continue
                seconds = clock() - start
                if number >= warmup:
                    rounds.seconds[index].append(seconds)
            report(number + 1, warmup + runs)
    except KeyboardInterrupt:
        rounds.interrupted = True
        complete = min(map(len, rounds.seconds.values()), default=0)
        for times in rounds.seconds.values():
            del times[complete:]
    return rounds
