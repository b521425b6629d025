"""Shell scripts that start engines: the commands they run, as the words that the programs receive.

The reader knows what start scripts use: quotes, line continuations, comments, here-documents, variables and arrays that
the script assigns, ``$@``, ``set --``, arithmetic, conditions, loops, functions, subshells, ``eval`` and nested shells.
It never runs anything: what only the running container knows stays in a word as it is written, e.g. ``$(hostname)``.
https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from modelservice.engines.shell_words import Array, Lexer, Part, Parts, Token, assigned, commands, literal
from modelservice.kubernetes.variables import Variables


class Word(NamedTuple):
    """A word of a command."""

    text: str
    """What the program receives, as far as it is known."""
    written: str
    """The same word in an exec list: with ``$(NAME)`` for a variable of the container."""
    loose: bool = False
    """It is nothing but an unknown expansion without quotes: no word, one or several."""


class Script(NamedTuple):
    """The script of ``sh -c``."""

    text: str
    arguments: tuple[str, ...] = ()
    """``$0``, ``$1`` and so on."""


_SHELLS = {"sh", "bash", "dash", "ash", "zsh"}


def script_of(words: Sequence[str]) -> Script | None:
    """Return the script that a command gives to a shell; None where it does not."""
    start = next((at for at, word in enumerate(words) if word.rsplit("/", 1)[-1] in _SHELLS), None)
    if start is None:
        return None
    rest, is_text = list(words[start + 1 :]), False
    while rest and re.match(r"[-+]", rest[0]):
        option = rest.pop(0)
        if option in ("-", "--"):
            break
        is_text |= re.fullmatch(r"-[A-Za-z]*c[A-Za-z]*", option) is not None
        if re.fullmatch(r"[-+][A-Za-z]*[oO]", option) and rest:
            rest.pop(0)  # the name of an option: -o pipefail
    return Script(rest[0], tuple(rest[1:])) if is_text and rest else None


def statements(script: Script, variables: Variables) -> Iterator[list[Word]]:
    """Yield the simple commands of a script in their order, without assignments and redirections.

    Args:
        script: the script; what follows an unclosed quotation is left out.
        variables: what the container's environment is known to hold.
    """
    yield from _Reader(script, variables).run(script.text)


def plain_command(script: Script, variables: Variables) -> list[str] | None:
    """Return the exec list that does the same as a script; None unless the script is one plain command.

    ``$NAME`` becomes ``$(NAME)``, which Kubernetes expands. ``set -e`` and the like may come before; ``exec`` is left
    out.

    Args:
        script: the script as it is written, before Kubernetes expands it.
        variables: the variables of the container.
    """
    if re.search(r"\\[ \t]+\n", script.text):
        return None  # a continuation that is none: the shell ends the command there
    try:
        found = [tokens for tokens in commands(Lexer(script.text).tokens()) if tokens not in ([";"], ["\n"])]
    except ValueError:
        return None
    while len(found) > 1 and re.match(r"set -[A-Za-z]", " ".join(literal(token) for token in found[0])):
        found.pop(0)
    if len(found) != 1:
        return None
    words = found[0][:-1] if found[0][-1] in (";", "\n") else found[0]
    if literal(words[0]) == "exec":
        words = words[1:]
    if not words or literal(words[0]) in _KEYWORDS or assigned(words[0]):
        return None
    result: list[str] = []
    for word in words:
        if isinstance(word, tuple) and [part.text for part in word] in (["$@"], ["${@}"]) and word[0].quoted:
            result += script.arguments[1:]
        elif (plain := _plain(word, variables)) is None:
            return None
        else:
            result.append(plain)
    return result


def _plain(word: Token, variables: Variables) -> str | None:
    """A word as an exec list has it; None where the shell may make another number of words of it."""
    if not isinstance(word, tuple):
        return None
    result = ""
    for part in word:
        if not part.expansion:
            if not part.quoted and re.search(r"[*?\[]|^~|\{.*,.*\}", part.text):
                return None
            result += part.text
            continue
        name = re.fullmatch(r"\$(?:(\w+)|\{(\w+)\}|\((\w+)\))", part.text)
        reference = name and (name[1] or name[2] or name[3])
        if not reference or reference not in variables:
            return None
        if not part.quoted and not re.fullmatch(r"[\w./:@%+,=-]+", variables[reference] or ""):
            return None
        result += f"$({reference})"
    return result


# Values.


class _Piece(NamedTuple):
    """A part of an expanded word."""

    text: str
    known: bool = True
    quoted: bool = False


_Value = tuple[_Piece, ...] | list[Word] | None
"""What a variable holds: text, an array, or what is not known."""

_LONGEST = 131_072
"""Bytes of a word: Linux starts no program with a longer one (MAX_ARG_STRLEN)."""

_MOST = 400
"""Words of an array, or unknown parts of a text, that are followed."""


class _Scope(NamedTuple):
    """What runs only under a condition, or in another shell."""

    opened_by: str
    variables: dict[str, _Value]
    branches: set[str]
    """The variables that an earlier branch assigns."""


_OPEN = {"if": "if", "case": "case", "for": "do", "select": "do", "while": "do", "until": "do", "{": "{"}
"""Keywords that open a scope, and its name."""
_CLOSE = {"fi": ("if",), "esac": ("case",), "done": ("do",), "}": ("{", "function")}
_BRANCH = {"else", "elif"}
_UNREAD = {"for", "select", "case", "[["}
"""Keywords whose words are not a command."""
_KEYWORDS = _OPEN.keys() | _CLOSE.keys() | _BRANCH | _UNREAD | {"then", "do", "!", "time", "function"}
_DECLARATIONS = {"export", "declare", "typeset", "local", "readonly"}
_PARAMETER = re.compile(r"\$(?:(\w+|[@*])|\{(\w+|[@*])(\[[@*]\])?(?:(:?[-+=?])(.*))?\})", re.DOTALL)


class _Reader:
    """Follows a script from command to command."""

    def __init__(self, script: Script, variables: Variables) -> None:
        known: dict[str, _Value] = {
            name: (_Piece(value),) if value is not None else None for name, value in variables.items()
        }
        known["@"] = [Word(text, text) for text in script.arguments[1:]]
        known["0"] = tuple(_Piece(text) for text in script.arguments[:1])
        self.scopes = [_Scope("", known, set())]
        self.defines = False  # the next group is the body of a function

    def run(self, text: str) -> Iterator[list[Word]]:
        """Yield the commands of a text."""
        certain = True  # nothing but assignments stands before in a chain of && and ||
        try:
            for tokens in commands(Lexer(text).tokens()):
                end = tokens[-1] if isinstance(tokens[-1], str) else ""
                if end == ")" and self.scopes[-1].opened_by == "case":
                    continue  # a pattern
                words = self._after_keywords([token for token in tokens if not isinstance(token, str)])
                assigns = self._assign(words)
                if words and not assigns:
                    yield from self._command(words)
                certain = certain and assigns
                self._end(end, certain)
                certain = certain or end not in ("&&", "||", "|")
                self.defines = (end == "(" and bool(words)) or (self.defines and end in (")", "\n"))
        except ValueError:
            return  # a quotation that does not end: a shell rejects the rest as well

    def _command(self, tokens: Sequence[Token]) -> Iterator[list[Word]]:
        words = [word for token in tokens if isinstance(token, tuple) for word in self._expand(token)]
        name = words[0].text if words else ""
        arguments = self._get("@")
        if name == "eval":
            yield from self.run(" ".join(word.text for word in words[1:]))
        elif nested := script_of([word.text for word in words]):
            yield from _Reader(nested, self._known()).run(nested.text)
        elif name == "set" and len(words) > 1 and words[1].text == "--":
            self._set("@", words[2:])
        elif name == "shift":
            self._set("@", arguments[1:] if isinstance(arguments, list) else None)
        elif name in ("read", "unset", "mapfile", "readarray"):
            for word in words[1:]:
                self._set(word.text, None)
        elif words:
            yield words

    # Conditions: a variable that is assigned under one is known there, and unknown afterwards.

    def _after_keywords(self, words: list[Token]) -> list[Token]:
        """Return the words of a command behind keywords such as ``then``."""
        while words and (keyword := literal(words[0])) in _KEYWORDS:
            words.pop(0)
            if keyword in _CLOSE:
                self._close(*_CLOSE[keyword])
            elif keyword in _BRANCH:
                self._branch()
            elif keyword == "{" and self.defines:
                self._open("function")
                self._set("@", None)
            elif keyword in _OPEN:
                self._open(_OPEN[keyword])
            if keyword == "function":
                del words[:1]
                self.defines = True
            elif keyword in _UNREAD:
                if keyword in ("for", "select") and words:
                    self._set(literal(words[0]), None)
                return []
        return words

    def _end(self, end: str, certain: bool) -> None:
        """Open and close what the operator after a command does."""
        if end in ("&&", "||"):
            if not certain and self.scopes[-1].opened_by != "&&":
                self._open("&&")
        elif end == "(":
            self._open("(")
        elif end != "|":
            self._close("&&")
            if end == ")":
                self._close("(")
            elif end.startswith(";;"):
                self._branch()

    def _open(self, keyword: str) -> None:
        self.scopes.append(_Scope(keyword, {}, set()))

    def _branch(self) -> None:
        if len(self.scopes) > 1:
            self.scopes[-1].branches.update(self.scopes[-1].variables)
            self.scopes[-1].variables.clear()

    def _close(self, *opened_by: str) -> None:
        if self.scopes[-1].opened_by not in opened_by:
            return
        scope = self.scopes.pop()
        if scope.opened_by == "(":
            return  # a subshell changes nothing outside
        for name in scope.variables.keys() | scope.branches:
            if name != "@" or scope.opened_by != "function":
                self._set(name, None)

    # Variables.

    def _set(self, name: str, value: _Value) -> None:
        self.scopes[-1].variables[name] = _bounded(value)

    def _get(self, name: str) -> _Value:
        return next((scope.variables[name] for scope in reversed(self.scopes) if name in scope.variables), None)

    def _known(self) -> Mapping[str, str | None]:
        names = {name for scope in self.scopes for name in scope.variables}
        values = {name: self._get(name) for name in names}
        return {
            name: "".join(piece.text for piece in value)
            for name, value in values.items()
            if isinstance(value, tuple) and all(piece.known for piece in value)
        }

    def _assign(self, words: list[Token]) -> bool:
        """Take the assignments off a command; return whether nothing else is left."""
        declares = bool(words) and literal(words[0]) in _DECLARATIONS
        prefix = words[1:] if declares else list(words)
        found: list[tuple[str, _Value]] = []
        while prefix:
            word = prefix[0]
            if isinstance(word, Array):
                items = [item for inner in word.words for item in self._expand(inner)]
                array = self._get(word.name) if word.added else []
                found.append((word.name, [*array, *items] if isinstance(array, list) else None))
            elif isinstance(word, tuple) and (match := assigned(word)):
                value = self._pieces((Part(word[0].text[match.end() :]), *word[1:]), quoted=False)
                before: _Value = self._get(match[1]) if match[2] else ()
                found.append((match[1], (*before, *value) if isinstance(before, tuple) else None))
            elif not declares:
                break
            prefix.pop(0)
        if not prefix:
            for name, assigned_value in found:
                self._set(name, assigned_value)
        words[:] = prefix
        return not prefix

    # Expansions.

    def _expand(self, word: Parts) -> list[Word]:
        """The words that the shell makes of one."""
        fields: list[list[_Piece]] = []
        new = True  # the next piece begins a word
        for part in word:
            value = self._value(part)
            if isinstance(value, list):
                for index, item in enumerate(value):
                    new = self._add(fields, _Piece(item.text, not item.loose), new or index > 0)
                continue
            for piece in value or (_Piece("", quoted=True),) * part.quoted:
                if not piece.known or piece.quoted or part.quoted or not part.expansion:
                    new = self._add(fields, piece, new)
                    continue
                for index, text in enumerate(re.split(r"\s+", piece.text)):
                    new = new or index > 0
                    new = self._add(fields, _Piece(text), new) if text else new
        return [_joined(field) for field in fields]

    @staticmethod
    def _add(fields: list[list[_Piece]], piece: _Piece, new: bool) -> bool:
        if new:
            fields.append([])
        fields[-1].append(piece)
        return False

    def _pieces(self, word: Parts, quoted: bool | None = None) -> tuple[_Piece, ...]:
        """A word that is not split; its pieces marked as quoted or not where that is given."""
        pieces: list[_Piece] = []
        for part in word:
            value = self._value(part)
            pieces += [_Piece(item.text, not item.loose) for item in value] if isinstance(value, list) else value
        return tuple(piece if quoted is None else piece._replace(quoted=quoted) for piece in pieces)

    def _value(self, part: Part) -> tuple[_Piece, ...] | list[Word]:
        """What a part of a word stands for; an expansion itself where its value is not known."""
        if not part.expansion:
            return (_Piece(part.text, quoted=part.quoted),)
        several = part.text in ("$@", "${@}") or part.text.endswith("[@]}")
        unknown = (_Piece(part.text, known=False, quoted=part.quoted and not several),)
        if part.text.startswith("$(("):
            result = self._arithmetic("".join(piece.text for piece in self._pieces(_word(part.text[3:-2]))))
            return unknown if result is None else (_Piece(str(result)),)
        match = _PARAMETER.fullmatch(part.text)
        value = self._parameter(match[1] or match[2], bool(match[3])) if match else None
        if match is None or value is None:
            return unknown
        if isinstance(value, tuple) and part.quoted:
            value = tuple(piece._replace(quoted=True) for piece in value)
        if not match[4]:
            return value
        is_set = bool(_text(value)) or (not match[4].startswith(":") and self._get(match[2]) is not None)
        if match[4].endswith("+"):
            return self._pieces(_word(match[5])) if is_set else ()
        return value if is_set or match[4].endswith("?") else self._pieces(_word(match[5]))

    def _parameter(self, name: str, is_array: bool) -> _Value:
        """What a parameter holds: a variable, or an argument of the script."""
        if name == "*":
            name = "@"
        if name.isdigit() and name != "0":
            arguments = self._get("@")
            given = arguments[int(name) - 1 : int(name)] if isinstance(arguments, list) else None
            return None if given is None else tuple(_Piece(word.text, not word.loose) for word in given)
        value = self._get(name)
        if isinstance(value, list) and not is_array and name != "@":
            return (_Piece(value[0].text),) if value else ()
        return value

    def _arithmetic(self, text: str) -> int | None:
        """The value of an expression of names, integers and operators; None where it is not known."""
        if not re.fullmatch(r"[\w\s()+*/%-]+", text) or re.search(r"\b\d+[A-Za-z_]", text):
            return None
        try:
            return self._calculate(ast.parse(text.strip(), mode="eval").body)
        except (SyntaxError, ValueError, ZeroDivisionError):
            return None

    def _calculate(self, node: ast.AST) -> int:
        match node:
            case ast.Constant(value=int(number)):
                return number
            case ast.Name(id=name) if (value := self._get(name)) is not None:
                return int(_text(value))
            case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _OPERATIONS:
                return int(_OPERATIONS[type(operation)](self._calculate(left), self._calculate(right)))
        raise ValueError("it is not known")


_OPERATIONS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.floordiv,
    ast.Mod: operator.mod,
}  # fmt: skip


def _bounded(value: _Value) -> _Value:
    """Return a value with equal pieces joined; not known where it is too long for a command."""
    if isinstance(value, list):
        return value if len(value) <= _MOST else None
    if value is None or sum(len(piece.text) for piece in value) > _LONGEST:
        return None
    joined: list[_Piece] = []
    for piece in value:
        if joined and joined[-1][1:] == piece[1:] and piece.known:
            joined[-1] = piece._replace(text=joined[-1].text + piece.text)
        else:
            joined.append(piece)
    return tuple(joined) if len(joined) <= _MOST else None


def _word(text: str) -> Parts:
    """The parts of a text that is one word, whatever it contains."""
    return Lexer(text).word(whole=True)


def _text(value: tuple[_Piece, ...] | list[Word]) -> str:
    return "".join(item.text for item in value)


def _joined(pieces: Sequence[_Piece]) -> Word:
    text = "".join(piece.text for piece in pieces)
    filled = [piece for piece in pieces if piece.text]
    return Word(text, text, loose=bool(filled) and not any(piece.known or piece.quoted for piece in filled))
