"""What a benchmark's file may claim, and the one sentence that refuses the rest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from evaluator.benchmark.specification import Benchmark, read_benchmark
from evaluator.claims.declaration import ClaimsError
from metrics.claims.claim import Part
from tests.support.claims_file import CLAIMS, SHIPPED, with_claims


def read(folder: Path, claims: str, **others: str) -> Benchmark:
    return read_benchmark(with_claims(folder, claims, **others))


def refused(folder: Path, claims: str, **others: str) -> str:
    """The sentence with which the file is refused."""
    with pytest.raises(ValueError, match=r"^b\.toml: ") as found:
        read(folder, claims, **others)
    return str(found.value)


def test_a_study_is_read_as_it_is_written(tmp_path: Path) -> None:
    benchmark = read(tmp_path, CLAIMS)
    study = benchmark.study
    assert study is not None
    assert benchmark.quota.lifetime == study.looks == 3
    assert [claim.name for claim in study.claims] == [
        "AUROC above 0.80",
        "Sensitivity and specificity",
        "Not worse than the predicate",
        "Women",
    ]
    found = study.with_levels({"sex": ["Male", "Female", "Female"]})
    assert found.procedure == "fixed-sequence"
    assert found.claims[0].parts == (Part(figure="auroc", goal=0.8),)
    assert found.claims[1].parts == (
        Part(figure="sensitivity", goal=0.85),
        Part(figure="specificity", goal=0.75, threshold=0.4),
    )
    assert found.claims[2].parts == (
        Part(figure="auroc", goal=-0.05, comparator="predicate", margin=0.05),
    )
    assert found.claims[3].parts == (
        Part(figure="auroc", goal=0.7, attribute="sex", level="Female"),
    )
    assert found.claims[3].after == ("AUROC above 0.80",)


def test_every_level_of_the_drawn_cases_is_a_part_and_the_unknown_is_none(tmp_path: Path) -> None:
    text = '[[claims]]\nname = "a"\nfigure = "auroc"\nat_least = 0.7\neach = "sex x race"\n'
    study = read(tmp_path, text, intersections='[["race", "sex"]]').study
    assert study is not None
    assert study.grouped_by == ("race x sex",)
    columns = {
        "sex": ["Male", "Female", "Male", "Female"],
        "race": ["White", "White", "Not Reported", "Asian"],
    }
    assert [part.level for part in study.with_levels(columns).claims[0].parts] == [
        "Asian x Female",
        "White x Female",
        "White x Male",
    ]
    with pytest.raises(ClaimsError, match="which no case has"):
        study.with_levels({"sex": ["Male"], "race": ["Not Reported"]})


def test_without_claims_a_benchmark_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / "plain.toml"
    path.write_text(SHIPPED)
    plain = read_benchmark(path)
    assert plain.study is None
    assert plain.quota.lifetime is None
    assert plain.digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_digest_is_of_every_choice(tmp_path: Path) -> None:
    one = read(tmp_path, CLAIMS).study
    again = read(tmp_path, CLAIMS).study
    other = read(tmp_path, CLAIMS.replace("0.85", "0.84")).study
    assert one is not None
    assert again is not None
    assert other is not None
    assert one.digest == again.digest != other.digest


CLAIM = '[[claims]]\nname = "a"\n'


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ("at_least = 1.2", "[[claims]] claim 1 at_least is 1.2; give a number above 0 and below 1"),
        ("at_least = 0.8005", "at_least is 0.8005; bounds are printed to three decimals"),
        ("at_least = 0.8\nat_most = 0.9", "auroc has at_least and at_most; give one of"),
        ("", "auroc has no goal; give one of at_least, at_most, superior_to and noninferior_to"),
        ('superior_to = "p"\nat_least = 0.8', "auroc has at_least and superior_to; give one of"),
        ('noninferior_to = "p"\nmargin = 0', "margin is 0; give a number above 0 and below 1"),
        ('noninferior_to = "p"\nmargin = 1.5', "margin is 1.5; give a number above 0 and below 1"),
        ('noninferior_to = "p"', "noninferior_to 'p' without a margin; give one"),
        ("at_least = 0.8\nmargin = 0.1", "auroc has a margin beside at_least; leave it out"),
        ("at_least = 0.8\nthreshold = 0.5", "an AUROC has no operating point; leave threshold out"),
        ("at_least = 0.8\natleast = 0.8", "'atleast', which is no key (did you mean 'at_least'"),
        (
            'superior_to = "predikate"\n[comparators.predicate]\nfile = "p.csv"',
            "no table [comparators.predikate] is there (did you mean 'predicate'?)",
        ),
        (
            'at_least = 0.8\n[comparators.predicate]\nfile = "p.csv"',
            "[comparators.predicate] is compared with by no claim",
        ),
        (
            'superior_to = "p"\n[comparators.p]\nfile = "p.csv"\ncalls = "call"',
            "compares AUROCs, and 'p' has calls alone",
        ),
        (
            'superior_to = "p"\n[comparators.p]\nfile = "../p.csv"',
            "[comparators.p]: file is '../p.csv'; give the name of a table that lies beside",
        ),
        ('at_least = 0.8\nafter = ["b"]', "claim 'a' stands after 'b', which is no claim"),
        ('at_least = 0.8\nafter = ["a"]', "claim 'a' stands after itself"),
        (
            'at_least = 0.8\nafter = ["b"]\n[[claims]]\nname = "b"\nfigure = "auroc"\n'
            "at_least = 0.7",
            "claim 'a' stands after 'b', which comes later in the file; put 'b' before it",
        ),
        (
            'at_least = 0.8\n[[claims]]\nname = "A"\nfigure = "auroc"\nat_least = 0.7',
            "two claims are named 'A'; give each its own name",
        ),
        (
            'at_least = 0.8\nwithin = { sex = "Female" }\neach = "sex"',
            "is within one level of sex and for each of its levels",
        ),
        (
            'at_least = 0.8\nwithin = { age_group = "60-75" }',
            "the age group '60-75' (did you mean '60-74'?); [cohort] age_bands make under 18, ",
        ),
        ('at_least = 0.8\neach = "rase"', "[analysis] subgroups has sex, age_group, race, site"),
        ('at_least = 0.8\neach = "sex x race"', "add ['sex', 'race'] there"),
        (
            'at_least = 0.8\nparts = [{ figure = "sensitivity", at_least = 0.8 }]',
            "has parts and also figure, at_least",
        ),
    ],
)
def test_one_sentence_says_what_is_wrong_with_a_claim(
    tmp_path: Path, claims: str, said: str
) -> None:
    told = refused(tmp_path, f'{CLAIM}figure = "auroc"\n{claims}\n')
    assert said in told


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ('"brier"', "figure is 'brier', a figure that no claim covers yet; those covered are"),
        ('"senstivity"', "no figure of a benchmark (did you mean 'sensitivity'?)"),
        ("3", "figure is 3; give one of 'auroc', 'sensitivity', 'specificity'"),
        ('"sensitivity"\nthreshold = 1.5', "threshold is 1.5; containers give probabilities"),
        ('"sensitivity"\nthreshold = "best"', "threshold is 'best'; give 'submitted', or a number"),
        (
            '"sensitivity"\nsuperior_to = "p"\n[comparators.p]\nfile = "p.csv"',
            "compares sensitivity, and 'p' has scores without call_at",
        ),
    ],
)
def test_one_sentence_says_what_is_wrong_with_a_figure(
    tmp_path: Path, figure: str, said: str
) -> None:
    goal = "" if "superior_to" in figure else "\nat_least = 0.8"
    assert said in refused(tmp_path, f"{CLAIM}figure = {figure}{goal}\n")


PLAIN = f'{CLAIM}figure = "auroc"\nat_least = 0.8\n'


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"feedback": "open"}, "feedback is 'open' beside [[claims]]"),
        ({"interval": "symmetric"}, "[analysis] interval is 'symmetric' beside [[claims]]"),
        ({"quota": "cohort_looks = 40\nlifetime = 9"}, "[quota] lifetime is 9 and [study] looks"),
        ({"quota": ""}, "no use of the cases is capped; give [quota] cohort_looks"),
        ({"board": "freeze_every = 5"}, "[board] declares comparisons beside [[claims]]"),
    ],
)
def test_the_other_tables_must_fit_the_claims(
    tmp_path: Path, others: dict[str, str], said: str
) -> None:
    assert said in refused(tmp_path, PLAIN, **others)


def test_a_study_without_claims_and_claims_of_another_kind_are_refused(tmp_path: Path) -> None:
    assert "the file has no [[claims]]" in refused(tmp_path, "[study]\nlooks = 2\n")
    assert "begin each table with [[claims]]" in refused(tmp_path, 'claims = "auroc"\n')
    assert "claims is empty" in refused(tmp_path, "claims = []\n")
    holm = '[study]\nprocedure = "holmes"\n'
    assert "(did you mean 'holm'?)" in refused(tmp_path, holm + PLAIN)


def test_holms_procedure_refuses_a_gate_that_leaves_out_a_claim(tmp_path: Path) -> None:
    claims = '[study]\nprocedure = "holm"\n' + "".join(
        f'[[claims]]\nname = "{name}"\nfigure = "auroc"\nat_least = 0.8\n{after}'
        for name, after in (("a", ""), ("b", ""), ("c", 'after = ["a"]\n'))
    )
    assert "'c' stands behind some claims" in refused(tmp_path, claims)
    whole = claims.replace('after = ["a"]', 'after = ["a", "b"]')
    assert read(tmp_path, whole).study is not None
