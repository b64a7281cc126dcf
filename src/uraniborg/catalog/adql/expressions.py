"""Grammar of ADQL expressions, by recursive descent; the order of the methods is the order of precedence."""

from __future__ import annotations

from collections.abc import Callable

from uraniborg.catalog.adql import tree
from uraniborg.catalog.adql.errors import suggest
from uraniborg.catalog.adql.functions import AGGREGATES, CAST_TYPES, FUNCTIONS, REFUSED
from uraniborg.catalog.adql.tokens import RESERVED
from uraniborg.catalog.adql.tree import Expression
from uraniborg.catalog.adql.words import WordReader

__all__ = ("ExpressionParser",)

_COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}


class ExpressionParser:
    """Reads expressions from words.

    Parameters
    ----------
    words : WordReader
        Where to read.
    query : callable
        Reads a query after "("; given by the grammar of queries.
    """

    def __init__(self, words: WordReader, query: Callable[[], tree.Query]) -> None:
        self._words = words
        self._query = query

    def condition(self) -> Expression:
        """Read a condition: OR of AND of NOT of predicates."""
        self._words.deeper()
        parts = [self._conjunction()]
        while self._words.accept("OR"):
            parts.append(self._conjunction())
        self._words.higher()
        return _balanced("OR", parts)

    def _conjunction(self) -> Expression:
        parts = [self._negation()]
        while self._words.accept("AND"):
            parts.append(self._negation())
        return _balanced("AND", parts)

    def _negation(self) -> Expression:
        start, negations = self._words.word.at[0], 0
        while self._words.accept("NOT"):
            negations += 1
        inner = self._predicate()
        return tree.Unary("NOT", inner, (start, inner.at[1])) if negations % 2 else inner

    def _predicate(self) -> Expression:
        words = self._words
        left = self.value()
        operator = words.word.upper
        if operator in _COMPARISONS:
            words.take()
            right = self.value()
            if words.word.upper in _COMPARISONS:
                words.fail("comparisons cannot be chained", hint="write a < b AND b < c")
            return tree.Binary(_COMPARISONS[operator], left, right, (left.at[0], right.at[1]))
        if words.accept("IS"):
            negated = words.accept("NOT")
            words.expect("NULL", where="after IS")
            return tree.IsNull(left, negated, (left.at[0], words.end))
        negated = words.accept("NOT")
        if words.accept("BETWEEN"):
            low = self.value()
            words.expect("AND", where="between the two limits of BETWEEN")
            high = self.value()
            return tree.Between(left, low, high, negated, (left.at[0], high.at[1]))
        if words.word.upper in ("LIKE", "ILIKE"):
            any_case = words.take().upper == "ILIKE"
            pattern = self.value()
            return tree.Like(left, pattern, negated, any_case, (left.at[0], pattern.at[1]))
        if words.accept("IN"):
            return self._in(left, negated)
        if negated:
            words.fail(f"expected BETWEEN, IN, LIKE or ILIKE after NOT, found {words.shown()}")
        return left

    def _in(self, left: Expression, negated: bool) -> Expression:
        words = self._words
        words.expect("(", where="after IN")
        if words.word.upper in ("SELECT", "WITH"):
            query = self._query()
            words.expect(")", where="after the query of IN")
            return tree.InQuery(left, query, negated, (left.at[0], words.end))
        items = [self.value()]
        while words.accept(","):
            items.append(self.value())
        words.expect(")", where="after the list of IN")
        return tree.InList(left, tuple(items), negated, (left.at[0], words.end))

    def value(self) -> Expression:
        """Read a value: sums and joined texts."""
        left = self._product()
        while self._words.word.upper in ("+", "-", "||"):
            operator = self._words.take().text
            right = self._product()
            left = tree.Binary(operator, left, right, (left.at[0], right.at[1]))
        return left

    def _product(self) -> Expression:
        left = self._factor()
        while self._words.word.upper in ("*", "/"):
            operator = self._words.take().text
            right = self._factor()
            left = tree.Binary(operator, left, right, (left.at[0], right.at[1]))
        return left

    def _factor(self) -> Expression:
        word = self._words.word
        if word.upper not in ("+", "-"):
            return self._primary()
        self._words.take()
        self._words.deeper()
        inner = self._factor()
        self._words.higher()
        at = (word.at[0], inner.at[1])
        if isinstance(inner, tree.Literal) and isinstance(inner.value, int | float):
            return tree.Literal(-inner.value if word.text == "-" else inner.value, at)
        return tree.Unary(word.text, inner, at)

    def _primary(self) -> Expression:
        words = self._words
        word = words.word
        if word.kind == "number":
            words.take()
            return tree.Literal(_number(word.text), word.at)
        if word.kind == "string":
            words.take()
            return tree.Literal(word.text, word.at)
        if word.upper == "(":
            return self._parenthesis()
        if word.upper in ("CASE", "EXISTS"):
            return self._case() if word.upper == "CASE" else self._exists()
        if word.upper in ("NULL", "TRUE", "FALSE"):
            words.take()
            return tree.Literal({"NULL": None, "TRUE": True, "FALSE": False}[word.upper], word.at)
        if word.kind == "name" and words.ahead(1).upper == "(" and word.upper not in RESERVED:
            return self._cast() if word.upper == "CAST" else self._call()
        if word.kind in ("name", "quoted"):
            return self._column()
        words.fail(f"expected a value or a column, found {words.shown()}")

    def _parenthesis(self) -> Expression:
        words = self._words
        start = words.take().at[0]
        if words.word.upper in ("SELECT", "WITH"):
            query = self._query()
            words.expect(")", where="after the query")
            return tree.ScalarQuery(query, (start, words.end))
        inner = self.condition()
        words.expect(")", where="to close the one opened before")
        return inner

    def _exists(self) -> Expression:
        start = self._words.take().at[0]
        self._words.expect("(", where="after EXISTS")
        query = self._query()
        self._words.expect(")", where="after the query of EXISTS")
        return tree.Exists(query, (start, self._words.end))

    def _case(self) -> Expression:
        words = self._words
        start = words.take().at[0]
        operand = None if words.word.upper in ("WHEN", "END") else self.condition()
        branches = []
        while words.accept("WHEN"):
            when = self.condition()
            words.expect("THEN", where="after the condition of WHEN")
            branches.append((when, self.condition()))
        if not branches:
            words.fail(f"CASE needs a WHEN, found {words.shown()}", hint="write CASE WHEN condition THEN value END")
        otherwise = self.condition() if words.accept("ELSE") else None
        words.expect("END", where="at the end of CASE")
        return tree.Case(operand, tuple(branches), otherwise, (start, words.end))

    def _cast(self) -> Expression:
        words = self._words
        start = words.take().at[0]
        words.take()
        operand = self.condition()
        words.expect("AS", where="in CAST")
        at = words.word.at
        name = words.take().upper
        if name == "DOUBLE" and words.accept("PRECISION"):
            name = "DOUBLE PRECISION"
        if name not in CAST_TYPES:
            words.fail("CAST does not know this type", at=at, hint=f"types are {', '.join(CAST_TYPES)}")
        length = None
        if name in ("CHAR", "VARCHAR") and words.accept("("):
            length = self.count("a length")
            words.expect(")", where="after the length")
        words.expect(")", where="at the end of CAST")
        return tree.Cast(operand, name, length, (start, words.end))

    def count(self, what: str) -> int:
        """Read a whole number that is not negative."""
        word = self._words.word
        if word.kind != "number" or not word.text.isdigit() or int(word.text) >= 2**63:
            self._words.fail(f"expected {what}, found {self._words.shown()}", hint="write a whole number such as 100")
        self._words.take()
        return int(word.text)

    def _call(self) -> Expression:
        words = self._words
        word = words.take()
        name = word.upper
        known = FUNCTIONS.get(name)
        if known is None:
            hint = REFUSED.get(name) or suggest(name, FUNCTIONS) or f"functions are {', '.join(sorted(FUNCTIONS))}"
            words.fail(f"there is no function {word.text} here", at=word.at, hint=hint)
        words.take()
        distinct = False
        if name in AGGREGATES:
            distinct = words.accept("DISTINCT")
            if not distinct:
                words.accept("ALL")
        arguments: list[Expression] = []
        if name == "COUNT" and words.word.upper == "*" and not distinct:
            arguments.append(tree.Star((), words.take().at))
        elif words.word.upper != ")":
            arguments.append(self.condition())
            while words.accept(","):
                arguments.append(self.condition())
        words.expect(")", where=f"to close {name}")
        at = (word.at[0], words.end)
        if not known.fewest <= len(arguments) <= known.most:
            wanted = str(known.fewest) if known.fewest == known.most else f"{known.fewest} or more"
            words.fail(f"{name} takes {wanted} arguments, {len(arguments)} given", at=at)
        return tree.Call(name, tuple(arguments), at, distinct)

    def _column(self) -> Expression:
        words = self._words
        parts = [words.identifier("a value or a column")]
        while words.accept("."):
            if words.word.upper == "*":
                end = words.take().at[1]
                return tree.Star(tuple(parts), (parts[0].at[0], end))
            parts.append(words.identifier("a name after '.'"))
        return tree.ColumnRef(parts[-1], tuple(parts[:-1]), (parts[0].at[0], words.end))


def _balanced(operator: str, parts: list[Expression]) -> Expression:
    """Join many conditions as a tree whose depth is the logarithm of their number."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    left, right = _balanced(operator, parts[:middle]), _balanced(operator, parts[middle:])
    return tree.Binary(operator, left, right, (left.at[0], right.at[1]))


def _number(text: str) -> int | float:
    if text[:2].lower() == "0x":
        return int(text, 16)
    return int(text) if text.isdigit() else float(text)
