"""The order of docs/architecture.md: imports run one way, the leaves stand alone, one place reads the environment."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("smtpadmin", "panel", "config")

# What each leaf may import besides the standard library and itself.
LEAVES: dict[str, frozenset[str]] = {
    "smtpadmin.smtp": frozenset(),
    "smtpadmin.providers": frozenset({"msgspec"}),
    "smtpadmin.crypto": frozenset({"cryptography"}),
    "smtpadmin.resolver": frozenset({"dns", "idna"}),
}
# From low to high. A module imports from its own layer and from lower ones.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("smtpadmin",),
    tuple(LEAVES),
    ("smtpadmin.finding", "smtpadmin.sender_checks"),
    (
        "smtpadmin.conf",
        "smtpadmin.exceptions",
        "smtpadmin.fields",
        "smtpadmin.migrations",
        "smtpadmin.models",
        "smtpadmin.names",
        "smtpadmin.redaction",
    ),
    (
        "smtpadmin.advice",
        "smtpadmin.compose",
        "smtpadmin.diagnosis",
        "smtpadmin.fallback",
        "smtpadmin.keys",
        "smtpadmin.limits",
        "smtpadmin.options",
        "smtpadmin.outbox",
        "smtpadmin.profiles",
        "smtpadmin.provider_rules",
        "smtpadmin.rates",
        "smtpadmin.retry",
        "smtpadmin.routing",
        "smtpadmin.windows",
    ),
    (
        "smtpadmin.alerts",
        "smtpadmin.checking",
        "smtpadmin.courier",
        "smtpadmin.delivery",
        "smtpadmin.health",
        "smtpadmin.incidents",
        "smtpadmin.support_bundle",
        "smtpadmin.testing",
    ),
    ("smtpadmin.wording",),
    (
        "smtpadmin.admin",
        "smtpadmin.apps",
        "smtpadmin.backend",
        "smtpadmin.checks",
        "smtpadmin.management",
        "smtpadmin.templatetags",
        "smtpadmin.worker",
    ),
    ("panel",),
    ("config",),
)
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}

# Runs in a fresh interpreter: imports every module of a leaf, where nothing else can be imported.
ALONE = """
import importlib, pkgutil, sys
leaf, allowed = sys.argv[1], {"smtpadmin", *sys.argv[2:]}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in allowed:
            raise ImportError(f"{name} is not for {leaf}")

sys.meta_path.insert(0, Refuse())
package = importlib.import_module(leaf)
for module in pkgutil.walk_packages(getattr(package, "__path__", []), f"{leaf}."):
    importlib.import_module(module.name)
others = [n for n in sys.modules if n.startswith("smtpadmin.") and n != leaf and not n.startswith(f"{leaf}.")]
assert not others, others
"""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


def imported(name: str, nodes: Iterator[ast.AST]) -> set[str]:
    """Return the modules that the import statements among `nodes` name; `from package import module` is the module."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            origin = str(node.module)
            found.update(full if (full := f"{origin}.{alias.name}") in MODULES else origin for alias in node.names)
    return found


def everywhere(name: str) -> set[str]:
    """Return all imports of a module, also those in functions and for the type checker."""
    return imported(name, ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))))


def at_the_top(name: str) -> set[str]:
    return imported(name, ast.iter_child_nodes(ast.parse(MODULES[name].read_text(encoding="utf-8"))))


def place(name: str) -> str:
    """Return the entry of LAYER that a module belongs to."""
    while name not in LAYER:
        name = name.rpartition(".")[0]
    return name


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_a_layer_of_its_own(name: str) -> None:
    is_top = name in PACKAGES
    assert is_top or place(name) != "smtpadmin", f"{name} is missing in LAYERS and in docs/architecture.md"


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_from_its_own_layer_and_lower_ones(name: str) -> None:
    own = LAYER[place(name)]
    ours = {other for other in everywhere(name) if other.partition(".")[0] in PACKAGES}

    assert {other for other in ours if LAYER[place(other)] > own} == set()


@pytest.mark.parametrize("name", [name for name in MODULES if place(name) in LEAVES])
def test_a_leaf_imports_itself_and_what_it_is_allowed(name: str) -> None:
    leaf = place(name)
    foreign = {
        other
        for other in everywhere(name)
        if place_or_none(other) != leaf and other.partition(".")[0] not in sys.stdlib_module_names | LEAVES[leaf]
    }

    assert foreign == set()


def place_or_none(name: str) -> str | None:
    return place(name) if name.partition(".")[0] in PACKAGES else None


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_leaf_can_be_imported_where_there_is_nothing_else(leaf: str) -> None:
    allowed = {"cryptography": ("cryptography", "cffi", "_cffi_backend")}
    names = [name for package in LEAVES[leaf] for name in allowed.get(package, (package,))]

    ran = subprocess.run(
        [sys.executable, "-c", ALONE, leaf, *names], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_experts_need_no_django() -> None:
    script = "import sys; sys.modules['django'] = None; import smtpadmin.finding, smtpadmin.sender_checks"

    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: {other for other in at_the_top(name) if other in MODULES and other != name} for name in MODULES}

    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
    assert set(order) == set(MODULES)


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("config")])
def test_the_environment_is_read_in_config_only(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    reads = [
        f"line {node.lineno}"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"})
        or (isinstance(node, ast.ImportFrom) and node.module == "os")
        or (isinstance(node, ast.ImportFrom | ast.Import) and any(alias.name == "environ" for alias in node.names))
    ]

    assert reads == []
