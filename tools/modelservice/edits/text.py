"""Edits as changes of a text: everything that no edit names stays as it is, to the byte."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from modelservice.documents import go_value
from modelservice.edits.edit import Edit, NotEditableError, Operation, apply
from modelservice.edits.notation import STEP, Fragment, inline, name
from modelservice.edits.tree import Child, Node, find, tree
from modelservice.helm_library import helm_python
from modelservice.inputs import Values
from modelservice.kubernetes.dotted import MISSING, found_at
from modelservice.sources import dotted


@dataclass(frozen=True)
class TextEdit:
    """A change of a text.

    Args:
        start: offset of the first character that is replaced, in code points.
        end: offset behind the last one.
        text: what comes in their place.
    """

    start: int
    end: int
    text: str


def applied(text: str, edits: Sequence[TextEdit]) -> str:
    """Return a text with changes that are sorted and do not overlap."""
    for edit in reversed(edits):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def text_edits(text: str, edits: Sequence[Edit], name: str = "") -> list[TextEdit]:
    """Return edits of one file as changes of its text.

    Args:
        text: the text.
        edits: the edits, in their order.
        name: what messages call the file.

    Raises:
        NotEditableError: the text is not one YAML mapping, or an edit cannot be made in it.
    """
    return _changes(text, edited(text, edits, name))


def edited(text: str, edits: Sequence[Edit], name: str = "") -> str:
    """Return a text with edits made, which reads as the edits say.

    Args:
        text: the text.
        edits: the edits, in their order.
        name: what messages call the file.

    Raises:
        NotEditableError: the text is not one YAML mapping, or an edit cannot be made in it.
    """
    for edit in edits:
        wanted = apply(_read(text, name), [edit])
        text = applied(text, sorted(_Text(text, name).changes(edit), key=lambda item: (item.start, item.end)))
        try:
            right = _read(text, name) == wanted
        except NotEditableError:
            right = False
        if not right:
            raise NotEditableError(
                "cannot be edited where it stands", file=name or None, key=dotted(edit.path), fix="edit it by hand"
            )
    return text


def _read(text: str, name: str) -> Values:
    try:
        return go_value(text)
    except helm_python.HelmError as error:
        raise NotEditableError(f"not a values file: {error.detail}", file=name or None) from None
    except RecursionError:
        raise NotEditableError("nested too deeply to be edited", file=name or None) from None


def _changes(old: str, new: str) -> list[TextEdit]:
    """Return what differs between two texts: runs of lines, without the characters that they share at both ends."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line))
    found = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            found.append(_trimmed(starts[i], old[starts[i] : starts[j]], "".join(after[k:m])))
    return found


def _trimmed(start: int, old: str, new: str) -> TextEdit:
    shortest = min(len(old), len(new))
    head = next((index for index in range(shortest) if old[index] != new[index]), shortest)
    rest = shortest - head
    tail = next((index for index in range(rest) if old[-1 - index] != new[-1 - index]), rest)
    return TextEdit(start + head, start + len(old) - tail, new[head : len(new) - tail])


_LINE_END = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_BREAK = re.compile(r"\r\n|\r|\n")
_SPACE = re.compile(r"[ \t]*")


