from __future__ import annotations

import os
import random
import resource
import socket
import tracemalloc
from pathlib import Path

import pytest

from submissions.contract import Contract, ContractError, read_contract
from submissions.predictions import parse_predictions, read_predictions
from submissions.submission import ContractBroken, Failure

BENCHMARK = Path("benchmarks/chest.toml")
CASES = ("a", "b", "c")
CONTRACT = Contract(output_bytes=1024)


def parsed(text: bytes, contract: Contract = CONTRACT) -> dict[str, tuple[float, ...]]:
    return dict(parse_predictions(text, CASES, contract).values)


def failure(text: bytes, contract: Contract = CONTRACT) -> Failure:
    with pytest.raises(ContractBroken) as broken:
        parse_predictions(text, CASES, contract)
    return broken.value.failure


def test_an_empty_table_is_the_default_contract() -> None:
    assert read_contract({}, BENCHMARK) == Contract()


def test_a_table_is_read() -> None:
    table = {"outputs": ["edema", "effusion"], "visible": ["age"], "cpus": 2, "tmp_mb": 64}
    contract = read_contract(table, BENCHMARK)
    assert contract == Contract(
        outputs=("edema", "effusion"), visible=("age",), cpus=2.0, tmp_mb=64
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            {"memory": 1},
            r"^chest\.toml: \[contract\] has 'memory', which is no key \(did you mean "
            r"'memory_mb'\?\); its keys are outputs, visible, start_seconds",
        ),
        ({"repeat_tolerance": 0.2}, r"repeat_tolerance is 0\.2; give a number from 0 to 0\.1"),
        ({"repeat_tolerance": -1e-9}, r"repeat_tolerance is -1e-09; give a number from 0 to 0\.1"),
        ({"memory_mb": "2 GB"}, r"\[contract\] memory_mb is '2 GB'; give a whole number"),
        ({"memory_mb": 2048.5}, r"give a whole number"),
        ({"memory_mb": True}, r"give a whole number"),
        ({"memory_mb": 0}, r"memory_mb is 0; give a whole number from 16 to 4,194,304"),
        ({"start_seconds": float("nan")}, r"give a number from"),
        ({"outputs": []}, r"outputs is \[\]; give a list .* \(at least one\)"),
        ({"outputs": "probability"}, r"give a list"),
        ({"outputs": ["p", "p"]}, r"different names"),
        ({"outputs": ["case_id"]}, r"without case_id"),
        ({"outputs": ["=cmd"]}, r"small letters, digits and _"),
        ({"visible": [3]}, r"give a list"),
    ],
)
def test_a_wrong_table_is_refused_with_what_to_do(table: dict[str, object], said: str) -> None:
    with pytest.raises(ContractError, match=said):
        read_contract(table, BENCHMARK)


def test_the_limit_grows_with_the_cases() -> None:
    assert Contract(start_seconds=60, case_seconds=2).seconds(10) == 80


def test_rows_come_in_any_order() -> None:
    found = parsed(b"case_id,probability\nc,1\na,0.25\nb,5e-1\n")
    assert found == {"a": (0.25,), "b": (0.5,), "c": (1.0,)}


@pytest.mark.parametrize(
    "text",
    [
        b"case_id,probability\r\na,0\r\nb,0\r\nc,0\r\n",
        b"case_id,probability\na,0\nb,0\nc,0",
        b'"case_id","probability"\n"a",0\n"b",0\n"c","0.0"\n',
        b"case_id,probability\na,0.\nb,.0\nc,+0e-10\n",
        b"case_id,probability\na,-0.0\nb,-1e-9\nc,0.0000000000000000000000000000000000000\n",
    ],
    ids=["CRLF", "no last line end", "quoted cells", "spellings of zero", "minus zero"],
)
def test_what_common_writers_write_is_read(text: bytes) -> None:
    assert parsed(text) == {"a": (0.0,), "b": (0.0,), "c": (0.0,)}
    assert "-" not in str(parsed(text))


def test_values_are_rounded_to_six_decimals_before_their_range_is_judged() -> None:
    found = parsed(b"case_id,probability\na,0.12345649\nb,0.1234565001\nc,1.0000001\n")
    assert found == {"a": (0.123456,), "b": (0.123457,), "c": (1.0,)}


