"""Names of teams and models: whatever is seen of them, and nothing that is not."""

from __future__ import annotations

import pytest

from submissions.receiving import INVISIBLE, EntryError, named

UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180f\u200b\u200d\u202e\u2060\u2065\u2800\u3164\ufe00\ufe0f"
    "\ufeff\uffa0\ufff0\U0001bca0\U0001d173\U000e0001\U000e0100\U000e0fff"
)


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
@pytest.mark.parametrize("place", ["{}A team", "A{}team", "A team{}"])
def test_an_invisible_character_makes_no_other_team(unseen: str, place: str) -> None:
    with pytest.raises(EntryError, match=r"has the invisible character U\+[0-9A-F]{4,5}; leave"):
        named("team", place.format(unseen))


@pytest.mark.parametrize(
    "name",
    [
        "Universität Zürich",
        "北京大学",
        "Αθήνα lab",
        "فريق الأشعة",
        "रेडियोलॉजी",
        "서울대학교",
        "ทีมรังสี",
        "Team 🩻 7",
        "O'Neill & Søn (v2.1)",
    ],
)
def test_a_name_in_any_script_stays_as_it_is(name: str) -> None:
    assert named("team", name) == name


def test_as_many_are_refused_as_unicode_counts() -> None:
    """DerivedCoreProperties.txt ends its list with a total of 4174; Braille's blank is one more."""
    assert sum(INVISIBLE.match(chr(each)) is not None for each in range(0x110000)) == 4174 + 1


def test_two_spellings_of_a_name_are_one() -> None:
    assert named("team", "  Zu\u0308rich\u3000\uff21\u00a0 ") == "Zürich A"