class _Text:
    """A text that edits change.

    Args:
        text: the text.
        name: what messages call the file.
    """

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._file = name or None
        self._root = tree(text, name)
        self._break = "\r\n" if "\r\n" in text else "\n"

    def changes(self, edit: Edit) -> list[TextEdit]:
        """Return the changes that make an edit."""
        found = find(self._root, edit.path)
        if edit.operation is Operation.set:
            if len(found) == len(edit.path):
                return self._replace(found, edit.value)
            if "<<" not in self._text and self._value(edit) is not None:
                raise NotEditableError("is written in another way", file=self._file, key=dotted(edit.path))
            return self._insert(edit, found, Fragment.of(edit.value))
        if len(found) < len(edit.path):
            raise NotEditableError(
                "comes from an anchor", file=self._file, key=dotted(edit.path), fix="edit it by hand"
            )
        if edit.operation is Operation.remove:
            return self._remove(found)
        if edit.operation is Operation.rename:
            child = found[-1]
            return [TextEdit(child.start, child.key_end, name(edit.to[-1], child.style))]
        target = find(self._root, edit.to)
        removed, added = self._remove(found), self._insert(edit, target, self._fragment(found, self._value(edit)))
        within = len(found) > 1 and bool(target) and target[-1] is found[-2]
        if within and len(removed) > 1:  # nothing else was there, and the map does not become empty
            removed = removed[1:]
        return [*removed, *added]

    def _value(self, edit: Edit) -> object:
        """Return what Helm reads at the path of an edit; None for nothing."""
        found = found_at(_read(self._text, self._file or ""), edit.path)
        return None if found is MISSING else found

    def _line_start(self, position: int) -> int:
        return max(self._text.rfind("\n", 0, position), self._text.rfind("\r", 0, position)) + 1

    def _line_end(self, position: int) -> int:
        """Return where the next line begins."""
        found = _LINE_END.match(self._text, position)
        return found.end() if found else len(self._text)

    def _column(self, position: int) -> int:
        start = self._line_start(position)
        return position - start - self._text.startswith("\ufeff", start)

    def _begins_line(self, position: int) -> bool:
        return not self._text[self._line_start(position) : position].strip(" \ufeff")

    def _lines(self, position: int, lines: Sequence[str], column: int) -> TextEdit:
        """Return the change that puts lines in front of the line that begins at a position."""
        written = "".join(" " * column + line + self._break if line.strip() else line + self._break for line in lines)
        if position == len(self._text) and self._text and self._text[-1] not in "\r\n":
            written = self._break + written.removesuffix(self._break)
        return TextEdit(position, position, written)

    def _replace(self, found: Sequence[Child], value: object) -> list[TextEdit]:
        """Return the changes that give a key another value."""
        child = found[-1]
        old = child.value
        in_flow = len(found) > 1 and found[-2].value.flow
        in_flow = in_flow or (len(found) == 1 and self._root is not None and self._root.flow)
        fragment = Fragment.of(value)
        if in_flow:
            fragment = Fragment(inline(value, in_flow=True, style=old.style), (), value)
        elif isinstance(value, str):
            fragment = Fragment(inline(value, in_flow=False, style=old.style), (), value)
        space = " " if old.start == old.end and fragment.first else ""
        if not old.is_block or not old.children:
            changes = [TextEdit(old.start if fragment.first else child.after, old.end, space + fragment.first)]
        elif self._begins_line(old.children[0].start):
            end = self._line_end(old.end)
            head = old.head if old.head > old.start else child.after
            changes = [
                TextEdit(child.after, head, f" {fragment.first}" if fragment.first else ""),
                TextEdit(self._line_start(old.children[0].start), end, ""),
            ]
        else:
            changes = [TextEdit(old.start, old.end, fragment.first or inline(value, in_flow=False))]
            fragment = Fragment(fragment.first, (), value)
        if fragment.below:
            changes.append(self._lines(self._line_end(old.end), fragment.below, self._column(child.start)))
        return changes

    def _insert(self, edit: Edit, found: Sequence[Child], fragment: Fragment) -> list[TextEdit]:
        """Return the changes that add a key below the last one of its path that is there.

        Args:
            edit: the edit.
            found: what is there of the path.
            fragment: the value.
        """
        path = edit.to or edit.path
        above: Node | None = found[-1].value if found else self._root
        missing = path[len(found) :]
        fragment = fragment.within(missing[1:])
        key = missing[0]
        label = "-" if isinstance(key, int) else f"{name(key)}:"
        if above is None:
            return [self._lines(len(self._text), fragment.at(label), 0)]
        if above.is_block and above.children:
            column = self._column(above.children[0].start)
            return [self._lines(self._line_end(above.end), fragment.at(label), column)]
        if above.children:
            text = inline(fragment.value, in_flow=True)
            last = above.children[-1].value.end
            return [TextEdit(last, last, f", {text}" if isinstance(key, int) else f", {label} {text}")]
        if not found:
            return [TextEdit(above.start + 1, above.start + 1, f"{label} {inline(fragment.value, in_flow=True)}")]
        value = [fragment.value] if isinstance(key, int) else {key: fragment.value}
        return self._replace(found, value)

    def _remove(self, found: Sequence[Child]) -> list[TextEdit]:
        """Return the changes that remove a key or item."""
        child = found[-1]
        above = found[-2].value if len(found) > 1 else self._root
        if above is None:
            return []
        if above.flow:
            return [self._remove_in_flow(above, child)]
        start, end = self._line_start(child.start), self._line_end(max(child.value.end, child.after))
        only = len(above.children) == 1
        if only and len(found) > 1:
            empty = "{}" if above.kind == "map" else "[]"
            if not self._begins_line(child.start):
                return [TextEdit(child.start, child.value.end, empty)]
            position = max(found[-2].after, above.head if above.head > above.start else 0)
            return [TextEdit(position, position, f" {empty}"), TextEdit(start, end, "")]
        if self._begins_line(child.start):
            return [TextEdit(start + self._text.startswith("\ufeff", start), end, "")]
        space = _SPACE.match(self._text, end)
        return [TextEdit(child.start, space.end() if space else end, "")]

    def _remove_in_flow(self, above: Node, child: Child) -> TextEdit:
        """Return the change that removes an entry or item within braces or brackets, and one comma."""
        index = above.children.index(child)
        if index + 1 < len(above.children):
            return TextEdit(child.start, above.children[index + 1].start, "")
        if index:
            return TextEdit(above.children[index - 1].value.end, max(child.value.end, child.after), "")
        comma = re.compile(r"\s*,?").match(self._text, max(child.value.end, child.after))
        return TextEdit(child.start, comma.end() if comma else child.value.end, "")

    def _fragment(self, found: Sequence[Child], value: object) -> Fragment:
        """Return what stands behind a key, as it is written."""
        child = found[-1]
        above = found[-2].value if len(found) > 1 else self._root
        if above is not None and above.flow:
            return Fragment.of(value)
        item = above is not None and above.kind == "list" and child.value.is_block
        start, column = child.after, self._column(child.start)
        if item and self._line_start(child.value.start) == self._line_start(child.start):
            start, column = child.value.start, self._column(child.value.start)
        end = self._line_end(max(child.value.end, child.after))
        lines = _BREAK.split(self._text[start:end])
        lines = lines[:-1] if lines[-1] == "" else lines
        below = [line[min(column, len(line) - len(line.lstrip(" "))) :] for line in lines[1:]]
        if start == child.value.start and item:
            return Fragment("", tuple(STEP + line if line.strip() else line for line in [lines[0], *below]), value)
        return Fragment(lines[0].strip() if lines else "", tuple(below), value)
