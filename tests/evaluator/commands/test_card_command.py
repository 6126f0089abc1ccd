"""The cohort's card through the command line: batches over time, offline, as page and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.commands import refused, succeed
from tests.support.repository import REPOSITORY


def test_a_card_has_a_line_for_each_batch_of_patients(tmp_path: Path) -> None:
    succeed("simulate", tmp_path / "commons", "--patients", "160")
    clinical = tmp_path / "commons" / "clinical.csv"
    catalog = ("--catalog", tmp_path / "catalog")
    home = ("--home", tmp_path / "home")
    succeed("index", tmp_path / "commons" / "dicom", "--clinical", clinical, "-o", catalog[1])
    text = (REPOSITORY / "benchmarks" / "simulated-opacity.toml").read_text()
    text = text.replace("size = 200", "size = 40")
    for name, age in (("older", 60), ("everybody", 18)):
        path = tmp_path / f"{name}.toml"
        path.write_text(
            text.replace("simulated-opacity", name).replace(
                "minimum_age = 18", f"minimum_age = {age}"
            )
        )
        succeed(
            *("sequester", path, "--open", tmp_path / f"{name}.csv", "--batch", f"the {name}"),
            *catalog, *home,
        )  # fmt: skip
    complained = refused("card", "everybody", "-o", tmp_path / "card.html", *catalog, *home)
    assert "no matched cohort for 'everybody'; run `sequestra match everybody` first" in complained
    succeed("match", "everybody", *catalog, *home)
    outputs = ("-o", tmp_path / "card.html", "--json", tmp_path / "card.json")
    succeed("card", "everybody", *outputs, *catalog, *home)
    found = json.loads((tmp_path / "card.json").read_text())
    assert "the older" in json.dumps(found)
    assert "the everybody" in json.dumps(found)
    page = (tmp_path / "card.html").read_text()
    assert "the older" in page
    assert 'src="http' not in page


def test_a_list_of_what_nobody_looks_for_is_refused(tmp_path: Path) -> None:
    asked = ("--no-text", "--suspects", tmp_path / "s.csv", "-o", tmp_path / "card.html")
    told = refused("card", "any", "--catalog", tmp_path, "--home", tmp_path, *asked)
    assert "--no-text looks for none; leave one of the two out" in told
    assert not (tmp_path / "s.csv").exists()
