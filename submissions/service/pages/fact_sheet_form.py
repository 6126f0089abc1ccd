"""The fact sheet as a form: fields from its keys, mistakes back to the fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from submissions.fact_sheet import LINES, FactSheet, FactSheetError, Mistake, TrainingData, Used
from submissions.service.pages.forms import Form

ROWS, MORE = 2, 2
UNTRAINED = "untrained"
USED = ((Used.NO, "no"), (Used.YES, "yes"), (Used.UNKNOWN, "we do not know"))
_PLAIN = ("version", "contact", "intended_use", "method", "limits", "reference")


@dataclass(frozen=True, slots=True)
class Labels:
    """Label and hint of each field, by key; those of the training data apart."""

    sheet: Mapping[str, FieldInfo]
    training: Mapping[str, FieldInfo]


LABELS = Labels(FactSheet.model_fields, TrainingData.model_fields)


def rows(form: Form) -> int:
    """How many sets of training data the form has room for."""
    text = form.value("rows")
    number = int(text) if text.isdecimal() and len(text) < 4 else ROWS
    return min(max(ROWS, number + (MORE if form.value("more") else 0)), LINES)


def read(form: Form) -> FactSheet:
    """The fact sheet of a form; raise FactSheetError with the names of the fields as keys."""
    values: dict[str, object] = {name: form.value(name) for name in _PLAIN}
    if form.value("midrc"):
        values["midrc"] = form.value("midrc")
    values["open_data"] = _lines(form.value("open_data"))
    filled = [row for row in range(1, rows(form) + 1) if _is_filled(form, row)]
    values["training"] = [_training(form, row) for row in filled]
    mistakes: list[Mistake] = []
    if not filled and not form.value(UNTRAINED):
        sentence = "No training data are named; name them, or tick that the model was not trained."
        mistakes.append(Mistake(UNTRAINED, sentence))
    if filled and form.value(UNTRAINED):
        sentence = (
            "Training data are named, and the box says that none were used; undo one of both."
        )
        mistakes.append(Mistake(UNTRAINED, sentence))
    try:
        sheet = FactSheet.from_values(values)
    except FactSheetError as error:
        at_fields = [_told(mistake, filled) for mistake in error.mistakes]
        raise FactSheetError([*at_fields, *mistakes]) from None
    if mistakes:
        raise FactSheetError(mistakes)
    return sheet


def typed(sheet: FactSheet) -> dict[str, str]:
    """The fields of a form that says what a fact sheet says."""
    values = {name: str(getattr(sheet, name)) for name in _PLAIN}
    values |= {"midrc": sheet.midrc.value, "open_data": "\n".join(sheet.open_data)}
    values |= {"rows": str(max(ROWS, len(sheet.training)))}
    values |= {UNTRAINED: "" if sheet.training else "yes"}
    for number, data in enumerate(sheet.training, 1):
        values[f"training.{number}.name"] = data.name
        values[f"training.{number}.sites"] = "\n".join(data.sites)
        values[f"training.{number}.patients"] = "" if data.patients is None else str(data.patients)
    return values


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _is_filled(form: Form, row: int) -> bool:
    return any(form.value(f"training.{row}.{name}").strip() for name in TrainingData.model_fields)


def _training(form: Form, row: int) -> dict[str, object]:
    patients = form.value(f"training.{row}.patients").replace(" ", "").replace(",", "")
    return {
        "name": form.value(f"training.{row}.name"),
        "sites": _lines(form.value(f"training.{row}.sites")),
        "patients": int(patients)
        if patients.isdecimal() and len(patients) < 12
        else patients or None,
    }


def _told(mistake: Mistake, filled: list[int]) -> Mistake:
    """The mistake at its field, in the words of the form."""
    parts = mistake.key.split(".")
    rest = mistake.sentence.removeprefix(mistake.key)
    place, fields = parts, LABELS.sheet
    if parts[0] == "training" and len(parts) > 2:
        place, fields = parts[2:], LABELS.training
    label = (fields[place[0]].title if place[0] in fields else "") or "The fact sheet"
    line = f", line {place[1]}," if len(place) > 1 else ""
    if place[0] == "sites" and not line:
        rest = " is empty; write one site on each line, or unknown"
    if place[0] == "midrc":
        label, rest = "", "No answer is chosen; choose one"
    field = place[0]
    if fields is LABELS.training:
        field = f"training.{filled[int(parts[1]) - 1]}.{place[0]}"
    return Mistake(field, f"{label}{line}{rest}.")
