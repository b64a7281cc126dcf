"""Grammar of ADQL 2.1 queries: only SELECT exists, everything else is refused at its first word."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from uraniborg.catalog.adql import tree
from uraniborg.catalog.adql.errors import AdqlError
from uraniborg.catalog.adql.expressions import ExpressionParser
from uraniborg.catalog.adql.words import WordReader

__all__ = ("MAX_TREE", "parse")

MAX_TREE = 100
"""Deepest tree; long sums, chains of joins and of set operations count too."""

_OTHER_STATEMENTS = frozenset(
    [
        "INSERT",
        "UPDATE",
        "DELETE",
        "CREATE",
        "DROP",
        "ALTER",
        "GRANT",
        "COPY",
        "ATTACH",
        "PRAGMA",
        "SET",
        "CALL",
        "EXPLAIN",
        "SHOW",
        "DESCRIBE",
        "INSTALL",
        "LOAD",
        "VALUES",
        "FROM",
        "EXPORT",
        "IMPORT",
        "TRUNCATE",
        "MERGE",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "USE",
        "VACUUM",
        "EXECUTE",
        "PREPARE",
        "TABLE",
    ]
)


def parse(query: str) -> tree.Query:
    """Read a query.

    Parameters
    ----------
    query : str
        ADQL 2.1 (Recommendation of 2023-12-15).

    Raises
    ------
    AdqlError
        If this is not ADQL; the error points at the character.
    """
    words = WordReader(query)
    if words.word.upper in _OTHER_STATEMENTS:
        words.fail(f"{words.word.upper} is not possible, ADQL only reads", hint="write SELECT ... FROM ...")
    result = _QueryParser(words).query()
    if words.word.kind != "end":
        words.fail(f"unexpected {words.shown()}", hint=_hint_at_end(words.word.upper))
    _check_depth(result, query)
    return result


def _hint_at_end(word: str) -> str:
    if word == "LIMIT":
        return "write SELECT TOP n ... instead of LIMIT n"
    if word in ("WHERE", "GROUP", "HAVING", "ORDER", "FROM"):
        return "the order is SELECT, FROM, WHERE, GROUP BY, HAVING, ORDER BY, OFFSET"
    return "the query should end here, or an operator or a comma is missing before"


def _check_depth(root: tree.Query, query: str) -> None:
    """Raise if any branch is deeper than `MAX_TREE`; does not recurse."""
    stack: list[tuple[object, int, tree.Span]] = [(root, 1, root.at)]
    while stack:
        node, depth, at = stack.pop()
        if depth > MAX_TREE:
            raise AdqlError(
                f"the query chains or nests more than {MAX_TREE} parts",
                query,
                at,
                hint="use IN (...) for long lists, or name parts with WITH ... AS (SELECT ...)",
            )
        if isinstance(node, tuple):
            stack += [(item, depth, at) for item in node if is_dataclass(item) or isinstance(item, tuple)]
        elif is_dataclass(node):
            here: tree.Span = getattr(node, "at", at)
            stack += [(getattr(node, field.name), depth + 1, here) for field in fields(node) if field.name != "at"]


class _QueryParser:
    """Reads queries; expressions are read by `ExpressionParser`."""

    def __init__(self, words: WordReader) -> None:
        self._words = words
        self._expressions = ExpressionParser(words, self.query)

    def query(self) -> tree.Query:
        words = self._words
        words.deeper()
        start = words.word.at[0]
        common = self._with() if words.accept("WITH") else ()
        body = self._union()
        order_by: tuple[tree.OrderItem, ...] = ()
        if words.accept("ORDER"):
            words.expect("BY", where="after ORDER")
            order_by = self._order_by()
        offset = self._expressions.count("the number of rows to skip") if words.accept("OFFSET") else None
        words.higher()
        return tree.Query(body, (start, words.end), common, order_by, offset)

    def _with(self) -> tuple[tree.CommonTable, ...]:
        words = self._words
        tables: list[tree.CommonTable] = []
        while True:
            if words.word.upper == "RECURSIVE":
                words.fail("recursive queries are not possible", hint="WITH name AS (SELECT ...)")
            name = words.identifier("a name after WITH")
            columns = self._names("a column") if words.accept("(") else ()
            words.expect("AS", where="after the name of WITH")
            words.expect("(", where="after AS")
            tables.append(tree.CommonTable(name, columns, self.query()))
            words.expect(")", where="after the query of WITH")
            if not words.accept(","):
                return tuple(tables)

    def _names(self, what: str) -> tuple[tree.Identifier, ...]:
        names = [self._words.identifier(what)]
        while self._words.accept(","):
            names.append(self._words.identifier(what))
        self._words.expect(")", where="after the names")
        return tuple(names)

    def _union(self) -> tree.Select | tree.SetOperation:
        left = self._intersection()
        while self._words.word.upper in ("UNION", "EXCEPT"):
            left = self._set_operation(left)
        return left

    def _intersection(self) -> tree.Select | tree.SetOperation:
        left = self._operand()
        while self._words.word.upper == "INTERSECT":
            left = self._set_operation(left)
        return left

    def _set_operation(self, left: tree.Select | tree.SetOperation) -> tree.SetOperation:
        words = self._words
        operator = words.take().upper
        keep = words.accept("ALL")
        if not keep:
            words.accept("DISTINCT")
        right = self._intersection() if operator in ("UNION", "EXCEPT") else self._operand()
        return tree.SetOperation(operator, keep, _wrapped(left), _wrapped(right), (left.at[0], words.end))

    def _operand(self) -> tree.Select | tree.SetOperation:
        words = self._words
        if words.word.upper == "(":
            words.take()
            inner = self.query()
            words.expect(")", where="after the query")
            if inner.with_ or inner.order_by or inner.offset is not None:
                item = tree.SelectItem(tree.Star((), inner.at), None, inner.at)
                alias = tree.Identifier("inner", inner.at)
                return tree.Select((item,), tree.SubqueryRef(inner, alias, inner.at), inner.at)
            return inner.body
        if words.word.upper != "SELECT":
            words.fail(f"expected SELECT, found {words.shown()}", hint="a query starts with SELECT or WITH")
        return self._select()

    def _select(self) -> tree.Select:
        words = self._words
        start = words.take().at[0]
        distinct = words.accept("DISTINCT")
        if not distinct:
            words.accept("ALL")
        top = self._expressions.count("the number of rows after TOP") if words.accept("TOP") else None
        items = [self._item()]
        while words.accept(","):
            items.append(self._item())
        if not words.accept("FROM"):
            words.fail(f"expected FROM or a comma, found {words.shown()}", hint="write SELECT ... FROM table")
        source = self._from()
        where = self._expressions.condition() if words.accept("WHERE") else None
        group_by: list[tree.Expression] = []
        if words.accept("GROUP"):
            words.expect("BY", where="after GROUP")
            group_by.append(self._expressions.value())
            while words.accept(","):
                group_by.append(self._expressions.value())
        having = self._expressions.condition() if words.accept("HAVING") else None
        at = (start, words.end)
        return tree.Select(tuple(items), source, at, distinct, top, where, tuple(group_by), having)

    def _item(self) -> tree.SelectItem:
        words = self._words
        start = words.word.at[0]
        if words.word.upper == "*":
            at = words.take().at
            return tree.SelectItem(tree.Star((), at), None, at)
        expression = self._expressions.condition()
        alias = None
        if words.accept("AS"):
            alias = words.identifier("a name after AS")
        elif words.word.kind == "quoted" or (words.word.kind == "name" and words.word.upper not in ("FROM",)):
            alias = words.identifier("a column name, a comma or FROM")
        return tree.SelectItem(expression, alias, (start, words.end))

    def _order_by(self) -> tuple[tree.OrderItem, ...]:
        words = self._words
        items: list[tree.OrderItem] = []
        while True:
            expression = self._expressions.value()
            descending = words.accept("DESC")
            if not descending:
                words.accept("ASC")
            items.append(tree.OrderItem(expression, descending, (expression.at[0], words.end)))
            if not words.accept(","):
                return tuple(items)

    def _from(self) -> tree.From:
        left = self._joined()
        while self._words.accept(","):
            right = self._joined()
            left = tree.Join("CROSS", left, right, (left.at[0], right.at[1]))
        return left

    def _joined(self) -> tree.From:
        left = self._relation()
        while (join := self._join_kind()) is not None:
            kind, natural = join
            right = self._relation()
            left = self._condition_of_join(kind, natural, left, right)
        return left

    def _join_kind(self) -> tuple[str, bool] | None:
        words = self._words
        if words.accept("CROSS", "JOIN"):
            return "CROSS", False
        natural = words.accept("NATURAL")
        kind = "INNER"
        if words.word.upper in ("INNER", "LEFT", "RIGHT", "FULL"):
            kind = words.take().upper
            if kind != "INNER":
                words.accept("OUTER")
        elif words.word.upper != "JOIN" and not natural:
            return None
        words.expect("JOIN", where="between two tables")
        return kind, natural

    def _condition_of_join(self, kind: str, natural: bool, left: tree.From, right: tree.From) -> tree.Join:
        words = self._words
        on: tree.Expression | None = None
        using: tuple[tree.Identifier, ...] = ()
        if words.word.upper in ("ON", "USING") and (natural or kind == "CROSS"):
            words.fail(
                f"a {'NATURAL' if natural else 'CROSS'} JOIN has no {words.word.upper}", hint="write JOIN ... ON"
            )
        if words.accept("ON"):
            on = self._expressions.condition()
        elif words.accept("USING"):
            words.expect("(", where="after USING")
            using = self._names("a column")
        elif not natural and kind != "CROSS":
            words.fail(f"expected ON or USING after JOIN, found {words.shown()}", hint="write JOIN b ON a.x = b.x")
        return tree.Join(kind, left, right, (left.at[0], words.end), natural, on, using)

    def _relation(self) -> tree.From:
        words = self._words
        start = words.word.at[0]
        if words.word.upper == "(":
            words.take()
            if words.word.upper in ("SELECT", "WITH"):
                query = self.query()
                words.expect(")", where="after the query in FROM")
                words.accept("AS")
                if words.word.kind not in ("name", "quoted"):
                    words.fail("a query in FROM needs a name", hint="write (SELECT ...) AS name")
                return tree.SubqueryRef(query, words.identifier("a name for the query"), (start, words.end))
            words.deeper()
            inner = self._joined()
            words.higher()
            words.expect(")", where="after the join")
            return inner
        parts = [words.identifier("a table")]
        while words.accept("."):
            parts.append(words.identifier("a name after '.'"))
        if words.word.upper == "(":
            words.fail("functions cannot stand in FROM", at=parts[0].at, hint="write the name of a table")
        alias = None
        named = words.word.kind == "quoted" or (words.word.kind == "name" and words.word.upper not in _AFTER_TABLE)
        if words.accept("AS") or named:
            alias = words.identifier("an alias of the table")
        return tree.TableRef(tuple(parts), alias, (start, words.end))


_AFTER_TABLE = frozenset(
    [
        "AS",
        "WHERE",
        "GROUP",
        "HAVING",
        "ORDER",
        "OFFSET",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "JOIN",
        "INNER",
        "LEFT",
        "RIGHT",
        "FULL",
        "CROSS",
        "NATURAL",
        "ON",
        "USING",
        "LIMIT",
    ]
)


def _wrapped(body: tree.Select | tree.SetOperation) -> tree.Query:
    return tree.Query(body, body.at)
