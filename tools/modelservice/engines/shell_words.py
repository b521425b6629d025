"""The words and operators of a shell script, as the shell finds them before it expands anything.

https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_03
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Part(NamedTuple):
    """A part of a word: text, or an expansion as it is written."""

    text: str
    quoted: bool = False
    expansion: bool = False


Parts = tuple[Part, ...]
"""A word."""


@dataclass(frozen=True)
class Array:
    """``NAME=(word …)``."""

    name: str
    added: bool
    words: tuple[Parts, ...]


Token = Parts | Array | str
"""A word, an array that is assigned, or an operator; ``>`` stands for any redirection."""

_BLANK = re.compile(r"(?:[ \t\r]|\\\r?\n|\\[ \t]+\n)+")
"""Blanks and line continuations. A backslash with a blank behind it continues nothing, but is meant to."""
_COMMENT = re.compile(r"#[^\n]*")
_REDIRECTION = re.compile(r"\d*(<<<|<<-?|<>|>\||>>|[<>]&|[<>])|&>>?")
_OPERATOR = re.compile(r"&&|\|\||\|&|;;&?|;&|[;&|()\n]")
_TEXT = re.compile(r"[^ \t\r\n;&|()<>\\'\"$`]+")
_EXPANSION = re.compile(r"\$(?:[A-Za-z_]\w*|[0-9@*#?$!-])")


class Lexer:
    """Words and operators of a script.

    Raises:
        ValueError: a quotation or an expansion does not end.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.here_documents: list[str] = []

    def tokens(self) -> Iterator[Token]:
        """Yield words and operators."""
        while self.at < len(self.text):
            if self._skip(_BLANK) or self._skip(_COMMENT):
                continue
            if found := self._skip(_REDIRECTION):
                self._skip(_BLANK)
                target = self.word()
                if "<<" in found and not found.endswith("<<<"):
                    self.here_documents.append("".join(part.text for part in target))
                yield ">"
            elif found := self._skip(_OPERATOR):
                if found == "\n":
                    self._skip_here_documents()
                yield found
            else:
                word = self.word()
                name = re.fullmatch(r"(\w+)(\+?)=", literal(word))
                yield self._array(name[1], bool(name[2])) if name and self.text[self.at : self.at + 1] == "(" else word

    def word(self, whole: bool = False) -> Parts:
        """Return the parts of the word that begins here, or of the whole text."""
        parts: list[Part] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            if found := self._skip(_TEXT):
                parts.append(Part(found))
            elif character == "\\":
                if self.text[self.at + 1 : self.at + 2] != "\n":
                    parts.append(Part(self.text[self.at + 1 : self.at + 2], quoted=True))
                self.at += 2
            elif character == "'":
                end = self.text.index("'", self.at + 1)
                parts.append(Part(self.text[self.at + 1 : end], quoted=True))
                self.at = end + 1
            elif character == '"':
                parts += self._quoted()
            elif character in "$`":
                parts.append(self._expansion(quoted=False))
            elif whole:
                parts.append(Part(character))
                self.at += 1
            else:
                break
        return tuple(parts)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match[0] if match else ""

    def _quoted(self) -> list[Part]:
        """The parts between double quotes; an empty one where there are none."""
        self.at += 1
        parts: list[Part] = []
        while self.text[self.at : self.at + 1] != '"':
            if self.at >= len(self.text):
                raise ValueError("a quotation does not end")
            if escaped := self._skip(re.compile(r"\\[$`\"\\\n]")):
                parts.append(Part(escaped[1].strip("\n"), quoted=True))
            elif self.text[self.at] in "$`":
                parts.append(self._expansion(quoted=True))
            else:
                parts.append(Part(self._skip(re.compile(r"\\|[^\"\\$`]+")), quoted=True))
        self.at += 1
        return parts or [Part("", quoted=True)]

    def _expansion(self, quoted: bool) -> Part:
        """The expansion that begins here; a ``$`` alone is text."""
        start = self.at
        if self.text[start] == "`":
            self.at = self.text.index("`", start + 1) + 1
        elif self.text[start + 1 : start + 2] in ("(", "{"):
            self.at = self._closing(start + 1, quoted)
        elif not self._skip(_EXPANSION):
            self.at += 1
            marks_quotation = not quoted and self.text[self.at : self.at + 1] in ("'", '"')
            return Part("" if marks_quotation else "$", quoted)
        return Part(self.text[start : self.at], quoted, expansion=True)

    def _closing(self, start: int, quoted: bool = False) -> int:
        """The place after the bracket that closes the one at the start."""
        opening = self.text[start]
        closing = {"(": ")", "{": "}"}[opening]
        depth, at = 0, start
        while at < len(self.text):
            character = self.text[at]
            if character == "\\":
                at += 1
            elif character == "'" and not (quoted and opening == "{"):
                at = self.text.index("'", at + 1)
            elif character == '"':
                inner = Lexer(self.text)
                inner.at = at
                inner._quoted()
                at = inner.at - 1
            elif character == opening:
                depth += 1
            elif character == closing:
                depth -= 1
                if not depth:
                    return at + 1
            at += 1
        raise ValueError("an expansion does not end")

    def _array(self, name: str, added: bool) -> Array:
        end = self._closing(self.at)
        inner = Lexer(self.text[self.at + 1 : end - 1])
        self.at = end
        return Array(name, added, tuple(token for token in inner.tokens() if isinstance(token, tuple)))

    def _skip_here_documents(self) -> None:
        for delimiter in self.here_documents:
            end = re.compile(rf"^\t*{re.escape(delimiter)}$", re.MULTILINE).search(self.text, self.at)
            self.at = end.end() if end else len(self.text)
        self.here_documents = []


def commands(tokens: Iterable[Token]) -> Iterator[list[Token]]:
    """Yield the tokens up to each operator that ends a command, that operator among them."""
    current: list[Token] = []
    for item in tokens:
        current.append(item)
        if isinstance(item, str) and item != ">":
            yield current
            current = []
    if current:
        yield current


def literal(token: Token) -> str:
    """Return the text of a word without quotes and expansions; empty for any other token."""
    if not isinstance(token, tuple) or any(part.quoted or part.expansion for part in token):
        return ""
    return "".join(part.text for part in token)


def assigned(token: Token) -> re.Match[str] | None:
    """Match the name in a word that assigns a variable, and the ``+`` of one that appends."""
    if not isinstance(token, tuple) or not token or token[0].quoted or token[0].expansion:
        return None
    return re.match(r"([A-Za-z_]\w*)(\+?)=", token[0].text)
