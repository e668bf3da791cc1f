"""Only `deploy` opens runtimes."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("tinyasc", "train", "compress", "export", "bench", "deploy")
RUNTIMES = ("onnxruntime", "ai_edge_litert.interpreter", "tflite_runtime")
CONSTRUCTORS = ("InferenceSession", "Interpreter", "SessionOptions")


def _uses(tree: ast.AST) -> Iterator[str]:
    """Every import of a runtime, and every call of what opens a file in one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            names = [str(node.args[0].value)] if isinstance(node.args[0], ast.Constant) else []
        else:
            names = []
            if isinstance(node, ast.Attribute | ast.Name):
                name = node.attr if isinstance(node, ast.Attribute) else node.id
                if name in CONSTRUCTORS and "tflite_micro" not in ast.unparse(tree):  # a runtime of microcontrollers
                    yield name
        yield from (name for name in names if any(f"{name}.".startswith(f"{runtime}.") for runtime in RUNTIMES))


def test_nothing_outside_opens_or_imports_a_runtime() -> None:
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if uses := set(_uses(ast.parse(path.read_text()))):
                found[str(path.relative_to(ROOT))] = uses
    assert set(found) == {"deploy/open_runtime.py"}, found
