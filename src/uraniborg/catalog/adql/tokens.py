"""Words of an ADQL query, cut by `sqlglot`, with limits against hostile input."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlglot.errors import TokenError
from sqlglot.tokens import Tokenizer, TokenType

from uraniborg.catalog.adql.errors import AdqlError
from uraniborg.catalog.adql.tree import Span

__all__ = ("MAX_DEPTH", "MAX_LENGTH", "RESERVED", "Word", "cut")

MAX_LENGTH = 1_000_000
"""Longest query [character]; room for a long list of identifiers."""

MAX_NUMBER = 400
MAX_DEPTH = 40
"""Deepest nesting of expressions and queries."""

RESERVED = frozenset(
    [
        "ALL",
        "AND",
        "AS",
        "ASC",
        "BETWEEN",
        "BY",
        "CASE",
        "CROSS",
        "DESC",
        "DISTINCT",
        "ELSE",
        "END",
        "EXCEPT",
        "EXISTS",
        "FROM",
        "FULL",
        "GROUP",
        "HAVING",
        "ILIKE",
        "IN",
        "INNER",
        "INTERSECT",
        "IS",
        "JOIN",
        "LEFT",
        "LIKE",
        "NATURAL",
        "NOT",
        "NULL",
        "OFFSET",
        "ON",
        "OR",
        "ORDER",
        "OUTER",
        "RIGHT",
        "SELECT",
        "THEN",
        "TOP",
        "UNION",
        "USING",
        "WHEN",
        "WHERE",
        "WITH",
        "INSERT",
        "UPDATE",
        "DELETE",
        "CREATE",
        "DROP",
        "ALTER",
        "GRANT",
        "INTO",
        "SET",
        "VALUES",
        "TABLE",
    ]
)
"""Words that cannot name a table or a column unless in double quotes."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_SYMBOLS = frozenset(("<>", "!=", "<=", ">=", "||", "<", ">", "=", "+", "-", "*", "/", "(", ")", ",", "."))


class _AdqlTokenizer(Tokenizer):
    QUOTES = ["'"]
    IDENTIFIERS = ['"']
    COMMENTS = ["--"]
    STRING_ESCAPES = ["'"]
    IDENTIFIER_ESCAPES = ['"']
    KEYWORDS = {
        "<>": TokenType.NEQ,
        "!=": TokenType.NEQ,
        "<=": TokenType.LTE,
        ">=": TokenType.GTE,
        "||": TokenType.DPIPE,
    }


@dataclass(frozen=True, slots=True)
class Word:
    """One word: kind is ``name``, ``quoted``, ``number``, ``string``, ``symbol`` or ``end``."""

    kind: str
    text: str
    at: Span

    @property
    def upper(self) -> str:
        """The text in capitals if this is a plain name or a symbol, else an empty string."""
        return self.text.upper() if self.kind in ("name", "symbol") else ""


def cut(query: str) -> list[Word]:
    """Cut a query into words; the last has the kind ``end``.

    Raises
    ------
    AdqlError
        If the query is empty, too long, or holds a character that ADQL does not have.
    """
    if len(query) > MAX_LENGTH:
        raise AdqlError(
            f"the query has {len(query)} characters, the limit is {MAX_LENGTH}",
            query[:MAX_LENGTH],
            (MAX_LENGTH - 1, MAX_LENGTH),
            hint="upload long lists as a table and join it",
        )
    if "\0" in query:
        place = query.index("\0")
        raise AdqlError("the query holds a zero byte", query, (place, place + 1), hint="remove it")
    try:
        tokens = _AdqlTokenizer().tokenize(query)
    except TokenError as error:
        raise _unclosed(query, str(error)) from None
    words: list[Word] = []
    skip = 0
    for token in tokens:
        if token.start < skip:
            continue
        word = _word(query, token.token_type, token.text, (token.start, token.end + 1))
        skip = word.at[1]
        words.append(word)
    if not words:
        raise AdqlError("the query is empty", query, (0, 0), hint="write SELECT ... FROM ...")
    if words[-1].text == ";" and words[-1].kind == "symbol":
        words.pop()
    for word in words:
        if word.text == ";" and word.kind == "symbol":
            raise AdqlError("more than one statement", query, word.at, hint="send each query on its own, without ';'")
    return [*words, Word("end", "", (len(query.rstrip()), len(query.rstrip()) + 1))]


def _word(query: str, kind: TokenType, text: str, at: Span) -> Word:
    """Return one word; a number may reach over several tokens (``.5``, ``0x1F``)."""
    if kind == TokenType.STRING:
        return Word("string", text, at)
    if kind == TokenType.IDENTIFIER:
        if not text:
            raise AdqlError("a name in double quotes is empty", query, at, hint="text is written in single quotes")
        return Word("quoted", text, at)
    before = query[at[0] - 1] if at[0] else " "
    if query[at[0]].isdigit() or (
        query[at[0]] == "." and query[at[1] : at[1] + 1].isdigit() and before in " \t\n(,=<>+-*/|"
    ):
        found = _NUMBER.match(query, at[0])
        if found is not None:
            after = query[found.end() : found.end() + 1]
            if after.isalnum() or after == "_":
                raise AdqlError(
                    f"{query[at[0] : found.end() + 1]!r} is neither a number nor a name",
                    query,
                    (at[0], found.end() + 1),
                    hint="names start with a letter; others are written in double quotes",
                )
            if len(found.group()) > MAX_NUMBER:
                message = f"a number of {len(found.group())} characters"
                raise AdqlError(message, query, (at[0], found.end()), hint=f"write at most {MAX_NUMBER} characters")
            return Word("number", found.group(), (at[0], found.end()))
    if text in _SYMBOLS or text == ";":
        return Word("symbol", text, at)
    if _NAME.match(text):
        return Word("name", text, at)
    hint = "names have letters, digits and '_', and start with a letter; others are written in double quotes"
    raise AdqlError(f"{text!r} does not belong in ADQL", query, at, hint=hint)


def _unclosed(query: str, message: str) -> AdqlError:
    """Return the error for a quote that is opened and not closed."""
    quote, place = "", 0
    i = 0
    while i < len(query):
        if quote:
            quote = "" if query[i] == quote else quote
        elif query.startswith("--", i):
            i = query.find("\n", i)
            if i < 0:
                break
        elif query[i] in "'\"":
            quote, place = query[i], i
        i += 1
    if quote:
        kind = "text in single quotes" if quote == "'" else "name in double quotes"
        return AdqlError(f"this {kind} does not end", query, (place, place + 1), hint=f"close it with {quote}")
    return AdqlError(f"cannot be cut into words: {message.splitlines()[0]}", query, (0, 1))
