"""Figures of real demographics, groups and images against scipy, fairlearn and R pROC."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from metrics.discrimination.delong import auroc_estimate
from metrics.operating_points import rates as operating_point
from metrics.target_population import divergence

FILES = {
    "midrc_open_cumulative (last row)": "midrc_open_cumulative",
    "us_census": "us_census",
    "cdc_covid_cases (last row)": "cdc_covid_cases_cumulative",
}


def rows_of(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def last_row(folder: Path, source: str, attribute: str) -> dict[str, float]:
    row = rows_of(folder / f"{FILES[source]}_{attribute}.csv")[-1]
    counts = {
        name.replace(" (CUSUM)", "").lower(): value
        for name, value in row.items()
        if "(%)" not in name and name.lower() not in ("date", "group", "age group")
    }
    return {
        name: float(value) for name, value in counts.items() if value.replace(".", "").isdigit()
    }


def test_distances_of_real_populations_are_those_of_scipy(shared_data: Path) -> None:
    rows = rows_of(shared_data / "reference" / "jsd_scipy.csv")
    assert len(rows) == 25
    for row in rows:
        levels = [level.lower() for level in row["categories"].split("|")]
        a, b = (
            last_row(shared_data / "demographics", row[side], row["attribute"])
            for side in ("dataset", "reference")
        )
        # a level that one source does not list has no mass there
        p, q = [a.get(x, 0.0) for x in levels], [b.get(x, 0.0) for x in levels]
        found = divergence.jensen_shannon(p, q), divergence.jensen_shannon(p, q, np.e)
        expected = float(row["jsd_base2"]), float(row["jsd_base_e"])
        assert found == pytest.approx(expected, abs=1e-9), row


def test_images_in_the_pack_have_the_bounds_of_proc(shared_data: Path) -> None:
    cases = rows_of(shared_data / "scores" / "nih_chexnet_scores_images_in_pack.csv")
    age = np.array([float(case["age"]) for case in cases])
    bands = np.array(["0-39", "40-59", "60-79", "80+"])[np.digitize(age, [40, 60, 80])]
    groups = {
        "sex": np.array([case["sex"] for case in cases]),
        "view": np.array([case["view"] for case in cases]),
        "age": bands,
    }
    name = "nih_chexnet_images_in_pack_auc_delong_pROC.csv"
    compared = 0
    for row in rows_of(shared_data / "reference" / name):
        attribute, _, level = row["subgroup"].partition("=")
        kept = groups[attribute] == level if level else np.ones(age.size, dtype=bool)
        y = np.array([case[row["label"]] == "1" for case in cases])[kept]
        s = np.array([float(case["prob_" + row["label"]]) for case in cases])[kept]
        assert (y.size, int(y.sum())) == (int(row["n"]), int(row["positives"]))
        if row["auc"] == "NA":
            continue
        found = auroc_estimate(y, s, interval="symmetric")
        expected = tuple(float(row[key]) for key in ("auc", "ci95_low", "ci95_high"))
        if found.value == 1.0 or expected[1] == expected[2]:
            continue
        assert (found.value, found.low, found.high) == pytest.approx(expected, abs=1e-9), row
        compared += 1
    assert compared > 90


def test_asah_markers_by_gender_have_the_bounds_of_proc(shared_data: Path) -> None:
    cases = rows_of(shared_data / "scores" / "asah.csv")
    rows = rows_of(shared_data / "reference" / "asah_auc_delong_pROC.csv")
    assert rows
    for row in rows:
        kept = [c for c in cases if row["subgroup"] in ("overall", c["gender"])]
        y = np.array([case["outcome"] == "Poor" for case in kept])
        s = np.array([float(case[row["marker"]]) for case in kept])
        found = auroc_estimate(y, s, interval="symmetric")
        expected = tuple(float(row[key]) for key in ("auc", "ci95_low", "ci95_high"))
        assert (found.value, found.low, found.high) == pytest.approx(expected, abs=1e-9)


def test_tables_of_groups_are_those_of_fairlearn(shared_data: Path) -> None:
    cases = rows_of(shared_data / "scores" / "nih_chexnet_scores.csv.gz")
    age = np.array([float(case["age"]) for case in cases])
    groups = {
        "sex": np.array([case["sex"] for case in cases]),
        "view": np.array([case["view"] for case in cases]),
        "age_band": np.array(["0-39", "40-59", "60-79", "80+"])[np.digitize(age, [40, 60, 80])],
    }
    rates = {
        "selection_rate": operating_point.selection_rate,
        "tpr": operating_point.sensitivity,
        "fpr": operating_point.false_positive_rate,
        "ppv": operating_point.ppv,
    }
    rows = rows_of(shared_data / "reference" / "nih_chexnet_groups_fairlearn-0.15.csv")
    labels = {row["label"] for row in rows}
    arrays = {
        label: (
            np.array([case[label] == "1" for case in cases]),
            np.array([float(case["prob_" + label]) for case in cases]),
        )
        for label in labels
    }
    for row in rows:
        y, s = arrays[row["label"]]
        kept = groups[row["attribute"]] == row["group"]
        table = operating_point.confusion(y[kept], s[kept], float(row["threshold"]))
        counts = tuple(int(row[name]) for name in ("tp", "fp", "fn", "tn"))
        assert (table.tp, table.fp, table.fn, table.tn) == counts
        for name, rate in rates.items():
            if name == "tpr" and table.tp + table.fn == 0:
                continue  # fairlearn prints 0 where there is no positive case
            if name == "ppv" and table.tp + table.fp == 0:
                continue
            assert rate(table) == pytest.approx(float(row[name]), abs=1e-12), (row, name)
