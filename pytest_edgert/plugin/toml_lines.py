"""On which line each key of a TOML text stands: `tomllib` reads values and forgets where they were."""

from __future__ import annotations

from dataclasses import dataclass, field

_SPACE = " \t"
_BLANK = " \t\r\n"


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line, counted from 1, of each key by its full path.

    Args:
        text: TOML that `tomllib` has accepted; other text gives any answer.
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.scan()
    return scanner.lines


@dataclass(slots=True)
class _Scanner:
    text: str
    at: int = 0
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)

    def scan(self) -> None:
        table: tuple[str, ...] = ()
        self.skip_blank()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip_blank()

    def header(self) -> tuple[str, ...]:
        while self.peek() == "[":
            self.at += 1
        path = self.key(())
        while self.peek() == "]":
            self.at += 1
        return path

    def pair(self, table: tuple[str, ...]) -> None:
        path = self.key(table)
        self.at += 1  # the equals sign
        self.value(path)

    def key(self, table: tuple[str, ...]) -> tuple[str, ...]:
        """Read a key such as ``a."b.c"``, note its line, and stop behind it."""
        path = table
        while True:
            self.skip(_SPACE)
            path = (*path, self.key_part())
            self.lines.setdefault(path, self.text.count("\n", 0, self.at) + 1)
            self.skip(_SPACE)
            if self.peek() != ".":
                return path
            self.at += 1

    def key_part(self) -> str:
        start = self.at
        if self.peek() in "\"'" and self.peek():
            self.string()
            return self.text[start + 1 : self.at - 1]
        while self.peek() and self.peek() not in ".=]" + _BLANK:
            self.at += 1
        if self.at == start:
            self.at += 1  # text that is not TOML: go on, never round
        return self.text[start : self.at]

    def value(self, path: tuple[str, ...]) -> None:
        self.skip_blank()
        first = self.peek()
        if first and first in "\"'":
            self.string()
        elif first == "[":
            self.members("]", path, pairs=False)
        elif first == "{":
            self.members("}", path, pairs=True)
        else:
            while self.peek() and self.peek() not in ",]}#\n":
                self.at += 1

    def members(self, end: str, path: tuple[str, ...], *, pairs: bool) -> None:
        self.at += 1
        self.skip_blank()
        while self.at < len(self.text) and self.peek() != end:
            if pairs:
                self.pair(path)
            else:
                self.value(path)
            self.skip_blank()
            if self.peek() == ",":
                self.at += 1
                self.skip_blank()
            elif self.peek() != end:
                self.at += 1
        self.at += 1

    def string(self) -> None:
        quote = self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(mark)
        while self.at < len(self.text) and not self.text.startswith(mark, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(mark)
        while len(mark) == 3 and self.peek() == quote:
            self.at += 1  # up to two quotes may end the text itself

    def skip_blank(self) -> None:
        self.skip(_BLANK)
        while self.peek() == "#":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
            self.skip(_BLANK)

    def skip(self, characters: str) -> None:
        while self.peek() and self.peek() in characters:
            self.at += 1

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]
