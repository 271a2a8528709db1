"""The best and the worst images are those that sorting all of them would give."""

from functools import partial

import numpy as np
import pytest

from mmgroupmix.apis.report.ranking import Ranking

pytestmark = pytest.mark.smoke

#: Few different scores, so that many are equal.
LISTS = [
    np.random.default_rng(length).choice([0, 0.25, 0.5, 1], length).tolist()
    for length in (0, 1, 4, 5, 6, 7, 40)
]
all_lists = pytest.mark.parametrize('scores', LISTS, ids=map(len, LISTS))


def rank(scores, positions=None, size=3):
    ranking = Ranking(size)
    for position, score in zip(positions or range(len(scores)), scores):
        ranking.add(score, position, f'{position}.png', partial(int, position))
    return ranking


def by_sorting(scores):
    return sorted(range(len(scores)), key=lambda position: (-scores[position], position))


@all_lists
def test_the_ends_are_those_of_the_sorted_list(scores):
    best, worst = rank(scores).split()
    order = by_sorting(scores)
    if len(scores) >= 6:
        assert [image.position for image in best] == order[:3]
        assert [image.position for image in worst] == order[::-1][:3]
    assert all(image.content == image.position for image in (*best, *worst))


@all_lists
def test_no_image_is_among_the_best_and_the_worst(scores):
    best, worst = rank(scores).split()
    positions = [image.position for image in (*best, *worst)]
    assert len(set(positions)) == len(positions) == min(len(scores), 6)


@all_lists
def test_two_halves_merged_are_the_ranking_of_the_whole(scores):
    even, odd = range(0, len(scores), 2), range(1, len(scores), 2)
    first = rank([scores[i] for i in even], even)
    first.merge(rank([scores[i] for i in odd], odd))
    whole = rank(scores)
    assert first.images == whole.images
    assert first.num_ranked == whole.num_ranked == len(scores)


def test_only_what_may_be_shown_is_built():
    built = []
    ranking = Ranking(1)
    for position, score in enumerate([0.1, 0.9, 0.5, 0.6, 1.0]):
        ranking.add(score, position, '', partial(built.append, position))
    assert built == [0, 1, 4]


def test_an_image_without_a_score_is_not_ranked():
    ranking = rank([float('nan'), 0.5])
    assert [image.position for image in ranking.images] == [1]
