"""Resolves the names of a query: every column belongs to a relation, every ``*`` is written out, kinds fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NoReturn

from uraniborg.catalog.adql import tree
from uraniborg.catalog.adql.errors import AdqlError, suggest
from uraniborg.catalog.adql.expression_check import ExpressionChecker, shape_of
from uraniborg.catalog.adql.parser import parse
from uraniborg.catalog.adql.scope import Relation, Scope
from uraniborg.catalog.adql.tree import Identifier, Span
from uraniborg.catalog.schema import Column, Tables

__all__ = ("CheckedQuery", "check")


@dataclass(frozen=True, slots=True)
class CheckedQuery:
    """A query that can be translated without looking at names again.

    Every `ColumnRef` has the stored name and the alias of its relation (none if merged by USING or NATURAL), every
    `TableRef` the full name of its table and an alias, and every ``*`` but that of COUNT is written out.
    """

    text: str
    query: tree.Query
    columns: tuple[Column, ...]


def check(text: str, tables: Tables) -> CheckedQuery:
    """Read a query and resolve its names.

    Parameters
    ----------
    text : str
        ADQL 2.1.
    tables : Tables
        What may be read.

    Raises
    ------
    AdqlError
        If this is not ADQL, a name is unknown or ambiguous, or kinds of values do not fit.
    """
    try:
        query, columns = _Checker(text, tables).query(parse(text), None, {})
    except RecursionError:
        raise AdqlError("the query is nested too deep", text, (0, 1), hint="name parts with WITH") from None
    return CheckedQuery(text, query, columns)


type _Common = dict[str, tuple[Identifier, tuple[Column, ...]]]


class _Checker:
    """Walks the queries of a text; expressions are checked by `ExpressionChecker`."""

    def __init__(self, text: str, tables: Tables) -> None:
        self._text = text
        self._tables = tables

    def fail(self, message: str, at: Span, hint: str = "") -> NoReturn:
        raise AdqlError(message, self._text, at, hint=hint)

    def query(self, query: tree.Query, outer: Scope | None, common: _Common) -> tuple[tree.Query, tuple[Column, ...]]:
        common = dict(common)
        with_ = []
        for item in query.with_:
            inner, columns = self.query(item.query, None, common)
            if item.columns:
                if len(item.columns) != len(columns):
                    self.fail(f"{len(item.columns)} names for {len(columns)} columns", item.columns[0].at)
                columns = tuple(replace(c, name=n.name) for c, n in zip(columns, item.columns, strict=True))
            common[item.name.name if item.name.quoted else item.name.name.lower()] = (item.name, columns)
            names = tuple(Identifier(column.name, item.name.at, quoted=True) for column in columns)
            with_.append(tree.CommonTable(item.name, names, inner))
        if isinstance(query.body, tree.Select):
            scope = Scope(outer=outer)
            body, columns = self._select(query.body, scope, common)
            order = self._order(query.order_by, columns, body, self._expressions(scope, common))
            return replace(query, body=body, with_=tuple(with_), order_by=order), columns
        left, columns = self.query(query.body.left, outer, common)
        right, others = self.query(query.body.right, outer, common)
        if len(columns) != len(others):
            message = f"{query.body.operator} of {len(columns)} columns with {len(others)}"
            self.fail(message, query.body.right.at, "select the same columns on both sides")
        order = self._order(query.order_by, columns, None, None)
        body_ = replace(query.body, left=left, right=right)
        return replace(query, body=body_, with_=tuple(with_), order_by=order), columns

    def _expressions(self, scope: Scope, common: _Common) -> ExpressionChecker:
        return ExpressionChecker(self._text, scope, lambda query, around: self.query(query, around, common))

    def _select(self, select: tree.Select, scope: Scope, common: _Common) -> tuple[tree.Select, tuple[Column, ...]]:
        source = self._from(select.source, scope, common) if select.source is not None else None
        expressions = self._expressions(scope, common)
        where = expressions.condition(select.where, "WHERE") if select.where is not None else None
        group_by = tuple(expressions.group_key(item) for item in select.group_by)
        items: list[tree.SelectItem] = []
        columns: list[Column] = []
        for item in select.items:
            for new, column in self._item(item, scope, expressions):
                items.append(new)
                columns.append(column)
        having = expressions.condition(select.having, "HAVING") if select.having is not None else None
        if group_by or having is not None or any(expressions.has_aggregate(item.expression) for item in items):
            keys = {shape_of(key) for key in group_by}
            for expression in [*(item.expression for item in items), *([having] if having is not None else [])]:
                expressions.grouped(expression, keys)
        result = replace(select, items=tuple(items), source=source, where=where, group_by=group_by, having=having)
        return result, tuple(columns)

    def _item(
        self, item: tree.SelectItem, scope: Scope, expressions: ExpressionChecker
    ) -> list[tuple[tree.SelectItem, Column]]:
        if isinstance(item.expression, tree.Star):
            return [
                (tree.SelectItem(ref, Identifier(column.name, item.at, quoted=True), item.at), column)
                for ref, column in self._star(item.expression, scope)
            ]
        typed = expressions.any(item.expression)
        name = item.alias.name if item.alias is not None else _default_name(typed.node)
        if typed.kind == "geometry" and getattr(typed.node, "name", "") not in ("POINT", "CENTROID"):
            self.fail("only points can be selected", item.at, "select the centre and the size as numbers")
        new = tree.SelectItem(typed.node, Identifier(name, item.at, quoted=True), item.at)
        return [(new, Column(name, typed.kind, typed.unit))]

    def _star(self, star: tree.Star, scope: Scope) -> list[tuple[tree.ColumnRef, Column]]:
        relations = scope.relations
        found: list[tuple[tree.ColumnRef, Column]] = []
        if star.table:
            relations = scope.qualified(star.table)
            if not relations:
                hint = suggest(star.table[-1].name, [item.alias.name for item in scope.relations])
                self.fail(f"there is no table {star.table[-1].name} in FROM", star.at, hint)
        else:
            for column in scope.merged.values():
                found.append((tree.ColumnRef(Identifier(column.name, star.at, quoted=True), (), star.at), column))
        for relation in relations:
            for column in relation.columns:
                if not column.hidden and (star.table or column.name.lower() not in scope.merged):
                    name = Identifier(column.name, star.at, quoted=True)
                    found.append((tree.ColumnRef(name, (relation.alias,), star.at), column))
        return found

    def _order(
        self,
        items: tuple[tree.OrderItem, ...],
        columns: tuple[Column, ...],
        select: tree.Select | None,
        expressions: ExpressionChecker | None,
    ) -> tuple[tree.OrderItem, ...]:
        result = []
        for item in items:
            node = item.expression
            place = _output_place(node, columns)
            if isinstance(node, tree.Literal):
                if not isinstance(node.value, int) or not 1 <= node.value <= len(columns):
                    self.fail(f"there is no output column {node.value}", node.at, f"there are {len(columns)}")
                place = node.value
            if place is not None:
                new: tree.Expression = tree.Literal(place, node.at)
            elif expressions is None or select is None:
                hint = suggest(_default_name(node), [column.name for column in columns])
                self.fail("after a set operation only output columns can order", node.at, hint)
            else:
                new = expressions.any(node).node
                if select.distinct and shape_of(new) not in {shape_of(i.expression) for i in select.items}:
                    self.fail("with DISTINCT only selected columns can order", node.at, "select it too")
                if select.group_by or any(expressions.has_aggregate(i.expression) for i in select.items):
                    expressions.grouped(new, {shape_of(key) for key in select.group_by})
            result.append(replace(item, expression=new))
        return tuple(result)

    def _from(self, source: tree.From, scope: Scope, common: _Common) -> tree.From:
        if isinstance(source, tree.TableRef):
            return self._table(source, scope, common)
        if isinstance(source, tree.SubqueryRef):
            inner, columns = self.query(source.query, None, common)
            self._add(Relation(source.alias, columns), scope)
            return replace(source, query=inner)
        first = len(scope.relations)
        left = self._from(source.left, scope, common)
        middle = len(scope.relations)
        right = self._from(source.right, scope, common)
        using = source.using
        if source.natural or using:
            using = self._merge(source, scope, first, middle)
        on = None
        if source.on is not None:
            on = self._expressions(scope, common).condition(source.on, "ON")
        return replace(source, left=left, right=right, on=on, using=using)

    def _merge(self, join: tree.Join, scope: Scope, first: int, middle: int) -> tuple[Identifier, ...]:
        lefts, rights = scope.relations[first:middle], scope.relations[middle:]
        wanted = join.using
        if join.natural:
            names = {c.name.lower() for r in rights for c in r.columns if not c.hidden}
            shared = [c.name for r in lefts for c in r.columns if not c.hidden and c.name.lower() in names]
            wanted = tuple(Identifier(name, join.at, quoted=True) for name in dict.fromkeys(shared))
            if not wanted:
                self.fail("the tables of this NATURAL JOIN share no column", join.at, "write JOIN ... ON")
        result = []
        for name in wanted:
            sides = []
            for side in (lefts, rights):
                inside = Scope(side, {k: v for k, v in scope.merged.items() if side is lefts})
                found = inside.find(name, ())
                if not found:
                    hint = suggest(name.name, inside.names())
                    self.fail(f"column {name.name} is not on both sides of the join", name.at, hint)
                if len(found) > 1:
                    self.fail(f"column {name.name} is in several tables", name.at, "write JOIN ... ON")
                sides.append(found[0].column)
            scope.merged[sides[0].name.lower()] = sides[0]
            result.append(Identifier(sides[0].name, name.at, quoted=True))
        return tuple(result)

    def _table(self, ref: tree.TableRef, scope: Scope, common: _Common) -> tree.TableRef:
        last = ref.name[-1]
        if len(ref.name) == 1:
            for identifier, columns in common.values():
                same = identifier.name == last.name
                if same or (not identifier.quoted and last.matches(identifier.name)):
                    self._add(Relation(ref.alias or identifier, columns), scope)
                    name = (Identifier(identifier.name, last.at, quoted=True),)
                    return replace(ref, name=name, alias=ref.alias or identifier)
        found = self._tables.find([(part.name, part.quoted) for part in ref.name])
        if len(found) != 1:
            written = ".".join(part.name for part in ref.name)
            if found:
                self.fail(f"{written} is in several schemas", ref.at, f"write {found[0].full_name}")
            names = [*(t.full_name for t in self._tables), *(t.name for t in self._tables)]
            names += [identifier.name for identifier, _ in common.values()]
            hint = suggest(written, names) or f"tables are {', '.join(sorted(t.full_name for t in self._tables)[:20])}"
            self.fail(f"there is no table {written}", (ref.name[0].at[0], last.at[1]), hint)
        table = found[0]
        alias = ref.alias or Identifier(table.name, last.at)
        self._add(Relation(alias, table.columns, () if ref.alias else tuple(table.full_name.split("."))), scope)
        schema = (Identifier(table.schema, last.at, quoted=True),) if table.schema else ()
        return replace(ref, name=(*schema, Identifier(table.name, last.at, quoted=True)), alias=alias)

    def _add(self, relation: Relation, scope: Scope) -> None:
        for other in scope.relations:
            if other.alias.name.lower() == relation.alias.name.lower():
                message = f"two tables in FROM are called {relation.alias.name}"
                self.fail(message, relation.alias.at, "give one of them another name: table AS name")
        scope.relations.append(relation)


def _default_name(node: tree.Expression) -> str:
    if isinstance(node, tree.ColumnRef):
        return node.name.name
    if isinstance(node, tree.Call):
        return node.name.lower()
    return "expression"


def _output_place(node: tree.Expression, columns: tuple[Column, ...]) -> int | None:
    """Return the place of the output column that a bare name means."""
    if not isinstance(node, tree.ColumnRef) or node.table:
        return None
    places = [i for i, column in enumerate(columns, 1) if node.name.matches(column.name)]
    return places[0] if places else None
