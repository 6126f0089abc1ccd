"""A benchmark's file as a whole: its tables, and what is made from their declarations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from cohort_selection.benchmark_keys.keys import Called
from cohort_selection.benchmark_keys.reading import keys_of
from cohort_selection.benchmark_keys.reference import Schema, without_defaults_of_other_form
from cohort_selection.clinical.columns import ClinicalColumns
from cohort_selection.plan.cohort_plan import CohortPlan
from cohort_selection.task.declaration import Task
from evaluator.benchmark.about import About
from evaluator.benchmark.board import Freezes
from evaluator.claims.declaration import Comparator, DeclaredClaim, StudyTable
from evaluator.disclosure.rule import Disclosure
from evaluator.readers.declaration import Panel
from evaluator.scoring.analysis_plan import AnalysisPlan
from submissions.contract import Contract
from submissions.practice import Practice
from submissions.quota import Quota


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkFile:
    """Every table that the file may have; each is declared in the room that it belongs to."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    benchmark: Annotated[
        About, Field(description="What the benchmark is called, and when it takes submissions.")
    ] = field(default_factory=About)
    clinical: Annotated[
        ClinicalColumns, Field(description="Which columns foreign clinical tables call what.")
    ] = field(default_factory=ClinicalColumns)
    cohort: Annotated[
        CohortPlan, Field(description="Who counts, how the commons is split, what is drawn.")
    ]
    contract: Annotated[
        Contract, Field(description="What a container may use, and what it gives.")
    ] = field(default_factory=Contract)
    task: Annotated[
        Task, Field(description="What a model gives for a case, and what is right.")
    ] = field(default_factory=Task)
    quota: Annotated[Quota, Field(description="How often a team may submit.")] = field(
        default_factory=Quota
    )
    practice: Annotated[
        Practice, Field(description="The cases on which a submission is tried first.")
    ] = field(default_factory=Practice)
    analysis: Annotated[AnalysisPlan, Field(description="What is computed.")] = field(
        default_factory=AnalysisPlan
    )
    disclosure: Annotated[
        Disclosure, Field(description="How small a group may be shown, and how exactly.")
    ] = field(default_factory=Disclosure)
    board: Annotated[
        Freezes, Field(description="When submissions are compared with one another.")
    ] = field(default_factory=Freezes)
    study: Annotated[StudyTable, Field(description="The error that all claims share, and how.")] = (
        field(default_factory=StudyTable)
    )
    claims: Annotated[
        tuple[DeclaredClaim, ...],
        Called("claim"),
        Field(description="What must hold: each claim is met or not shown."),
    ] = ()
    comparators: Annotated[
        Mapping[str, Comparator],
        Field(description="Whom submissions are compared with on the same cases."),
    ] = field(default_factory=dict)
    panels: Annotated[
        Mapping[str, Panel],
        Field(description="Readers beside whom each report shows its model, on the same cases."),
    ] = field(default_factory=dict)


TABLES = tuple(keys_of(BenchmarkFile))
"""The names of all tables of the file."""


def tables() -> dict[str, type[Any]]:
    """Every table with the class that declares it, "cohort.label" and "[cohort.include]" too."""
    by_class: dict[type[Any], str] = {}

    def add(kind: type[Any], within: str) -> None:
        for name, key in keys_of(kind).items():
            if key.table is not None and key.table not in by_class:
                full = f"{within}{name}.NAME" if key.by_name else f"{within}{name}"
                by_class[key.table] = f"[{full}]" if key.many else full
                add(key.table, f"{full}.")

    add(BenchmarkFile, "")
    return {name: kind for kind, name in by_class.items()}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a benchmark's file, for editors; a date is a string in it."""
    schema = TypeAdapter(BenchmarkFile).json_schema(schema_generator=Schema)
    without_defaults_of_other_form(schema, tables().values())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Benchmark of Sequestra",
        "description": "One TOML file says everything about a benchmark.",
    }
