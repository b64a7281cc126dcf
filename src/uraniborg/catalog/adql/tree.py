"""The tree of an ADQL query: frozen values, each with its place in the text.

The parser makes it, `check` resolves its names, an engine translates it; nothing else reads the text of a query.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = (
    "Between",
    "Binary",
    "Call",
    "Case",
    "Cast",
    "ColumnRef",
    "CommonTable",
    "Exists",
    "Expression",
    "From",
    "Identifier",
    "InList",
    "InQuery",
    "IsNull",
    "Join",
    "Like",
    "Literal",
    "OrderItem",
    "Query",
    "ScalarQuery",
    "Select",
    "SelectItem",
    "SetOperation",
    "Span",
    "Star",
    "SubqueryRef",
    "TableRef",
    "Unary",
)

type Span = tuple[int, int]
"""First character and the one after the last, 0-based."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name; one in double quotes keeps its case, any other is compared without case."""

    name: str
    at: Span
    quoted: bool = False

    def matches(self, name: str) -> bool:
        """Return whether this identifier names `name`."""
        return self.name == name if self.quoted else self.name.lower() == name.lower()


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a string, a truth value or NULL."""

    value: int | float | str | bool | None
    at: Span


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A column, with the names before it (table, schema) in the order written."""

    name: Identifier
    table: tuple[Identifier, ...]
    at: Span


@dataclass(frozen=True, slots=True)
class Star:
    """All columns, of everything or of one table."""

    table: tuple[Identifier, ...]
    at: Span


@dataclass(frozen=True, slots=True)
class Unary:
    """``-``, ``+`` or ``NOT`` before an expression."""

    operator: str
    operand: Expression
    at: Span


@dataclass(frozen=True, slots=True)
class Binary:
    """Two expressions joined by an operator of arithmetic, comparison or logic."""

    operator: str
    left: Expression
    right: Expression
    at: Span


@dataclass(frozen=True, slots=True)
class Between:
    """``operand [NOT] BETWEEN low AND high``."""

    operand: Expression
    low: Expression
    high: Expression
    negated: bool
    at: Span


@dataclass(frozen=True, slots=True)
class InList:
    """``operand [NOT] IN (a, b, ...)``."""

    operand: Expression
    items: tuple[Expression, ...]
    negated: bool
    at: Span


@dataclass(frozen=True, slots=True)
class InQuery:
    """``operand [NOT] IN (SELECT ...)``."""

    operand: Expression
    query: Query
    negated: bool
    at: Span


@dataclass(frozen=True, slots=True)
class Like:
    """``operand [NOT] LIKE pattern``, or ILIKE."""

    operand: Expression
    pattern: Expression
    negated: bool
    any_case: bool
    at: Span


@dataclass(frozen=True, slots=True)
class IsNull:
    """``operand IS [NOT] NULL``."""

    operand: Expression
    negated: bool
    at: Span


@dataclass(frozen=True, slots=True)
class Exists:
    """``EXISTS (SELECT ...)``."""

    query: Query
    at: Span


@dataclass(frozen=True, slots=True)
class ScalarQuery:
    """A query in parentheses that stands for its single value."""

    query: Query
    at: Span


@dataclass(frozen=True, slots=True)
class Call:
    """A function: geometry, mathematics, text, or a set function such as COUNT; the name is in capitals."""

    name: str
    arguments: tuple[Expression, ...]
    at: Span
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """``CASE [operand] WHEN ... THEN ... [ELSE ...] END``."""

    operand: Expression | None
    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None
    at: Span


@dataclass(frozen=True, slots=True)
class Cast:
    """``CAST(operand AS type)``; the type in capitals, with the length of a text if one is given."""

    operand: Expression
    type: str
    length: int | None
    at: Span


type Expression = (
    Literal
    | ColumnRef
    | Star
    | Unary
    | Binary
    | Between
    | InList
    | InQuery
    | Like
    | IsNull
    | Exists
    | ScalarQuery
    | Call
    | Case
    | Cast
)


@dataclass(frozen=True, slots=True)
class TableRef:
    """A table in FROM."""

    name: tuple[Identifier, ...]
    alias: Identifier | None
    at: Span


@dataclass(frozen=True, slots=True)
class SubqueryRef:
    """A query in FROM."""

    query: Query
    alias: Identifier
    at: Span


@dataclass(frozen=True, slots=True)
class Join:
    """Two relations joined: kind is CROSS, INNER, LEFT, RIGHT or FULL."""

    kind: str
    left: From
    right: From
    at: Span
    natural: bool = False
    on: Expression | None = None
    using: tuple[Identifier, ...] = ()


type From = TableRef | SubqueryRef | Join


@dataclass(frozen=True, slots=True)
class SelectItem:
    """One output column."""

    expression: Expression
    alias: Identifier | None
    at: Span


@dataclass(frozen=True, slots=True)
class OrderItem:
    """One key of ORDER BY."""

    expression: Expression
    descending: bool
    at: Span


@dataclass(frozen=True, slots=True)
class Select:
    """One SELECT up to HAVING."""

    items: tuple[SelectItem, ...]
    source: From | None
    at: Span
    distinct: bool = False
    top: int | None = None
    where: Expression | None = None
    group_by: tuple[Expression, ...] = ()
    having: Expression | None = None


@dataclass(frozen=True, slots=True)
class SetOperation:
    """UNION, INTERSECT or EXCEPT of two queries."""

    operator: str
    keep_duplicates: bool
    left: Query
    right: Query
    at: Span


@dataclass(frozen=True, slots=True)
class CommonTable:
    """``name AS (SELECT ...)`` of WITH."""

    name: Identifier
    columns: tuple[Identifier, ...]
    query: Query


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query or one in parentheses."""

    body: Select | SetOperation
    at: Span
    with_: tuple[CommonTable, ...] = ()
    order_by: tuple[OrderItem, ...] = ()
    offset: int | None = None
