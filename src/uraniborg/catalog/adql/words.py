"""Reading the words of a query one after the other, with errors that point at the word in the way."""

from __future__ import annotations

from typing import NoReturn

from uraniborg.catalog.adql.errors import AdqlError
from uraniborg.catalog.adql.tokens import MAX_DEPTH, RESERVED, Word, cut
from uraniborg.catalog.adql.tree import Identifier, Span

__all__ = ("WordReader",)


class WordReader:
    """A place in the words of a query.

    Parameters
    ----------
    query : str
        The text.
    """

    def __init__(self, query: str) -> None:
        self.query = query
        self._words = cut(query)
        self._next = 0
        self._depth = 0

    @property
    def word(self) -> Word:
        """The next word."""
        return self._words[self._next]

    def ahead(self, n: int) -> Word:
        """Return the word n places after the next one."""
        return self._words[min(self._next + n, len(self._words) - 1)]

    @property
    def end(self) -> int:
        """Where the last word taken ends."""
        return self._words[max(self._next - 1, 0)].at[1]

    def take(self) -> Word:
        """Take the next word."""
        word = self.word
        if word.kind != "end":
            self._next += 1
        return word

    def accept(self, *texts: str) -> bool:
        """Take these words if they are the next ones."""
        if all(self.ahead(i).upper == text for i, text in enumerate(texts)):
            self._next += len(texts)
            return True
        return False

    def expect(self, text: str, *, where: str) -> Word:
        """Take a word that has to be here."""
        if self.word.upper != text:
            self.fail(f"expected {text!r} {where}, found {self.shown()}", hint=f"write {text} here")
        return self.take()

    def shown(self) -> str:
        """Return the next word as it is shown in a message."""
        return "the end of the query" if self.word.kind == "end" else repr(self.query[slice(*self.word.at)])

    def identifier(self, what: str) -> Identifier:
        """Take a name."""
        word = self.word
        if word.kind == "quoted":
            self.take()
            return Identifier(word.text, word.at, quoted=True)
        if word.kind != "name":
            self.fail(f"expected {what}, found {self.shown()}")
        if word.upper in RESERVED:
            hint = f'if {word.text} is {what}, write "{word.text}" in double quotes'
            self.fail(f"expected {what}, found the reserved word {word.upper}", hint=hint)
        self.take()
        return Identifier(word.text, word.at)

    def fail(self, message: str, *, at: Span | None = None, hint: str = "") -> NoReturn:
        """Raise the error at a place, or at the next word."""
        raise AdqlError(message, self.query, at or self.word.at, hint=hint)

    def deeper(self) -> None:
        """Go one level down."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.fail(
                f"the query is nested deeper than {MAX_DEPTH} levels",
                hint="name the inner parts with WITH ... AS (SELECT ...)",
            )

    def higher(self) -> None:
        """Come one level up."""
        self._depth -= 1