def test_several_outputs_keep_the_order_of_the_contract() -> None:
    contract = Contract(outputs=("edema", "effusion"))
    found = parsed(b"case_id,edema,effusion\na,0.1,0.2\nb,0.3,0.4\nc,0.5,0.6\n", contract)
    assert found == {"a": (0.1, 0.2), "b": (0.3, 0.4), "c": (0.5, 0.6)}
    swapped = b"case_id,effusion,edema\na,0.1,0.2\nb,0.3,0.4\nc,0.5,0.6\n"
    assert failure(swapped, contract) is Failure.PREDICTIONS_MALFORMED


HEADER = b"case_id,probability\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", Failure.NO_PREDICTIONS),
        (b"\n", Failure.PREDICTIONS_MALFORMED),
        (HEADER, Failure.PREDICTIONS_INCOMPLETE),
        (HEADER + b"a,0\nb,0\n", Failure.PREDICTIONS_INCOMPLETE),
        (HEADER + b"a,0\nb,0\nc,0\nd,0\n", Failure.PREDICTIONS_UNKNOWN_CASE),
        (HEADER + b"a,0\nb,0\nc,0\nc,0\n", Failure.PREDICTIONS_UNKNOWN_CASE),
        (HEADER + b" a,0\nb,0\nc,0\n", Failure.PREDICTIONS_UNKNOWN_CASE),
        (HEADER + b"a,0\n\nb,0\nc,0\n", Failure.PREDICTIONS_MALFORMED),
        (HEADER + b"a,0\nb,0\nc,0\n\n", Failure.PREDICTIONS_MALFORMED),
        (HEADER + b"a;0\n", Failure.PREDICTIONS_MALFORMED),
        (HEADER + b"a,0,0\n", Failure.PREDICTIONS_MALFORMED),
        (HEADER + b"a,0\rb,0\rc,0\r", Failure.PREDICTIONS_MALFORMED),
        (HEADER + b'"a\n",0\n', Failure.PREDICTIONS_MALFORMED),
        (HEADER + b'a,"0\n', Failure.PREDICTIONS_MALFORMED),
        (HEADER + b"a,0\nb\x00,0\n", Failure.PREDICTIONS_MALFORMED),
        (b"\xef\xbb\xbf" + HEADER, Failure.PREDICTIONS_MALFORMED),
        (b"\xff\xfe" + HEADER.decode().encode("utf-16-le"), Failure.PREDICTIONS_MALFORMED),
        (b"Case_ID,probability\n", Failure.PREDICTIONS_MALFORMED),
        (b"probability,case_id\n", Failure.PREDICTIONS_MALFORMED),
        (HEADER + b"a,nan\n", Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + b"a,NaN\n", Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + b"a,-inf\n", Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + b"a,1e999\n", Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + b"a,0x1p-3\n", Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + b"a,1_0\n", Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + "a,\u0660.\u0665\n".encode(), Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + b"a, 0.5\n", Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + b"a,\n", Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + b"a,0.5%\n", Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + b"a,1.00001\n", Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + b"a,-0.00001\n", Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + b"a,=1\n", Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + b"a," + b"0" * 500 + b"\n", Failure.PREDICTIONS_OUT_OF_RANGE),
        (HEADER + b"x" * 2000, Failure.PREDICTIONS_MALFORMED),
        (b"\n" * 1024, Failure.PREDICTIONS_MALFORMED),
        (HEADER + b"," * 1000, Failure.PREDICTIONS_MALFORMED),
    ],
)
def test_each_fault_has_its_failure(text: bytes, expected: Failure) -> None:
    assert failure(text) is expected


def test_what_a_container_wrote_is_escaped_and_short_on_the_stewards_console() -> None:
    with pytest.raises(ContractBroken) as broken:
        parsed(HEADER + b"\x1b[2J" + b"x" * 300 + b",0\n")
    assert "\x1b" not in broken.value.detail
    assert len(broken.value.detail) < 150


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    file.write_bytes(HEADER + b"a,0\nb,0.5\nc,1\n")
    assert dict(read_predictions(file, CASES, CONTRACT).values)["b"] == (0.5,)


