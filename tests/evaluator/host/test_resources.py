"""Room for containers: what runs holds it, and nobody gets more than there is."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from evaluator.host.resources import MEMORY, SLOT, Room
from submissions.contract import Contract

ONE = Contract(cpus=1, memory_mb=1000)
ADMITTED = "admitted"
GIVEN_UP: set[str] = set()


def begins(
    room: Room, contract: Contract, attempt: str = ADMITTED
) -> tuple[threading.Event, threading.Event]:
    """Take room in a thread of its own: set once it has it, and to be set for its end."""
    has, ends = threading.Event(), threading.Event()
    room.admit(ADMITTED)

    def take() -> None:
        with room.taken(contract, attempt, given_up=lambda: attempt in GIVEN_UP):
            has.set()
            ends.wait(10)

    threading.Thread(target=take).start()
    return has, ends


@pytest.mark.parametrize(
    ("has", "each"),
    [
        ({SLOT: 2.0, MEMORY: 9000.0}, ONE),
        ({SLOT: 8.0, MEMORY: 2500.0}, ONE),
        ({SLOT: 4.0, MEMORY: 9000.0}, replace(ONE, cpus=1.5)),
    ],
    ids=["processors", "memory", "parts of a processor"],
)
def test_a_third_container_waits_until_one_of_two_has_ended(
    has: dict[str, float], each: Contract
) -> None:
    room = Room(has)
    (one, end_one), (two, end_two) = begins(room, each), begins(room, each)
    assert one.wait(10)
    assert two.wait(10)
    third, end_third = begins(room, each)
    assert not third.wait(0.2)
    end_one.set()
    assert third.wait(10)
    end_two.set()
    end_third.set()


def test_one_that_is_alone_never_waits_and_one_that_fails_gives_its_room_back() -> None:
    room = Room({SLOT: 1.0, MEMORY: 500.0})
    room.admit(ADMITTED)
    with pytest.raises(RuntimeError), room.taken(ONE, ADMITTED):
        raise RuntimeError
    has, ends = begins(room, ONE)
    assert has.wait(10)
    ends.set()


def test_an_attempt_that_is_not_admitted_waits_though_there_is_room() -> None:
    room = Room({SLOT: 2.0, MEMORY: 9000.0})
    has, ends = begins(room, ONE, "another")
    assert not has.wait(0.2)
    room.admit("another")
    assert has.wait(10)
    ends.set()


def test_an_attempt_that_is_given_up_waits_no_longer(request: pytest.FixtureRequest) -> None:
    room = Room({SLOT: 1.0, MEMORY: 9000.0})
    held, end = begins(room, ONE)
    assert held.wait(10)
    woken, ends = begins(room, ONE, request.node.name)
    assert not woken.wait(0.2)
    GIVEN_UP.add(request.node.name)
    room.admit(request.node.name)
    assert woken.wait(10)
    end.set()
    ends.set()
