from __future__ import annotations

import pytest

from uraniborg.catalog.adql import AdqlError, parse, tree


def _value(text: str) -> tree.Expression:
    body = parse(f"SELECT {text} FROM t").body
    assert isinstance(body, tree.Select)
    return body.items[0].expression


def _compute(node: tree.Expression) -> object:
    """Compute an expression of literals the plain way."""
    match node:
        case tree.Literal(value):
            return value
        case tree.Unary("NOT", operand):
            return not _compute(operand)
        case tree.Binary(operator, left, right):
            a, b = _compute(left), _compute(right)
            words = {"=": "==", "<>": "!=", "AND": "and", "OR": "or"}
            return eval(f"{a!r} {words.get(operator, operator)} {b!r}")
        case _:
            raise AssertionError(node)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 - 3 - 4", -5),
        ("12 / 3 / 2", 2.0),
        ("-2 * -3", 6),
        ("1 = 1 OR 1 = 0 AND 1 = 0", True),
        ("NOT 1 = 0 AND 1 = 0", False),
        ("NOT (1 = 0 AND 1 = 0)", True),
        ("0x10 + .5", 16.5),
        ("1 <> 2 AND 2 != 2", False),
    ],
)
def test_precedence(text: str, value: object) -> None:
    assert _compute(_value(text)) == value


def test_forms() -> None:
    assert isinstance(_value("CASE x WHEN 1 THEN 'a' ELSE 'b' END"), tree.Case)
    assert _value("CAST(x AS DOUBLE PRECISION)").type == "DOUBLE PRECISION"  # type: ignore[union-attr]
    assert _value("CAST(x AS VARCHAR(3))").length == 3  # type: ignore[union-attr]
    assert _value("COUNT(DISTINCT x)").distinct  # type: ignore[union-attr]
    assert isinstance(_value("(SELECT 1 FROM t)"), tree.ScalarQuery)
    assert isinstance(_value("x NOT IN (1, 2)"), tree.InList)
    assert isinstance(_value("x IN (SELECT y FROM t)"), tree.InQuery)
    assert _value("x NOT ILIKE 'a%'").any_case  # type: ignore[union-attr]
    assert _value("x IS NOT NULL").negated  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ln(x)", "natural logarithm is LOG"),
        ("REGION('circle')", "write the shape with CIRCLE"),
        ("sqr(x)", "did you mean SQRT"),
        ("SQRT(x, y)", "takes 1 arguments, 2 given"),
        ("a < b < c", "cannot be chained"),
        ("CASE END", "needs a WHEN"),
        ("CAST(x AS BLOB)", "types are"),
        ("x NOT 5", "after NOT"),
        ("x IN 5", "after IN"),
        ("(1 + 2", "to close"),
        ("1 +", "expected a value"),
    ],
)
def test_faults_say_what_to_write(text: str, fault: str) -> None:
    with pytest.raises(AdqlError, match=fault):
        _value(text)


def test_thousands_of_conditions_stay_shallow() -> None:
    node = _value(" OR ".join(f"x = {i}" for i in range(20_000)))
    depth = 0
    while isinstance(node, tree.Binary) and node.operator == "OR":
        node, depth = node.left, depth + 1
    assert depth < 20
