"""A name in one table of a benchmark that is nowhere in the others: one sentence, and the name
that was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.benchmark.specification import Benchmark, read_benchmark

FILE = """
[benchmark]
name = "chest"
opens = 2026-01-01
closes = 2026-12-31
[cohort]
label = "opacity"
attributes = ["sex", "race", "age_group", "site"]
size = 200
tolerance = { sex = 0.1 }
minimum = { cases = 5, attributes = ["race"] }
[cohort.target.label]
0 = 0.7
1 = 0.3
[cohort.target.sex]
Female = 0.5
Male = 0.5
[analysis]
primary = "auroc"
subgroups = ["sex", "race", "age_group"]
intersections = [["race", "sex"]]
primary_gap = "auroc by sex"
gaps = ["sensitivity by race x sex"]
references = { sex = "Male", "race x sex" = "White x Female" }
prevalences = [0.1, 0.2]
specificities = [0.8, 0.9]
[contract]
visible = ["sex"]
[disclosure]
nested = [["age_group", "site"]]
feedback = "held"
[quota]
cohort_looks = 20
[study]
looks = 2
procedure = "fixed-sequence"
[[claims]]
name = "first"
figure = "auroc"
at_least = 0.8
[[claims]]
name = "second"
figure = "sensitivity"
noninferior_to = "reader"
margin = 0.05
each = "race"
after = ["first"]
[[claims]]
name = "third"
figure = "specificity"
at_least = 0.5
within = { sex = "Female", race = "White" }
[comparators.reader]
file = "reader.csv"
call_at = 0.5
[panels.radiologists]
file = "panel.csv"
"""
OPEN = FILE.split("[study]")[0].replace('"held"', '"open"')


def read(folder: Path, text: str, *, installed: bool = False) -> Benchmark:
    (folder / "chest.toml").write_text(text)
    return read_benchmark(folder / "chest.toml", installed=installed)


def refusal(folder: Path, text: str, old: str, new: str) -> str:
    assert text.count(old) >= 1, old
    with pytest.raises(ValueError, match=r"^chest\.toml") as refused:
        read(folder, text.replace(old, new, 1))
    told = str(refused.value)
    assert "\n" not in told
    return told


def test_the_whole_files_are_good(tmp_path: Path) -> None:
    assert read(tmp_path, FILE).study is not None
    assert read(tmp_path, OPEN).study is None


MEANT = (
    ('primary = "auroc"', 'primary = "aurocc"', "auroc"),
    ('primary = "auroc"', 'primary = "sensitvity"', "sensitivity"),
    ("auroc by sex", "aurok by sex", "auroc"),
    ("auroc by sex", "auroc by sx", "sex"),
    ("by race x sex", "by race x sx", "race x sex"),
    ('sex = "Male", "race', 'sx = "Male", "race', "sex"),
    ('sex = "Male", "race', 'sex = "Mal", "race', "Male"),
    ("White x Female", "White x Femal", "Female"),
    ('visible = ["sex"]', 'visible = ["sx"]', "sex"),
    ('["age_group", "site"]]', '["age_grop", "site"]]', "age_group"),
    ('["age_group", "site"]]', '["age_group", "sit"]]', "site"),
    ('feedback = "held"', 'feedback = "hold"', "held"),
    ('"fixed-sequence"', '"fixed-sequnce"', "fixed-sequence"),
    ('figure = "specificity"', 'figure = "specifity"', "specificity"),
    ('noninferior_to = "reader"', 'noninferior_to = "reeder"', "reader"),
    ('after = ["first"]', 'after = ["frst"]', "first"),
    ('each = "race"', 'each = "rce"', "race"),
    ('each = "race"', 'each = "race x sx"', "race x sex"),
    ('within = { sex = "Female", race', 'within = { sx = "Female", race', "race x sex"),
    ('within = { sex = "Female", race', 'within = { sex = "Femal", race', "Female"),
    ('race = "White" }', 'race = "Wite" }', "White"),
    ("[comparators.reader]", "[comparator.reader]", "comparators"),
    ("[panels.radiologists]", "[panel.radiologists]", "panels"),
    ("[cohort.target.sex]", "[cohort.target.sx]", "sex"),
    ("Female = 0.5", "Femal = 0.5", "Female"),
    ("tolerance = { sex", "tolerance = { sx", "sex"),
    ('attributes = ["race"] }', 'attributes = ["rac"] }', "race"),
    ("cohort_looks", "cohort_look", "cohort_looks"),
    ("prevalences =", "prevalence =", "prevalences"),
    ("closes =", "close =", "closes"),
    ("call_at =", "calls_at =", "call_at"),
    ('file = "panel.csv"', 'fil = "panel.csv"', "file"),
)


@pytest.mark.parametrize(("old", "new", "meant"), MEANT)
def test_a_name_of_nothing_is_refused_with_the_one_that_was_meant(
    old: str, new: str, meant: str, tmp_path: Path
) -> None:
    assert f"did you mean '{meant}'?" in refusal(tmp_path, FILE, old, new)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('race x sex" = "White x Female"', 'race x sex" = "White"', "give a level of each"),
        ("references = {", 'references = { site = "A",', "groups are made by sex, race"),
        ('"age_group", "site"]\n', '"age_group", "site", "site"]\n', "has 'site' 2 times"),
        ('"age_group", "site"]\n', '"age_group", "site", "label"]\n', "the reference standard"),
        ("[0.1, 0.2]", "[0.1, 0.1]", "prevalences has 0.1 2 times"),
        ("[0.8, 0.9]", "[0.9, 0.9]", "specificities has 0.9 2 times"),
        ('visible = ["sex"]', 'visible = ["sex", "sex"]', "a list of different names"),
        ("closes = 2026", "closes = 2025", "before opens"),
        ('after = ["first"]', 'after = ["third"]', "comes later in the file"),
    ],
)
def test_what_tables_contradict_is_refused(old: str, new: str, told: str, tmp_path: Path) -> None:
    assert told in refusal(tmp_path, FILE, old, new)


def test_a_comparison_before_anybody_may_submit_is_refused(tmp_path: Path) -> None:
    later = OPEN + "[board]\nfreeze_on = [2026-01-02]\n"
    assert read(tmp_path, later).board.declared
    told = refusal(tmp_path, later, "2026-01-02", "2026-01-01")
    assert "[board] freeze_on has 2026-01-01, and [benchmark] opens on 2026-01-01" in told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('references = { sex = "Male"', 'references = { site = "A"'),
        ("[0.1, 0.2]", "[0.1, 0.1]"),
        ('race = "White" }', 'race = "Wite" }'),
    ],
)
def test_an_installed_file_stays_as_it_was_taken(old: str, new: str, tmp_path: Path) -> None:
    assert old in FILE
    read(tmp_path, FILE.replace(old, new, 1), installed=True)
