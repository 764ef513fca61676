"""How many messages leave at once, and in which way, by what each way has taken."""

import pytest

from smtpadmin.windows import SPAN, Pace

NEAR = 0.0005
FAR = 0.05


def paced(*, one: float) -> Pace:
    return Pace().after_one(one)


def test_one_message_is_marked_until_the_server_is_known_to_be_fast() -> None:
    assert Pace().marks(most=20) == 1
    assert paced(one=0.001).marks(most=20) == 20
    assert paced(one=0.02).marks(most=20) == 5
    assert paced(one=0.3).marks(most=20) == 1
    # One slow answer closes it at once, fast ones open it slowly.
    assert paced(one=0.001).after_one(1).marks(most=20) == 1
    assert paced(one=0.1).after_one(0.02).marks(most=20) == 1
    assert paced(one=0.02).after_one(0.01).marks(most=20) == 5


def test_a_mark_that_is_good_for_a_short_time_is_asked_for_few() -> None:
    assert paced(one=0.01).marks(most=20, hold=0.06) == 2
    assert paced(one=0.01).marks(most=20, hold=60) == 10
    assert paced(one=0.01).window(most=20, round_trip=0, hold=0.06) == 2


def test_nothing_is_sent_together_before_a_message_alone_has_shown_the_pace() -> None:
    assert Pace().window(most=20, round_trip=FAR) == 0


@pytest.mark.parametrize("most", [0, 1])
def test_a_message_alone_is_never_sent_as_a_chunk(most: int) -> None:
    assert paced(one=0.06).window(most=most, round_trip=FAR) == 0


def test_the_first_window_is_small_and_the_next_ones_grow_to_the_batch() -> None:
    pace = paced(one=FAR + 0.001)
    sizes = []
    for _ in range(4):
        sizes.append(pace.window(most=50, round_trip=FAR))
        pace = pace.after_window(sizes[-1], FAR + 0.001 * sizes[-1], round_trip=FAR)
    assert sizes == [4, 16, 50, 50]


def test_a_window_spans_the_server_s_own_time_and_not_the_way_to_it() -> None:
    pace = paced(one=FAR + 0.001).after_window(4, FAR + 0.004, round_trip=FAR)
    assert pace.window(most=16, round_trip=FAR) == 16
    # 20 ms each: five of them take the time that may be in doubt.
    slow = paced(one=FAR + 0.02).after_window(4, FAR + 0.08, round_trip=FAR)
    assert slow.window(most=16, round_trip=FAR) == SPAN / 0.02
    # One slow window closes it at once.
    assert pace.after_window(16, FAR + 1.6, round_trip=FAR).window(most=16, round_trip=FAR) == 0


def test_a_server_that_needs_long_for_each_message_gets_them_one_by_one() -> None:
    assert paced(one=0.2).window(most=20, round_trip=FAR) == 0


def test_what_a_flight_takes_besides_its_messages_does_not_keep_it_small() -> None:
    pace, sizes = paced(one=FAR + 0.001), []
    for _ in range(5):
        sizes.append(pace.window(most=20, round_trip=FAR))
        pace = pace.after_window(sizes[-1], FAR + 0.044 + 0.001 * sizes[-1], round_trip=FAR)
    assert sizes == [4, 8, 15, 20, 20]


def test_the_better_way_is_kept() -> None:
    # As Postfix on the same machine where its answers wait for an acknowledgement: 44 ms for each flight.
    stalled = paced(one=0.001).after_window(4, 0.048, round_trip=NEAR)
    assert stalled.window(most=20, round_trip=NEAR) == 0
    better = paced(one=0.051).after_window(4, 0.06, round_trip=FAR)
    assert better.window(most=20, round_trip=FAR) == 16
    # One window that took long is no reason to give it up, many are.
    assert better.after_window(4, 0.2, round_trip=0.2).window(most=20, round_trip=FAR) > 0
    for _ in range(5):
        better = better.after_window(4, 0.4, round_trip=0.4)
    assert better.window(most=20, round_trip=FAR) == 0


def test_the_worse_way_gets_another_chance_after_a_while() -> None:
    pace = paced(one=0.001).after_window(4, 0.048, round_trip=NEAR)
    for _ in range(199):
        pace = pace.after_one(0.001)
    assert pace.window(most=20, round_trip=NEAR) == 0
    assert pace.after_one(0.001).window(most=20, round_trip=NEAR) > 0


def test_what_has_left_messages_without_an_answer_is_not_done_again() -> None:
    pace = paced(one=0.051).after_window(4, 0.06, round_trip=FAR).after_doubt()
    assert pace.window(most=20, round_trip=FAR) == 0
    assert pace.marks(most=20) == 1
