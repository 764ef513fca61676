"""How many may leave in a window: never more than the limit, in any window, whatever comes when."""

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from smtpadmin.rates import Log, Rate, dumps, grant, hold, loads, room


def most_in_any_window(instants: Sequence[tuple[int, int]], milliseconds: int) -> int:
    """Return the highest number of tokens in a window of that length; each instant comes with its tokens."""
    most = total = first = 0
    for at, tokens in instants:
        total += tokens
        while instants[first][0] <= at - milliseconds:
            total -= instants[first][1]
            first += 1
        most = max(most, total)
    return most


def ask_at_random(
    rates: Sequence[Rate], *, seed: int, steps: int, longest: int, sizes: Sequence[int] = (1,)
) -> list[tuple[int, int]]:
    """Ask again and again at random instants; return when how many tokens were granted."""
    rng = random.Random(seed)  # noqa: S311  the same instants in each run
    log, now, instants = Log(), 0, []
    for _ in range(steps):
        # Now in a rush, now after a long silence.
        now += rng.choice((0, 1, rng.randrange(20), rng.randrange(longest)))
        wants = [rng.choice(sizes) for _ in range(rng.randrange(1, 30))]
        asked = grant(log, rates=rates, now=now, wants=wants, urgent=rng.random() < 0.2, who=rng.choice("abc"))
        log = loads(dumps(asked.log))
        instants += [(now, want) for want in wants[: asked.granted]]
    return instants


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("count", [1, 2, 7, 50, 1000])
def test_no_window_of_a_second_sees_more_than_the_limit(count: int, seed: int) -> None:
    instants = ask_at_random([Rate(count, 1)], seed=seed, steps=400, longest=600)
    assert 0 < most_in_any_window(instants, 1000) <= count


@pytest.mark.parametrize("seed", range(3))
def test_no_window_sees_more_than_its_limit_where_there_are_several(seed: int) -> None:
    rates = [Rate(20, 1), Rate(100, 60), Rate(2000, 3600), Rate(10_000, 86_400)]
    instants = ask_at_random(rates, seed=seed, steps=1500, longest=120_000)
    for rate in rates:
        assert most_in_any_window(instants, rate.seconds * 1000) <= rate.count


