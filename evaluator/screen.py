"""The console of all commands: it cuts no value, and a fault of the output ends no command."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, cast

from rich.align import AlignMethod
from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.rule import Rule
from rich.style import Style
from rich.table import Table
from rich.text import Text

UNBOUNDED = 1_000_000
"""Columns of what is no terminal: a pipe or a file takes a line of any length."""

RULE = 80
LONGEST_WORD = 24
"""A longer word, such as a digest, may go on in the next line of its cell; a number never does."""

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of what has no shape of its own: controls, formats, lone surrogates."""


_ALIKE = str.maketrans(
    {"–": "-", "—": "-", "−": "-", "×": "x", "±": "+-", "≥": ">=", "≤": "<=", "…": "...", "’": "'"}
)


class Screen(Console):
    """A console that takes text as it is, in full, and whose own troubles stop nobody's work.

    Brackets and colons in a text are no markup. A character that moves the cursor or that the
    terminal's encoding lacks is written as Python writes it (``\\x1b``). What cannot be written,
    since the reader of a pipe has gone or a disk is full, is kept in ``lost``.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        """Standard output, or standard error."""
        self.lost: OSError | None = None
        super().__init__(stderr=stderr, markup=False, emoji=False)
        # Else COLUMNS would hold in a pipe, too.
        self._width = self._height = None

    @property
    def file(self) -> IO[str]:
        """Where it writes."""
        # Looked up for each line: a test, or a progress bar, may put another in its place.
        return cast("IO[str]", _Steady(cast("IO[str]", Console.file.__get__(self)), self._lose))

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        self._file = new_file

    @property
    def size(self) -> ConsoleDimensions:
        """Columns and lines; a pipe has as many columns as a line needs."""
        size = cast("ConsoleDimensions", Console.size.__get__(self))
        if self._width is None and not self.file.isatty():
            return ConsoleDimensions(UNBOUNDED, size.height)
        return size

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size

    def render_str(self, text: str, **how: Any) -> Text:
        """A text as it can be shown here."""
        return super().render_str(shown(text, self.encoding), **how)

    def rule(
        self,
        title: str | Text = "",
        *,
        characters: str = "─",
        style: str | Style = "rule.line",
        align: AlignMethod = "center",
    ) -> None:
        """A line with a title, of ``RULE`` columns in a pipe."""
        line = Rule(title=title, characters=characters, style=style, align=align)
        self.print(line, width=min(self.width, RULE))

    def _lose(self, error: OSError, stream: IO[str]) -> None:
        self.lost = self.lost or error
        with suppress(OSError, ValueError):
            # Else Python would complain once more when it empties the stream at its end.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


class _Steady:
    """A stream to which writing never fails."""

    def __init__(self, stream: IO[str], lose: Callable[[OSError, IO[str]], None]) -> None:
        self._stream = stream
        self._lose = lose

    def write(self, text: str) -> int:
        with self._kept():
            self._stream.write(encodable(text, getattr(self._stream, "encoding", None) or "utf-8"))
        return len(text)

    def flush(self) -> None:
        with self._kept():
            self._stream.flush()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._lose(error, self._stream)
        except ValueError:  # it is closed
            pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def shown(text: str, encoding: str = "utf-8") -> str:
    """A text of others as a terminal can show it: no character acts on the terminal.

    A line's end and a tab stay; what is not in ``encoding`` is written by its number.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(8)
    text_shown = "".join(
        each if each == "\n" or unicodedata.category(each) not in _UNSEEN else _numbered(each)
        for each in lines
    )
    return encodable(text_shown, encoding)


def encodable(text: str, encoding: str) -> str:
    """A text without what an encoding lacks: signs by their like, all else by its number."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        alike = text.translate(_ALIKE)
        return alike.encode(encoding, "backslashreplace").decode(encoding)
    return text


def _numbered(character: str) -> str:
    number = ord(character)
    return (
        f"\\x{number:02x}"
        if number < 0x100
        else character.encode("ascii", "backslashreplace").decode()
    )


def styled(*parts: str | tuple[str, str]) -> Text:
    """One text of parts, plain or (text, style)."""
    return Text.assemble(
        *(shown(each) if isinstance(each, str) else (shown(each[0]), each[1]) for each in parts)
    )


class Sheet(Table):
    """A table that drops no value.

    Where it is too wide, its texts go on in further lines; where a number would have to, each row
    becomes a list of its own, ``heading: value``.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay it out as a table where it fits, as lists where it does not."""
        columns = [[_text(console, cell) for cell in (c.header, *c.cells)] for c in self.columns]
        for column, (header, *cells) in zip(self.columns, columns, strict=True):
            column.header, column._cells, column.overflow = header, list(cells), "fold"
        if self.title:
            self.title = _text(console, self.title)
            self.title.style = "table.title"
        most = [max((_widest(cell) for cell in cells), default=0) for cells in columns]
        whole = Measurement.get(console, options.update(width=UNBOUNDED), self).maximum
        room = options.max_width - (whole - sum(most))
        least = [
            width if column.no_wrap else max((_word(cell) for cell in cells), default=0)
            for column, cells, width in zip(self.columns, columns, most, strict=True)
        ]
        if sum(most) > room:
            if sum(least) > room:
                yield from self._lists(console, columns)
                return
            for column, width in zip(self.columns, _shared(most, least, room), strict=True):
                column.width = width
        yield from super().__rich_console__(console, options)

    def _lists(self, console: Console, columns: list[list[Text]]) -> Iterator[Text]:
        if isinstance(self.title, Text):
            yield self.title
        headings = [cells[0].split("\n") for cells in columns]
        for row in range(self.row_count):
            yield Text("")
            for heads, cells in zip(headings, columns, strict=True):
                values = cells[1 + row].split("\n", allow_blank=True)
                pairs = list(zip(heads, values, strict=False))
                if len(values) != len(heads):
                    pairs = [(Text(" ").join(heads), Text(" ").join(values))]
                for head, value in pairs:
                    if value.plain.strip():
                        line = Text.assemble((f"{head.plain}: ", "table.header"), value)
                        line.overflow = "fold"
                        yield line
        if self.caption:
            yield Text("")
            yield _text(console, self.caption)


def _text(console: Console, cell: object) -> Text:
    """A cell as it can be shown: it keeps its styles where its encoding has every character."""
    if isinstance(cell, Text) and encodable(cell.plain, console.encoding) == cell.plain:
        return cell.copy()
    return Text(shown(str(cell), console.encoding))


def _widest(cell: Text) -> int:
    return max((line.cell_len for line in cell.split("\n")), default=0)


def _word(cell: Text) -> int:
    words = (Text(word).cell_len for word in cell.plain.split())
    return max((min(width, LONGEST_WORD) for width in words), default=0)


def _shared(most: list[int], least: list[int], room: int) -> list[int]:
    """Widths that fit into ``room``: the widest column that can gives first."""
    widths = list(most)
    while sum(widths) > room:
        able = [k for k in range(len(widths)) if widths[k] > least[k]]
        widest = max(able, key=lambda k: widths[k])
        widths[widest] -= 1
    return widths


console = Screen()
"""Standard output."""

stderr = Screen(stderr=True)


def steady_streams() -> None:
    """Let no character end a command: what a stream's encoding lacks is written by its number."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            cast("Any", stream).reconfigure(errors="backslashreplace")
