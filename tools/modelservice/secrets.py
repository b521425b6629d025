"""What a secret in plain text looks like: by the name of a variable or an option, and by its own form.

One definition serves the import, which puts references in place of secrets, ``check``, which reports them, and the
summaries, which do not show them. A reference to a variable (``$TOKEN``, ``$(TOKEN)``) and a placeholder
are no secrets.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

from modelservice import facts

MASK = "***"
"""Text in place of a secret that is not shown."""

_WORDS = (
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|API[_-]?KEY|ACCESS[_-]?KEY([_-]ID)?|PRIVATE[_-]?KEY"
    r"|AUTH[_-]?KEY"
)
_NAME = re.compile(rf"(^|[_\-.])({_WORDS})($|[_\-.])", re.IGNORECASE)
_FIELD_NAME = re.compile(
    r"(^|[_\-./])(TOKEN|PASSWORD|PASSWD|PASSPHRASE|(API|ACCESS|PRIVATE|AUTH)[_-]?KEY|CLIENT[_-]?SECRET)$", re.IGNORECASE
)
"""Names of fields and annotations whose text is a secret; what only has ``secret`` in its name mostly names one."""
_NOT_SECRET = re.compile(
    r"(_|-|\.)(FILE|PATH|NAME|DIR|URL|ENDPOINT|ENABLED|TYPE|HEADER|TTL|BUDGET|LEN|LENGTH|COUNT|LIMIT|SIZE|MODE)$"
    r"|^(BOS|EOS|PAD|UNK|SEP|CLS|MASK|STOP|IMAGE|VIDEO)[_-]TOKEN$",
    re.IGNORECASE,
)
"""Names of files and settings of secrets, and of the tokens of a model's text."""

_PLACEHOLDERS = frozenset(
    {"true", "false", "none", "null", "dummy", "empty", "changeme", "redacted", "token", "secret"}
)

_MARKED = (
    r"\bhf_[A-Za-z0-9]{16,}|\bsk-[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bglpat-[A-Za-z0-9_-]{16,}|\bnvapi-[A-Za-z0-9_-]{16,}|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|\bAIza[A-Za-z0-9_-]{35}\b|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
)
"""Tokens with an issuer's mark: Hugging Face, OpenAI and compatible, GitHub, AWS, GitLab, NVIDIA, Slack, Google, JSON
web tokens, private keys."""

_LITERAL = r"[^\s\"'$`;&|<{}(-][^\s\"'$`;&|<{}()]*"
"""A word of a script without variables."""

_FIELD = (
    r"(?:[a-z0-9]+[_-])*?(?:(?:api|access|private|auth)[_-]?key|password|passwd|passphrase"
    r"|(?:hf|hub|auth|access|bearer|api)[_-]token"
)
_KEY = rf"{_FIELD}|secret)|token"
"""Names of options whose value is a secret; other tokens are those of a model's text."""

_FORMS = re.compile(
    rf"(?P<marked>{_MARKED})|(?i:"
    r"(?<=://)(?P<login>[^/\s:@\"'$]*:[^/\s@\"'$<{]+)(?=@)"
    r"|\b(?:Basic|Bearer)\s+(?P<header>(?=[^\s\"'$]*[0-9=])[A-Za-z0-9+/._~-]{8,}={0,2})"
    rf"|(?<![\w-])--(?:{_KEY})(?:=|[ \t]+)(?P<mark>[\"']?)(?P<option>{_LITERAL})(?P=mark)(?=\s|$|[;&|])"
    r"|\bcurl\b[^\n;|&]{0,200}?\s(?:-u|--user|--proxy-user)[ =]?(?P<quote>[\"']?)"
    rf"(?P<user>{_LITERAL}:[^\s\"'$<{{]+)(?P=quote)"
    rf"|(?<![\w-])(?P<variable>[A-Za-z_]\w*)=(?P<around>[\"']?)(?P<value>{_LITERAL})(?P=around)(?=\s|$|[;&|])"
    rf"|[\"'](?:{_FIELD}))[\"']\s*:\s*(?P<double>[\"'])(?P<field>[^\"'$<{{]+)(?P=double)"
    rf"|^[ \t-]*(?:{_FIELD})):[ \t]+(?P<mapped>{_LITERAL})[ \t]*$)",
    re.MULTILINE,
)
"""Secrets in a text: the named groups that are not quotes hold them, ``value`` only where the variable's name is a
secret's. Everything is bounded by the text's own words, so that long texts take linear time."""

_HELD = ("marked", "login", "header", "option", "user", "value", "field", "mapped")

_OPTION = re.compile(rf"--(?:{_KEY})", re.IGNORECASE)
_REFERENCE = re.compile(r"\$[({]?(?P<name>[A-Za-z_]\w*)")
_FILLED = re.compile(
    rf"(?:(?<![\w-])--(?i:{_KEY})(?:=|[ \t]+)[\"']?|(?<=://)[^/\s:@\"'$]*:|\b(?i:Bearer)\s+){_REFERENCE.pattern}"
)
"""Variables in the place of a secret."""

SEVERAL = frozenset({"--api-key", "--api_key"})
"""Options that take several secrets, in some engine."""

_CURL_USER = re.compile(r"-u|--user|--proxy-user")


def names_secret(name: str) -> bool:
    """Return whether a variable of this name holds a secret."""
    return bool(_NAME.search(name)) and not _NOT_SECRET.search(name)


