"""A folder of practice cases as an installation has it, of files that no test reads as images."""

from __future__ import annotations

from pathlib import Path

LIST = """case_id,patient_id,label,files,view
practice-000001,practice-patient-000001,0,images/case-000001/0001.dcm,AP
practice-000002,practice-patient-000002,1,images/case-000002/0001.dcm;images/case-000002/0002.dcm,PA
"""
FILES = {
    "images/case-000001/0001.dcm": b"one" * 1000,
    "images/case-000002/0001.dcm": b"",
    "images/case-000002/0002.dcm": bytes(range(256)) * 2000,
}


def practice_cases(folder: Path) -> Path:
    """Write the cases into a new folder, with a file beside that belongs to none."""
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "open.csv").write_text(LIST)
    (folder / "notes.txt").write_text("of no case")
    return folder
