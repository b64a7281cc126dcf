"""Resolves and checks the expressions of one SELECT."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import NoReturn

import astropy.units as u

from uraniborg.catalog.adql import tree
from uraniborg.catalog.adql.errors import AdqlError, suggest
from uraniborg.catalog.adql.functions import AGGREGATES, FUNCTIONS, GEOMETRIES
from uraniborg.catalog.adql.kinds import Typed, call_fault, comparison_fault
from uraniborg.catalog.adql.scope import Scope
from uraniborg.catalog.adql.tree import Expression, Identifier, Span
from uraniborg.catalog.schema import Column

__all__ = ("ExpressionChecker", "shape_of")

_FRAMES = ("", "ICRS", "UNKNOWN", "ICRS GEOCENTER", "ICRS BARYCENTER")

type _QueryCheck = Callable[[tree.Query, Scope], tuple[tree.Query, tuple[Column, ...]]]


def shape_of(node: object) -> str:
    """Return a text that is the same for expressions that differ in their place only."""
    if is_dataclass(node):
        parts = [shape_of(getattr(node, f.name)) for f in fields(node) if f.name not in ("at", "quoted")]
        return f"{type(node).__name__}({','.join(parts)})"
    if isinstance(node, tuple):
        return f"[{','.join(shape_of(item) for item in node)}]"
    return repr(node)


def _children(node: object) -> Iterator[object]:
    """Yield the parts of an expression, without going into queries."""
    if isinstance(node, tuple):
        for item in node:
            yield from _children(item) if isinstance(item, tuple) else (item,)
    elif is_dataclass(node) and not isinstance(node, tree.Query):
        for field in fields(node):
            if field.name != "at":
                value = getattr(node, field.name)
                yield from _children(value) if isinstance(value, tuple) else (value,)


class ExpressionChecker:
    """Resolves names and kinds in one scope.

    Parameters
    ----------
    text : str
        The whole query, for errors.
    scope : Scope
        What is visible.
    query : callable
        Checks a query inside an expression, given the scope around it.
    """

    def __init__(self, text: str, scope: Scope, query: _QueryCheck) -> None:
        self._text = text
        self._scope = scope
        self._query = query

    def _fail(self, message: str, at: Span, hint: str = "") -> NoReturn:
        raise AdqlError(message, self._text, at, hint=hint)

    def condition(self, node: Expression, clause: str) -> Expression:
        """Check the condition of WHERE, ON or HAVING."""
        typed = self.any(node)
        self._truth(typed, clause)
        if clause != "HAVING" and (found := self._aggregate(typed.node)) is not None:
            self._fail(f"{found.name} cannot stand in {clause}", found.at, "write it in HAVING")
        return typed.node

    def group_key(self, node: Expression) -> Expression:
        """Check one key of GROUP BY."""
        if isinstance(node, tree.Literal):
            self._fail("GROUP BY takes columns, not numbers of columns", node.at, "write the column or expression")
        typed = self.any(node)
        if (found := self._aggregate(typed.node)) is not None:
            self._fail(f"{found.name} cannot stand in GROUP BY", found.at)
        return typed.node

    def has_aggregate(self, node: Expression) -> bool:
        """Return whether there is a function over groups in an expression."""
        return self._aggregate(node) is not None

    def _aggregate(self, node: object) -> tree.Call | None:
        if isinstance(node, tree.Call) and node.name in AGGREGATES:
            return node
        return next((found for child in _children(node) if (found := self._aggregate(child)) is not None), None)

    def grouped(self, node: object, keys: set[str]) -> None:
        """Raise if a column of this scope is neither in a function over groups nor a key of GROUP BY."""
        if isinstance(node, tree.Call) and node.name in AGGREGATES:
            return
        if shape_of(node) in keys:
            return
        if isinstance(node, tree.ColumnRef):
            name = node.name.name
            here = not node.table or any(r.alias.name == node.table[0].name for r in self._scope.relations)
            if here:
                hint = f"add {name} to GROUP BY, or take MIN({name}), MAX({name}), AVG({name})"
                self._fail(f"column {name} has many values in a group", node.at, hint)
        for child in _children(node):
            self.grouped(child, keys)

    def _truth(self, typed: Typed, where: str) -> None:
        if typed.kind in ("truth", "any"):
            return
        if isinstance(typed.node, tree.Call) and typed.node.name in ("CONTAINS", "INTERSECTS"):
            name = typed.node.name
            self._fail(f"{name} is a number, {where} takes a condition", typed.node.at, f"write 1 = {name}(...)")
        self._fail(f"{where} takes a condition, this is a {typed.kind}", typed.node.at, "compare it with something")

    def any(self, node: Expression) -> Typed:
        """Check any expression."""
        match node:
            case tree.Literal(value):
                kinds = {bool: "truth", int: "number", float: "number", str: "text"}
                return Typed(node, kinds.get(type(value), "any"))
            case tree.ColumnRef():
                return self._column(node)
            case tree.Star():
                self._fail("* cannot stand here", node.at, "name the columns, or write COUNT(*)")
            case tree.Unary() | tree.Binary():
                return self._operation(node)
            case tree.Between() | tree.InList() | tree.InQuery() | tree.Like() | tree.IsNull() | tree.Exists():
                return self._predicate(node)
            case tree.ScalarQuery(query):
                inner, columns = self._query(query, self._scope)
                self._single(columns, node.at)
                return Typed(replace(node, query=inner), columns[0].kind, columns[0].unit)
            case tree.Call():
                return self._call(node)
            case tree.Case():
                return self._case(node)
            case tree.Cast():
                return self._cast(node)

    def _cast(self, node: tree.Cast) -> Typed:
        inner = self.any(node.operand)
        if inner.kind == "geometry":
            self._fail("a shape cannot be cast", node.at)
        kind = "text" if node.type in ("CHAR", "VARCHAR") else "any" if node.type == "TIMESTAMP" else "number"
        return Typed(replace(node, operand=inner.node), kind, inner.unit if kind == "number" else "")

    def _single(self, columns: tuple[Column, ...], at: Span) -> None:
        if len(columns) != 1:
            self._fail(f"this query has {len(columns)} columns, one is needed", at)

    def _column(self, node: tree.ColumnRef) -> Typed:
        if node.table and not self._scope.qualified(node.table):
            written = ".".join(part.name for part in node.table)
            hint = suggest(node.table[-1].name, [relation.alias.name for relation in self._scope.relations])
            self._fail(f"there is no table {written} in FROM", node.at, hint)
        found = self._scope.find(node.name, node.table)
        if not found:
            hint = suggest(node.name.name, self._scope.names())
            if not hint and node.name.quoted:
                hint = "double quotes are for names; write text in single quotes"
            self._fail(f"there is no column {node.name.name}", node.at, hint)
        if len(found) > 1:
            first = found[0]
            hint = f"write {first.alias}.{first.column.name}"
            self._fail(f"column {node.name.name} is in several tables", node.at, hint)
        column, alias = found[0].column, found[0].alias
        table = (Identifier(alias, node.at, quoted=True),) if alias is not None else ()
        ref = tree.ColumnRef(Identifier(column.name, node.name.at, quoted=True), table, node.at)
        return Typed(ref, column.kind, column.unit)

    def _operation(self, node: tree.Unary | tree.Binary) -> Typed:
        if isinstance(node, tree.Unary):
            inner = self.any(node.operand)
            if node.operator == "NOT":
                self._truth(inner, "NOT")
                return Typed(replace(node, operand=inner.node), "truth")
            self._expect(inner, "number", f"'{node.operator}'")
            return Typed(replace(node, operand=inner.node), "number", inner.unit)
        left, right = self.any(node.left), self.any(node.right)
        new = replace(node, left=left.node, right=right.node)
        if node.operator in ("AND", "OR"):
            self._truth(left, node.operator)
            self._truth(right, node.operator)
            return Typed(new, "truth")
        if node.operator == "||":
            self._expect(left, "text", "'||'")
            self._expect(right, "text", "'||'")
            return Typed(new, "text")
        if node.operator in ("+", "-", "*", "/"):
            self._expect(left, "number", f"'{node.operator}'")
            self._expect(right, "number", f"'{node.operator}'")
            same = node.operator in ("+", "-") and left.unit == right.unit
            return Typed(new, "number", left.unit if same else "")
        self._comparable(left, right, node.at)
        return Typed(new, "truth")

    def _expect(self, typed: Typed, kind: str, where: str) -> None:
        if typed.kind not in (kind, "any"):
            hint = "join text with ||" if typed.kind == "text" and kind == "number" else ""
            self._fail(f"{where} takes a {kind}, this is a {typed.kind}", typed.node.at, hint)

    def _comparable(self, left: Typed, right: Typed, at: Span) -> None:
        if fault := comparison_fault(left, right):
            reason, _, hint = fault.partition("; ")
            self._fail(reason, at, hint)

    def _predicate(self, node: Expression) -> Typed:
        if isinstance(node, tree.Exists):
            return Typed(replace(node, query=self._query(node.query, self._scope)[0]), "truth")
        assert isinstance(node, tree.Between | tree.InList | tree.InQuery | tree.Like | tree.IsNull)
        inner = self.any(node.operand)
        match node:
            case tree.Between():
                low, high = self.any(node.low), self.any(node.high)
                self._comparable(inner, low, node.at)
                self._comparable(inner, high, node.at)
                return Typed(replace(node, operand=inner.node, low=low.node, high=high.node), "truth")
            case tree.InList():
                items = [self.any(item) for item in node.items]
                for item in items:
                    self._comparable(inner, item, item.node.at)
                return Typed(replace(node, operand=inner.node, items=tuple(i.node for i in items)), "truth")
            case tree.InQuery():
                query, columns = self._query(node.query, self._scope)
                self._single(columns, node.query.at)
                self._comparable(inner, Typed(node.operand, columns[0].kind), node.at)
                return Typed(replace(node, operand=inner.node, query=query), "truth")
            case tree.Like():
                pattern = self.any(node.pattern)
                self._expect(inner, "text", "LIKE")
                self._expect(pattern, "text", "LIKE")
                return Typed(replace(node, operand=inner.node, pattern=pattern.node), "truth")
        return Typed(replace(node, operand=inner.node), "truth")

    def _case(self, node: tree.Case) -> Typed:
        operand = self.any(node.operand) if node.operand is not None else None
        branches = []
        values: list[Typed] = []
        for when, then in node.branches:
            test = self.any(when)
            if operand is None:
                self._truth(test, "WHEN")
            else:
                self._comparable(operand, test, test.node.at)
            values.append(self.any(then))
            branches.append((test.node, values[-1].node))
        otherwise = self.any(node.otherwise) if node.otherwise is not None else None
        values += [otherwise] if otherwise is not None else []
        new = replace(
            node,
            operand=operand.node if operand is not None else None,
            branches=tuple(branches),
            otherwise=otherwise.node if otherwise is not None else None,
        )
        return Typed(new, self._common_kind(values))

    def _common_kind(self, values: list[Typed]) -> str:
        kinds = {value.kind for value in values} - {"any"}
        for value in values[1:]:
            self._comparable(values[0], value, value.node.at)
        return kinds.pop() if len(kinds) == 1 else "any"

    def _call(self, node: tree.Call) -> Typed:
        if node.name == "COUNT" and isinstance(node.arguments[0], tree.Star):
            return Typed(node, "number")
        arguments = tuple(self.any(item) for item in node.arguments)
        if node.name in GEOMETRIES and arguments and arguments[0].kind == "text":
            arguments = self._without_frame(node, arguments)
        if fault := call_fault(node, arguments):
            self._fail(fault, node.at)
        if node.name in AGGREGATES:
            for argument in arguments:
                if (inner := self._aggregate(argument.node)) is not None:
                    self._fail(f"{inner.name} inside {node.name}", inner.at, "compute it in a query in FROM first")
        new = replace(node, arguments=tuple(item.node for item in arguments))
        if node.name == "IN_UNIT":
            return self._in_unit(new, arguments[0])
        kind, unit = FUNCTIONS[node.name].gives, ""
        if node.name in ("MIN", "MAX", "AVG", "SUM", "ABS", "ROUND", "TRUNCATE", "FLOOR", "CEILING"):
            kind, unit = (arguments[0].kind if node.name in ("MIN", "MAX") else kind), arguments[0].unit
        elif node.name in ("DISTANCE", "COORD1", "COORD2"):
            unit = "deg"
        elif node.name == "COALESCE":
            kind = self._common_kind(list(arguments))
        return Typed(new, kind, unit)

    def _without_frame(self, node: tree.Call, arguments: tuple[Typed, ...]) -> tuple[Typed, ...]:
        frame = arguments[0].node
        if not isinstance(frame, tree.Literal) or str(frame.value).strip().upper() not in _FRAMES:
            self._fail("positions are ICRS here", frame.at, f"leave the frame out: {node.name}(...) in ICRS degrees")
        return arguments[1:]

    def _in_unit(self, node: tree.Call, value: Typed) -> Typed:
        target = node.arguments[1]
        if not isinstance(target, tree.Literal) or not isinstance(target.value, str):
            self._fail("the second argument of IN_UNIT is a unit in single quotes", target.at, "write 'mJy'")
        if not value.unit:
            hint = "IN_UNIT takes a column that has a unit"
            self._fail("this value has no known unit", value.node.at, hint)
        try:
            factor = u.Unit(value.unit).to(u.Unit(target.value))
        except (ValueError, TypeError, u.UnitsError) as error:
            reason = str(error).splitlines()[0]
            self._fail(f"{value.unit} does not convert to {target.value!r}", target.at, reason)
        return Typed(
            tree.Binary("*", value.node, tree.Literal(float(factor), node.at), node.at), "number", target.value
        )
