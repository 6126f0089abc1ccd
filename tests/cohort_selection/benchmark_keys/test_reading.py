"""The reader of tables: each wrong value of a file is one sentence that says what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator, ConfigDict, Field

from cohort_selection.benchmark_keys.keys import (
    Absent,
    Day,
    Derived,
    Give,
    InFile,
    Number,
    OneOf,
    Shorthand,
    Text,
    Truth,
    Whole,
)
from cohort_selection.benchmark_keys.reading import read_key, read_table, refuse_wrong_values
from cohort_selection.benchmark_keys.reference import BEGIN, END, key_table, replaced


class TeaError(ValueError):
    pass


class LeafError(ValueError):
    pass


def _known_leaf(name: str) -> str:
    if name == "hay":
        raise LeafError("hay is no tea; give a leaf")
    return name


def _even(number: int) -> int:
    if number % 2:
        raise ValueError
    return number


@dataclass(frozen=True, slots=True)
class Cup:
    __pydantic_config__ = ConfigDict(extra="forbid")

    of: Annotated[Text, Field(min_length=1, description="its material")]
    size: Annotated[Whole, Field(ge=1, alias="class"), Field(description="1 is small")] = 2


@dataclass(frozen=True, slots=True)
class Tea:
    __pydantic_config__ = ConfigDict(extra="forbid")

    leaf: Annotated[Text, AfterValidator(_known_leaf), Field(description="what is brewed")]
    degrees: Annotated[Number, Field(ge=60, le=100, description="of the water")] = 95.0
    share: Annotated[Number, Field(gt=0, lt=1, description="of milk")] = 0.25
    spoons: Annotated[
        Whole, AfterValidator(_even), Give("an even number"), Field(description="of sugar")
    ] = 0
    hot: Annotated[Truth, Field(description="whether it steams")] = True
    kind: Annotated[Text, OneOf(("green", "black")), Field(description="the colour")] = "black"
    strength: Annotated[Number, OneOf((0.5, 1.0)), Field(description="of the brew")] = 1.0
    picked: Annotated[Day | None, Absent("unknown"), Field(description="the day")] = None
    notes: Annotated[tuple[Text, ...], Field(description="how it tastes")] = ()
    minutes: Annotated[
        tuple[float, ...], InFile(Number | list[Number], tuple), Give("minutes, or a list of them")
    ] = ()
    cup: Annotated[Cup, Shorthand("of"), Give("a material, or a table")] = Cup("clay")
    cups: Annotated[tuple[Cup, ...], Give("[[tea.cups]] tables")] = ()
    words: Annotated[dict[str, str], Give("a table")] = field(default_factory=dict)
    brewed: Annotated[int, Derived()] = 0

    def __post_init__(self) -> None:
        if self.kind == "green" and self.degrees > 90:
            raise ValueError(f"degrees is {self.degrees:g} for green tea; give at most 90")


PATH = Path("somewhere/kettle.toml")


def read(**table: object) -> Tea:
    return read_table(Tea, table, PATH, "tea", TeaError)


def test_what_a_file_has_is_read_and_the_rest_is_default() -> None:
    assert read(leaf="Assam") == Tea("Assam")
    found = read(
        leaf="Sencha",
        kind="green",
        degrees=70,
        picked=date(2026, 4, 30),
        notes=["grass"],
        cup="glass",
        cups=[{"of": "tin", "class": 1}, {"of": "clay"}],
    )
    assert found == Tea(
        "Sencha",
        kind="green",
        degrees=70.0,
        picked=date(2026, 4, 30),
        notes=("grass",),
        cup=Cup("glass"),
        cups=(Cup("tin", 1), Cup("clay", 2)),
    )
    assert isinstance(found.degrees, float)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "[tea] has no leaf; give a text in quotes"),
        ({"leaf": 3}, "[tea] leaf is 3; give a text in quotes"),
        ({"leaf": "x", "degrees": 20}, "[tea] degrees is 20; give a number from 60 to 100"),
        ({"leaf": "x", "degrees": "hot"}, "degrees is 'hot'; give a number from 60 to 100"),
        ({"leaf": "x", "degrees": True}, "degrees is True; give a number from 60 to 100"),
        ({"leaf": "x", "degrees": float("nan")}, "degrees is nan; give a number from 60 to"),
        ({"leaf": "x", "share": 1.0}, "share is 1.0; give a number between 0 and 1"),
        ({"leaf": "x", "spoons": 2.0}, "spoons is 2.0; give an even number"),
        ({"leaf": "x", "spoons": 3}, "spoons is 3; give an even number"),
        ({"leaf": "x", "hot": 1}, "hot is 1; give true or false"),
        ({"leaf": "x", "kind": "grene"}, "give one of 'green', 'black' (did you mean 'green'?)"),
        ({"leaf": "x", "strength": "x"}, "strength is 'x'; give one of 0.5, 1.0"),
        ({"leaf": "x", "picked": "2026-04-30"}, "'2026-04-30'; give a date without quotes, as 20"),
        ({"leaf": "x", "notes": "grass"}, "notes is 'grass'; give a list, each item a text"),
        ({"leaf": "x", "minutes": "3"}, "minutes is '3'; give minutes, or a list of them"),
        ({"leaf": "x", "cup": 3}, "[tea] cup is 3; give a material, or a table"),
        ({"leaf": "x", "cup": {"class": 1}}, "[tea.cup] has no of; give a text in quotes"),
        ({"leaf": "x", "cup": {"of": "tin", "class": 0}}, "[tea.cup] class is 0; give a whole"),
        ({"leaf": "x", "cups": [{"of": "a"}, {"of": ""}]}, "[[tea.cups]] rule 2 of is ''; give"),
        ({"leaf": "x", "cups": {"of": "a"}}, "cups is {'of': 'a'}; give [[tea.cups]] tables"),
        ({"leaf": "x", "cups": [3]}, "[[tea.cups]] rule 1 is 3; give a table"),
        ({"leaf": "x", "kind": "green"}, "[tea]: degrees is 95 for green tea; give at most 90"),
    ],
)
def test_a_wrong_value_is_told_with_what_to_give(table: dict[str, object], said: str) -> None:
    with pytest.raises(TeaError) as refused:
        read(**table)
    assert str(refused.value).startswith("kettle.toml: [")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_key_is_told_with_the_one_that_may_be_meant() -> None:
    with pytest.raises(TeaError, match=r"has 'degree', which is no key \(did you mean 'degrees'"):
        read(leaf="x", degree=80)
    with pytest.raises(TeaError, match=r"'colour', which is no key; its keys are leaf, degrees,"):
        read(leaf="x", colour="brown")


def test_what_the_program_works_out_is_no_key() -> None:
    with pytest.raises(TeaError, match="'brewed', which is no key") as refused:
        read(leaf="x", brewed=1)
    assert "brewed" not in str(refused.value).split("its keys are")[1]


def test_the_error_of_a_converter_of_its_own_keeps_its_class() -> None:
    with pytest.raises(LeafError, match=r"^kettle\.toml: hay is no tea; give a leaf$"):
        read(leaf="hay")


def test_a_long_value_is_cut() -> None:
    with pytest.raises(TeaError) as refused:
        read(leaf="x", notes="a" * 10_000)
    assert len(str(refused.value)) < 250


def test_one_key_is_read_whatever_else_is_wrong() -> None:
    wrong: dict[str, object] = {"degrees": 80, "hot": "yes"}
    assert read_key(Tea, wrong, "degrees", PATH, "tea", TeaError) == 80.0
    assert read_key(Tea, wrong, "share", PATH, "tea", TeaError) == 0.25
    with pytest.raises(TeaError, match=r"kettle\.toml: \[tea\] hot is 'yes'; give true or false"):
        read_key(Tea, wrong, "hot", PATH, "tea", TeaError)


def test_an_object_made_in_the_program_is_held_to_the_same_bounds() -> None:
    refuse_wrong_values(Tea("x", spoons=4, minutes=(3.0,)))
    with pytest.raises(ValueError, match=r"^share is 1\.5; give a number between 0 and 1$"):
        refuse_wrong_values(Tea("x", share=1.5))


def test_a_page_shows_what_is_declared() -> None:
    assert key_table(Cup).splitlines()[2:] == [
        "| `of` | required | its material |",
        "| `class` | 2 | 1 is small |",
    ]
    shown = key_table(Tea)
    for line in (
        "| `degrees` | 95 | of the water |",
        "| `hot` | true | whether it steams |",
        "| `kind` | `black` | the colour |",
        "| `picked` | unknown | the day |",
        "| `notes` | none | how it tastes |",
    ):
        assert line in shown
    assert "| `brewed`" not in shown
    page = f"# Cups\n\n{BEGIN.format('cup')}\nold\n{END}\n\nMore.\n"
    made = replaced(page, {"cup": Cup})
    assert "old" not in made
    assert made.endswith(f"| 1 is small |\n\n{END}\n\nMore.\n")
    assert replaced(made, {"cup": Cup}) == made
    with pytest.raises(ValueError, match=r"no line <!-- keys of \[tea\]"):
        replaced(page, {"tea": Tea})
