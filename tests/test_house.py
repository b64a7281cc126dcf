"""The house rules that a machine can check; the exemption lists may only become shorter."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "uraniborg"
MODULES = sorted(SOURCE.rglob("*.py"))

MODULE_LINES = 500
FUNCTION_LINES = 60
CLASS_LINES = 300
TASK_LINES = 150
CONFIG_FIELDS = 12
CONFIG_BOOLEANS = 2

# Each entry names what is over a cap today. Delete an entry when it is mended; never add one.
EXEMPT: frozenset[str] = frozenset()
EXEMPT_LIMIT = 0

# `__init__` modules only re-export; these have no behaviour of their own to test.
WITHOUT_TWIN: frozenset[str] = frozenset({"__init__.py", "__main__.py"})

UNIT = re.compile(r"\[[^\[\]]*\]\.?$")


def _name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def _over_caps(path: Path) -> list[str]:
    text = path.read_text("utf8")
    faults = []
    cap = TASK_LINES if path.parent == SOURCE / "tasks" else MODULE_LINES
    if (n := text.count("\n")) > cap:
        faults.append(f"{_name(path)}: {n} lines, cap {cap}")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
            first = body[1] if documented and len(body) > 1 else body[0]
            if (n := (node.end_lineno or 0) - first.lineno + 1) > FUNCTION_LINES:
                faults.append(f"{_name(path)}:{node.name}: body of {n} lines, cap {FUNCTION_LINES}")
        elif isinstance(node, ast.ClassDef) and (n := (node.end_lineno or 0) - node.lineno + 1) > CLASS_LINES:
            faults.append(f"{_name(path)}:{node.name}: class of {n} lines, cap {CLASS_LINES}")
    return faults


def _config_classes(tree: ast.AST) -> list[ast.ClassDef]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any("Config" in ast.unparse(base) for base in node.bases)
    ]


def _fields(node: ast.ClassDef) -> list[tuple[str, ast.Call]]:
    return [
        (item.targets[0].id, item.value)
        for item in node.body
        if isinstance(item, ast.Assign)
        and isinstance(item.targets[0], ast.Name)
        and isinstance(item.value, ast.Call)
        and "Field" in ast.unparse(item.value.func)
    ]


def _doc(call: ast.Call) -> str:
    for keyword in call.keywords:
        if keyword.arg == "doc":
            return str(ast.literal_eval(keyword.value))
    return str(ast.literal_eval(call.args[0])) if call.args else ""


def _config_faults(path: Path) -> list[str]:
    faults = []
    for node in _config_classes(ast.parse(path.read_text("utf8"))):
        fields = _fields(node)
        where = f"{_name(path)}:{node.name}"
        if len(fields) > CONFIG_FIELDS:
            faults.append(f"{where}: {len(fields)} fields, cap {CONFIG_FIELDS}")
        booleans = [name for name, call in fields if "bool" in ast.unparse(call.func) + ast.unparse(call)]
        if len(booleans) > CONFIG_BOOLEANS:
            faults.append(f"{where}: booleans {booleans}, cap {CONFIG_BOOLEANS}")
        for name, call in fields:
            text = ast.unparse(call)
            is_float = "[float]" in text or "dtype=float" in text
            if is_float and not UNIT.search(_doc(call).strip()):
                faults.append(f"{where}.{name}: the doc of a float field ends with its unit in brackets")
    return faults


def test_caps_are_kept_or_exempt() -> None:
    faults = [fault for path in MODULES for fault in _over_caps(path)]
    new = [fault for fault in faults if fault.rpartition(": ")[0] not in EXEMPT]
    assert not new, "\n".join(new)


def test_exemptions_only_shrink() -> None:
    over = {fault.rpartition(": ")[0] for path in MODULES for fault in _over_caps(path)}
    assert over >= EXEMPT, f"mended, so delete from EXEMPT: {sorted(EXEMPT - over)}"
    assert len(EXEMPT) <= EXEMPT_LIMIT


def test_float_config_fields_name_a_unit_and_configs_are_small() -> None:
    faults = [fault for path in (SOURCE / "tasks").rglob("*.py") for fault in _config_faults(path)]
    assert not faults, "\n".join(faults)


def test_every_module_has_a_test_twin() -> None:
    missing = []
    for path in MODULES:
        if path.name in WITHOUT_TWIN:
            continue
        twin = ROOT / "tests" / path.relative_to(SOURCE).parent / f"test_{path.name.lstrip('_')}"
        if not twin.is_file():
            missing.append(f"{_name(path)} -> {twin.relative_to(ROOT)}")
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_module_opens_with_a_sentence_and_names_what_is_public(path: Path) -> None:
    tree = ast.parse(path.read_text("utf8"))
    doc = ast.get_docstring(tree)
    assert doc, f"{_name(path)} has no docstring that says what it is for"
    if path.name != "__init__.py":
        assert any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" for node in tree.body), (
            f"{_name(path)} has no __all__"
        )


def test_nothing_prints_or_exits_in_the_library() -> None:
    faults = []
    for path in MODULES:
        if path.parts[len(SOURCE.parts)] in {"cli"}:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "sys.exit", "exit"}:
                faults.append(f"{_name(path)}:{node.lineno} {ast.unparse(node.func)}")
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                faults.append(f"{_name(path)}:{node.lineno} bare except")
    assert not faults, "\n".join(faults)
