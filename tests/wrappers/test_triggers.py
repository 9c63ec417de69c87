"""Triggers: which numbers they pick, how they combine, print, copy and pickle."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gymreel.errors import ConfigError
from gymreel.triggers import Trigger, always, at, capped_cubic, every, first, never


def picked(trigger: Callable[[int], bool], below: int = 20) -> list[int]:
    """List the numbers at which a trigger fires."""
    return [number for number in range(below) if trigger(number)]


def is_odd(number: int) -> bool:
    """Serve as a plain function that can be pickled."""
    return number % 2 == 1


EXAMPLES: list[tuple[Trigger, str, list[int]]] = [
    (every(1), "every(1)", list(range(20))),
    (every(7), "every(7)", [0, 7, 14]),
    (first(3), "first(3)", [0, 1, 2]),
    (at({2, 3, 5}), "at({2, 3, 5})", [2, 3, 5]),
    (at([]), "at({})", []),
    (at(range(0, 20, 9)), "at({0, 9, 18})", [0, 9, 18]),
    (capped_cubic, "capped_cubic", [0, 1, 8]),
    (always, "always", list(range(20))),
    (never, "never", []),
    (first(2) | every(9), "first(2) | every(9)", [0, 1, 9, 18]),
    (every(2) & every(3), "every(2) & every(3)", [0, 6, 12, 18]),
    (~every(2) & first(6), "~every(2) & first(6)", [1, 3, 5]),
    (~(first(9) | every(2)), "~(first(9) | every(2))", [9, 11, 13, 15, 17, 19]),
    ((at({4}) | every(10)) & ~at({0}), "(at({4}) | every(10)) & ~at({0})", [4, 10]),
    (at({4}) | every(10) & ~at({0}), "at({4}) | (every(10) & ~at({0}))", [4, 10]),
    (first(1) | at({5}) | at({7}), "first(1) | at({5}) | at({7})", [0, 5, 7]),
    (first(1) | is_odd & first(4), "first(1) | (is_odd & first(4))", [0, 1, 3]),
    (is_odd | at({4}), "is_odd | at({4})", [1, 3, 4, 5, 7, 9, 11, 13, 15, 17, 19]),
]
WITH_IDS = pytest.mark.parametrize(
    ("trigger", "text", "numbers"), EXAMPLES, ids=[text for _, text, _ in EXAMPLES]
)


@WITH_IDS
def test_trigger_picks_its_numbers_and_prints_what_made_it(
    trigger: Trigger, text: str, numbers: list[int]
) -> None:
    assert picked(trigger) == numbers
    assert repr(trigger) == text
    assert picked(eval(text)) == numbers
    assert all(isinstance(trigger(number), bool) for number in range(20))


@WITH_IDS
def test_trigger_survives_pickling_and_copying(
    trigger: Trigger, text: str, numbers: list[int]
) -> None:
    for twin in (pickle.loads(pickle.dumps(trigger)), copy.deepcopy(trigger)):
        assert twin == trigger
        assert hash(twin) == hash(trigger)
        assert repr(twin) == text
        assert picked(twin) == numbers


def test_plain_functions_go_on_either_side() -> None:
    late: Callable[[int], bool] = lambda number: number > 15  # noqa: E731
    assert picked(first(2) | late) == picked(late | first(2)) == [0, 1, 16, 17, 18, 19]
    assert picked(every(3) & late) == picked(late & every(3)) == [18]
    assert "<lambda>" in repr(first(2) | late)


def test_a_plain_function_may_answer_with_any_truth_value() -> None:
    bit: Any = lambda number: number & 4  # noqa: E731
    trigger = at({3}) | bit
    assert picked(trigger, 8) == [3, 4, 5, 6, 7]
    assert trigger(4) is True


def test_right_side_is_asked_only_if_the_left_leaves_it_open() -> None:
    asked = []

    def right(number: int) -> bool:
        asked.append(number)
        return True

    assert picked(at({0}) | right, 2) == [0, 1]
    assert asked == [1]
    assert picked(at({0}) & right, 2) == [0]
    assert asked == [1, 0]


def test_numpy_numbers_are_numbers() -> None:
    assert every(np.int64(7)) == every(7)
    assert at(np.array([2, 3])) == at({2, 3})
    assert picked(at({2, 3}) | first(1)) == [0, 2, 3]
    assert every(5)(np.int64(10))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, 2.0, "3", None, True, float("nan"), np.array([1, 2])])
@pytest.mark.parametrize("make", [every, first])
def test_a_wrong_n_is_named(make: Callable[[Any], Trigger], value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        make(value)
    assert str(caught.value) == f"n={value!r} must be a whole number of at least 1"


@pytest.mark.parametrize("value", [5, None, "12", b"12"])
def test_at_wants_a_collection(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^counts=.* must be a collection of whole numbers$"):
        at(value)


@pytest.mark.parametrize("wrong", [-1, 1.5, "2", True, None])
def test_a_wrong_number_in_at_is_named(wrong: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        at([1, wrong])
    assert str(caught.value) == f"counts: count={wrong!r} must be a whole number of at least 0"


def test_triggers_do_not_combine_with_what_is_no_function() -> None:
    trigger: Any = every(2)
    with pytest.raises(TypeError, match="unsupported operand"):
        trigger | 5
    with pytest.raises(TypeError, match="unsupported operand"):
        5 | trigger
    with pytest.raises(TypeError, match="unsupported operand"):
        trigger & None


def test_capped_cubic_picks_cubes_and_then_every_thousandth() -> None:
    cubes = [0, 1, 8, 27, 64, 125, 216, 343, 512, 729]
    assert picked(capped_cubic, 5500) == [*cubes, 1000, 2000, 3000, 4000, 5000]
