"""A benchmark's file with claims, made from the one that comes with the project."""

from __future__ import annotations

from pathlib import Path

from tests.support.repository import REPOSITORY

SHIPPED = (REPOSITORY / "benchmarks" / "simulated-opacity.toml").read_text()

CLAIMS = """
[study]
looks = 3

[[claims]]
name = "AUROC above 0.80"
figure = "auroc"
at_least = 0.80

[[claims]]
name = "Sensitivity and specificity"
parts = [
    { figure = "sensitivity", at_least = 0.85 },
    { figure = "specificity", at_least = 0.75, threshold = 0.4 },
]

[[claims]]
name = "Not worse than the predicate"
figure = "auroc"
noninferior_to = "predicate"
margin = 0.05

[[claims]]
name = "Women"
figure = "auroc"
at_least = 0.70
within = { sex = "Female" }
after = ["AUROC above 0.80"]

[comparators.predicate]
file = "predicate.csv"
"""


def with_claims(
    folder: Path,
    claims: str = CLAIMS,
    *,
    feedback: str = "held",
    interval: str = "score",
    quota: str = "cohort_looks = 40",
    board: str = "",
    intersections: str = "[]",
    name: str = "b",
) -> Path:
    """Write the shipped benchmark with ``claims`` before its tables, and with these values."""
    text = SHIPPED
    crossed = f'intersections = {intersections}\ninterval = "{interval}"'
    for old, new in (
        ('feedback = "open"', f'feedback = "{feedback}"'),
        ('intersections = [["race", "sex"]]', crossed),
        ("days = 7", f"days = 7\n{quota}"),
        ('name = "simulated-opacity"', f'name = "{name}"'),
    ):
        assert old in text
        text = text.replace(old, new)
    path = folder / f"{name}.toml"
    path.write_text(f"{claims}\n{text}\n[board]\n{board}\n")
    return path