def is_literal(value: str) -> bool:
    """Return whether a value may be a secret: no reference to a variable, path, short number or placeholder."""
    other = len(value) < 4 or "$(" in value or re.match(r"[$/<{]|\d{1,7}$", value) is not None
    return not other and value.lower() not in _PLACEHOLDERS


def variable_is_secret(name: str, value: str) -> bool:
    """Return whether a variable has a secret in plain text, by its name or by the value's form."""
    return (names_secret(name) and is_literal(value)) or holds_secret(value)


def field_is_secret(name: str, value: str) -> bool:
    """Return whether a field of this name, in any spelling, has a secret in plain text."""
    plain = _separated(name)
    return bool(_FIELD_NAME.search(plain)) and not _NOT_SECRET.search(plain) and is_literal(value)


def holds_secret(text: str) -> bool:
    """Return whether a text has a secret in it, by its form."""
    return next(secrets_in(text), None) is not None


def secrets_in(text: str) -> Iterator[str]:
    """Yield the secrets in a text."""
    for match in _FORMS.finditer(text):
        part = _held(match)
        if part:
            yield match[part]


def replaced(text: str, put: Callable[[str], str], *, but: str = "") -> str:
    """Return a text with something in place of each secret in it.

    Args:
        text: the text.
        put: what comes in the place of a secret.
        but: a form that is left as it is.
    """

    def one(match: re.Match[str]) -> str:
        part = _held(match)
        if not part or part == but:
            return match[0]
        start, end = (at - match.start() for at in match.span(part))
        return match[0][:start] + put(match[part]) + match[0][end:]

    return _FORMS.sub(one, text)


def words_replaced(words: Sequence[str], put: Callable[[str], str], several: Container[str] | None = ()) -> list[str]:
    """Return the words of a command with something in place of each secret in them, as :func:`replaced`.

    Args:
        words: the words.
        put: what comes in the place of a secret.
        several: the options, with their dashes, that take more than one value; None for all.
    """
    result = []
    curl = bool(words) and words[0].rpartition("/")[2] == "curl"
    option, values = "", 0
    for word in words:
        option, values = (word, 0) if word.startswith("-") else (option, values + 1)
        login = curl and values == 1 and _CURL_USER.fullmatch(option) and ":" in word
        value = values == 1 or (values > 1 and (several is None or option in several))
        if (login or (value and is_secret_option(option))) and is_literal(word):
            result.append(put(word))
        else:
            result.append(replaced(word, put))
    return result


def is_secret_option(word: str) -> bool:
    """Return whether a word is an option whose value is a secret, in any spelling that an engine knows."""
    return _OPTION.fullmatch(word) is not None or word in _short_options()


@functools.cache
def _short_options() -> frozenset[str]:
    """The short spellings of such options, e.g. ``-hft`` for ``--hf-token``."""
    known = [engine.flags.aliases for engine in facts.engines() if engine.flags]
    return frozenset(
        f"-{spelling}" for names in known for spelling, name in names.items() if _OPTION.fullmatch(f"--{name}")
    )


def filled_from(words: Sequence[str], env: Mapping[str, Any]) -> set[str]:
    """Return the names of the variables that secrets are filled from, whatever they are called.

    Args:
        words: the words of a command: ``--api-key $(NAME)``, ``--api-key $NAME``, ``Bearer ${NAME}``.
        env: variables by name: ``HF_TOKEN: $(NAME)``.
    """
    text = " ".join("--token" if word in _short_options() else word for word in words)
    found = {match["name"] for match in _FILLED.finditer(text)}
    for name, value in env.items():
        if isinstance(value, str):
            found |= {match["name"] for match in _FILLED.finditer(value)}
            found |= set(_REFERENCE.findall(value)) if names_secret(name) else set()
    return found


def masked(value: Any) -> Any:
    """Return a text, or the words of a command, without the secrets in them."""
    if isinstance(value, str):
        return replaced(value, lambda _: MASK)
    return words_replaced(value, lambda _: MASK, several=SEVERAL)


def masked_message(text: str, key: str | None = None) -> str:
    """Return a message without the secrets in it.

    Args:
        text: the message; a word after the name of an option is prose.
        key: the values key that it is about. A value that is refused as the name of a Secret may be the secret itself.
    """
    if key and _NAME.search(_separated(key)):
        text = re.sub(r"^([\"']).+?\1", lambda match: f"{match[1]}{MASK}{match[1]}", text)
    return replaced(text, lambda _: MASK, but="option")


def _separated(name: str) -> str:
    """Return a name whose words were only told apart by capitals, with separators."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)


def _held(match: re.Match[str]) -> str:
    """Return the name of the group that holds a secret; empty where the match is none after all."""
    part = next(name for name in _HELD if match[name] is not None)
    if part == "header" and match[0][:5].lower() == "basic":
        return part if _is_login(match[part]) else ""
    if part == "value" and not names_secret(match["variable"]):
        return part if re.fullmatch(_MARKED, match[part]) else ""
    unmarked = part in ("option", "value", "field", "mapped", "login", "user")
    secret = match[part].rpartition(":")[2] if part == "login" else match[part]
    return "" if unmarked and not is_literal(secret) else part


def _is_login(text: str) -> bool:
    """Return whether a text is ``user:password`` in base64."""
    try:
        return ":" in base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except ValueError:
        return False