def test_a_file_that_is_gone_is_no_prediction(tmp_path: Path) -> None:
    with pytest.raises(ContractBroken) as broken:
        read_predictions(tmp_path / "predictions.csv", CASES, CONTRACT)
    assert broken.value.failure is Failure.NO_PREDICTIONS


def test_only_a_regular_file_with_one_link_is_read(tmp_path: Path) -> None:
    good = tmp_path / "good.csv"
    good.write_bytes(HEADER + b"a,0\nb,0\nc,0\n")
    places = {name: tmp_path / name for name in ("symlink", "fifo", "folder", "socket", "hard")}
    places["symlink"].symlink_to(good)
    os.mkfifo(places["fifo"])
    places["folder"].mkdir()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(places["socket"]))
    places["hard"].hardlink_to(good)
    for path in (*places.values(), Path("/dev/zero")):
        with pytest.raises(ContractBroken) as broken:
            read_predictions(path, CASES, CONTRACT)
        assert broken.value.failure is Failure.PREDICTIONS_MALFORMED


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    with file.open("wb") as written:
        written.truncate(2**34)
    tracemalloc.start()
    with pytest.raises(ContractBroken, match="over the limit of 1024 bytes"):
        read_predictions(file, CASES, CONTRACT)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


GOOD = HEADER + b"".join(b"case%d,0.%d\n" % (index, index) for index in range(20))
TOKENS = (
    b"\n", b"\r\n", b"\r", b",", b'"', b"\0", b"\xff", b"\xef\xbb\xbf", b"nan", b"inf", b"1e999",
    b"-1", b"1e-400", b"0x1p3", b"=cmd|' /C calc'!A0", b"\xd9\xa1", b"1_0", b"case3", b"case_id",
    b"\xe2\x80\xa8", b"\x85", b"\x0c", b"\x1c", b" ", b"\t", b"9" * 400, b"e" * 50, b"'", b"--",
    b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"0." + b"1" * 70,
)  # fmt: skip


def mutated(random_: random.Random) -> bytes:
    text = bytearray(GOOD)
    for _ in range(random_.randint(1, 6)):
        place = random_.randrange(len(text) + 1)
        match random_.randrange(6):
            case 0:
                text[place:place] = random_.choice(TOKENS)
            case 1:
                del text[place : place + random_.randint(1, 30)]
            case 2 if place < len(text):
                text[place] = random_.randrange(256)
            case 3:
                text[place:place] = text[: random_.randint(0, 40)]
            case 4:
                text[place:place] = random_.choice(TOKENS) * random_.choice((2, 50, 3000))
            case _:
                text[place : place + 4] = random_.randbytes(random_.randint(0, 8))
    return bytes(text)


def test_twenty_thousand_mutated_files_end_in_values_or_a_failure() -> None:
    cases = [f"case{index}" for index in range(20)]
    contract = Contract(output_bytes=20_000)
    random_ = random.Random(1)
    ends: dict[str, int] = {}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(20_000):
        text = mutated(random_)
        try:
            found = parse_predictions(text, cases, contract)
        except ContractBroken as broken:
            end = broken.failure.value
        else:
            end = "values"
            assert set(found.values) == set(cases)
            assert all(0.0 <= value <= 1.0 for (value,) in found.values.values())
        ends[end] = ends.get(end, 0) + 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024  # kilobytes
    # The mutations are worth something only if they reach every end.
    assert set(ends) == {
        "values",
        "predictions-malformed",
        "predictions-incomplete",
        "predictions-unknown-case",
        "predictions-out-of-range",
    }


def test_a_large_file_of_nothing_but_separators_costs_little() -> None:
    contract = Contract(output_bytes=4_000_000)
    for byte in (b"\n", b",", b'"', b"\r", b"0", b"\xc3\xa9"):
        tracemalloc.start()
        with pytest.raises(ContractBroken):
            parse_predictions(HEADER + byte * (3_999_000 // len(byte)), CASES, contract)
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
        tracemalloc.stop()