@pytest.mark.parametrize("seed", range(3))
def test_arrivals_may_be_late_by_different_times_within_the_pad(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    instants = ask_at_random([Rate(50, 1)], seed=seed, steps=600, longest=300)
    arrivals = sorted((at + rng.randrange(100), tokens) for at, tokens in instants)
    assert most_in_any_window(arrivals, 1000) <= 50


@pytest.mark.parametrize("seed", range(3))
def test_messages_that_cost_several_tokens_stay_within_it_too(seed: int) -> None:
    instants = ask_at_random([Rate(50, 1)], seed=seed, steps=400, longest=400, sizes=(1, 3, 17, 45))
    assert 40 < most_in_any_window(instants, 1000) <= 50


@pytest.mark.parametrize(
    ("rate", "share"), [(Rate(50, 1), 0.87), (Rate(30, 60), 0.94), (Rate(1000, 3600), 0.97), (Rate(500, 86_400), 0.97)]
)
def test_what_being_safe_costs(rate: Rate, share: float) -> None:
    """A sender that always has more to send and asks whenever it is told to gets this much of the limit."""
    log, now, sent = Log(), 0, 0
    while now < rate.seconds * 1000 * 50:
        asked = grant(log, rates=[rate], now=now, wants=[1] * rate.count, urgent=True)
        log, sent = asked.log, sent + asked.granted
        now += max(1, int(asked.wait * 1000))
    assert share < sent / (rate.count * 50) <= 1


@pytest.mark.parametrize(("wants", "granted"), [([1] * 10, 10), ([1] * 11, 10), ([4, 4, 4], 2), ([], 0)])
def test_as_many_go_as_fit_from_the_first_on(wants: list[int], granted: int) -> None:
    asked = grant(Log(), rates=[Rate(10, 60)], now=0, wants=wants, urgent=True)
    assert (asked.granted, asked.wait > 0) == (granted, granted < len(wants))


def test_who_comes_back_when_told_to_gets_in_and_not_before() -> None:
    rates = [Rate(10, 1)]
    log = grant(Log(), rates=rates, now=5_000, wants=[10], urgent=True).log
    refused = grant(log, rates=rates, now=5_300, wants=[1], urgent=True)
    assert (refused.granted, 0.7 < refused.wait < 0.9) == (0, True)
    then = 5_300 + round(refused.wait * 1000)
    assert grant(log, rates=rates, now=then - 1, wants=[1], urgent=True).granted == 0
    assert grant(log, rates=rates, now=then, wants=[10], urgent=True).granted == 1


def test_the_strictest_of_several_limits_decides() -> None:
    asked = grant(Log(), rates=[Rate(20, 1), Rate(5, 3600)], now=0, wants=[1] * 20, urgent=True)
    assert asked.granted == 5
    assert 3600 < asked.wait < 3700


def test_a_message_to_more_people_than_a_limit_takes_all_of_it_and_is_not_stuck() -> None:
    asked = grant(Log(), rates=[Rate(10, 60)], now=0, wants=[25, 1], urgent=True)
    assert (asked.granted, room(asked.log, rates=[Rate(10, 60)], now=0, urgent=True)) == (1, 0)
    assert grant(asked.log, rates=[Rate(10, 60)], now=0, wants=[25], urgent=True).granted == 0
    assert grant(Log(), rates=[Rate(10, 60)], now=0, wants=[25], urgent=False).granted == 1


def test_others_make_way_for_a_message_that_needs_many_at_once() -> None:
    rates = [Rate(10, 1)]
    log = grant(Log(), rates=rates, now=0, wants=[1] * 4).log
    refused = grant(log, rates=rates, now=500, wants=[9], who="large")
    assert (refused.granted, 0.5 < refused.wait < 0.7) == (0, True)
    log = loads(dumps(refused.log))
    assert log == refused.log
    # There is room for five, and they would keep the window from ever being empty.
    others = grant(log, rates=rates, now=600, wants=[1])
    assert (others.granted, others.wait > 0) == (0, True)
    # Urgent mail makes way for nobody, and takes nothing of what is kept from it.
    urgent = grant(log, rates=rates, now=600, wants=[1], urgent=True)
    assert (urgent.granted, urgent.log.claim) == (1, log.claim)
    then = 500 + round(refused.wait * 1000)
    assert grant(log, rates=rates, now=then, wants=[9], who="large").granted == 1
    # It is gone with whoever wanted it.
    assert grant(log, rates=rates, now=then + 1000, wants=[1] * 9).granted == 9


def test_a_message_that_needs_all_gets_through_beside_many_that_need_one() -> None:
    rates, log, waits = [Rate(20, 1)], Log(), []
    for now in range(0, 60_000, 25):
        for _ in range(4):
            log = grant(log, rates=rates, now=now, wants=[1]).log
        asked = grant(log, rates=rates, now=now, wants=[20], who="large")
        log = asked.log
        if asked.granted:
            waits.append(now)
    assert len(waits) > 10
    assert max(later - before for before, later in pairwise(waits)) < 6000


@pytest.mark.parametrize(("count", "others"), [(1, 1), (2, 1), (10, 9), (50, 45), (100, 90)])
def test_a_tenth_is_kept_for_urgent_mail(count: int, others: int) -> None:
    rates = [Rate(count, 60)]
    usual = grant(Log(), rates=rates, now=0, wants=[1] * count)
    assert usual.granted == others
    urgent = grant(usual.log, rates=rates, now=0, wants=[1] * count, urgent=True)
    assert usual.granted + urgent.granted == count


def test_a_clock_that_goes_back_lets_nothing_through_sooner() -> None:
    rates = [Rate(10, 1)]
    log = grant(Log(), rates=rates, now=100_000, wants=[1] * 10, urgent=True).log
    assert grant(log, rates=rates, now=40_000, wants=[1], urgent=True).granted == 0


def test_without_a_limit_all_may_go_and_a_turn_is_good_for_ever() -> None:
    assert grant(Log(), rates=[], now=0, wants=[1] * 5).granted == 5
    assert hold([]) is None


def test_a_changed_limit_holds_for_what_was_sent_before_the_change() -> None:
    log = grant(Log(), rates=[Rate(100, 60)], now=0, wants=[1] * 80).log
    assert grant(log, rates=[Rate(50, 60)], now=1000, wants=[1], urgent=True).granted == 0
    assert grant(log, rates=[Rate(100, 60), Rate(5, 1)], now=1000, wants=[1] * 9, urgent=True).granted == 5


def test_the_log_stays_short_whatever_is_sent() -> None:
    rates = [Rate(1000, 1), Rate(60_000, 60), Rate(1_000_000, 3600), Rate(10_000_000, 86_400)]
    log = Log()
    for now in range(0, 2_000_000, 500):
        log = grant(log, rates=rates, now=now, wants=[300], urgent=True).log
    assert [len(slots) <= 41 for slots in log.used.values()] == [True] * 4
    assert len(dumps(log)) < 2000


def test_a_log_of_other_slots_is_begun_anew() -> None:
    assert (loads(""), loads("[0,5,{},null]")) == (Log(), Log())
