"""Takes a digest of what source code does; comments and names of variables may change.

The header reader and the code that scores keep their results under such a digest. A digest of the
text would have hours of work done again for a comment.
"""

from __future__ import annotations

import ast
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Import = ast.Import | ast.ImportFrom
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Origin = tuple[str, str]
"""Module and name of a definition."""
_Part = str | _Origin
_Written = tuple[str, str, list[_Part]]
"""Module, name and parts of a statement."""
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


_PARSING = Lock()
"""Python 3.11 counts how deep a tree is for all threads together, and fails where two parse."""
_TRIES = 20


def source_digest(
    sources: Iterable[Path],
    root: Path,
    *,
    reached_from: Iterable[tuple[str, str]] = (),
    without: Iterable[tuple[str, str]] = (),
) -> str:
    """Digest of the definitions in ``sources``, as 64 hexadecimal digits.

    Comments, docstrings, the sentences of raised errors, the words that explain a key of a
    benchmark's file, the names of variables inside a function, the order of definitions and the
    modules that they stand in do not count. A name that another source defines counts as that
    definition, a name from a library as its full dotted name. ``root`` is the folder of the top
    packages.

    ``reached_from`` (module and name) leaves only what these definitions name, and what that names
    in turn; ``without`` are definitions that are never called from there, and count by name alone.

    Raises LookupError where no source has such a definition, SyntaxError where a source cannot be
    parsed, OSError where it cannot be read.
    """
    modules = [_read(path, root) for path in sources]
    written = [
        (module.name, name, _Writer(module).written(statement))
        for module in modules
        for name, statement in module.statements
    ]
    passed_on = {
        (module.name, name): origin
        for module in modules
        for name, origin in module.imported.items()
    }
    shallow: dict[_Origin, str] = {}
    for module, name, parts in written:
        text = "".join(part if isinstance(part, str) else part[1] for part in parts)
        for single in name.split(","):
            shallow[module, single] = _digest(shallow.get((module, single), ""), text)

    def origin_of(origin: _Origin) -> _Origin:
        while origin not in shallow and origin in passed_on:
            origin = passed_on[origin]
        return origin

    unused = {origin_of(origin) for origin in without}

    def resolved(part: _Part) -> str:
        if isinstance(part, str):
            return part
        origin = origin_of(part)
        return f"{origin[1]}={'' if origin in unused else shallow.get(origin, '')}"

    roots = [origin_of(origin) for origin in reached_from]
    if absent := [origin for origin in (*roots, *unused) if origin not in shallow]:
        raise LookupError(f"no source defines {'.'.join(absent[0])}")
    if roots:
        written = _reached(written, roots, unused, origin_of)
    return _digest(*sorted(_digest(name, *map(resolved, parts)) for _, name, parts in written))


def _reached(
    written: list[_Written],
    roots: Iterable[_Origin],
    unused: set[_Origin],
    origin_of: Callable[[_Origin], _Origin],
) -> list[_Written]:
    """The statements that ``roots`` name, directly or not; those without a name with any of them.

    A statement without a name may fill a table that the others of its module read.
    """
    places: dict[_Origin, list[int]] = {}
    unnamed: dict[str, list[int]] = {}
    for place, (module, name, _) in enumerate(written):
        if name:
            for single in name.split(","):
                places.setdefault((module, single), []).append(place)
        else:
            unnamed.setdefault(module, []).append(place)
    reached: set[int] = set()
    todo = [place for origin in roots for place in places[origin]]
    while todo:
        place = todo.pop()
        if place in reached:
            continue
        reached.add(place)
        module, _, parts = written[place]
        todo += unnamed.get(module, [])
        for part in parts:
            if not isinstance(part, str) and (origin := origin_of(part)) not in unused:
                todo += places.get(origin, [])
    return [written[place] for place in sorted(reached)]


@dataclass(slots=True)
class _Module:
    name: str
    root: Path
    statements: list[tuple[str, ast.stmt]] = field(default_factory=list)
    """Each with the name that it defines; empty where it defines none."""
    imported: dict[str, _Origin] = field(default_factory=dict)
    """Local name to module and name; the second is empty for a module itself."""


def _parsed(source: str) -> ast.Module:
    with _PARSING:
        for _ in range(_TRIES):
            with suppress(SystemError):  # a library parsed in another thread
                return ast.parse(source)
            time.sleep(0.01)
        return ast.parse(source)


def _read(path: Path, root: Path) -> _Module:
    dotted = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    module = _Module(dotted, root)
    tree = _parsed(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, _Import):
            module.imported.update(_imported(node))
    for statement in tree.body:
        name = _defined(statement)
        if not (_is_silent(statement) or _is_for_types(statement) or name == "__all__"):
            module.statements.append((name, statement))
    return module


def _imported(statement: _Import) -> Iterator[tuple[str, _Origin]]:
    for alias in statement.names:
        if isinstance(statement, ast.ImportFrom):
            if statement.module != "__future__":
                yield alias.asname or alias.name, (statement.module or "", alias.name)
        elif alias.asname:
            yield alias.asname, (alias.name, "")
        else:
            top = alias.name.partition(".")[0]
            yield top, (top, "")


def _is_for_types(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.If)
        and isinstance(statement.test, ast.Name)
        and statement.test.id == "TYPE_CHECKING"
    )


def _is_silent(node: object) -> bool:
    """Whether a statement is a docstring or an import."""
    return isinstance(node, _Import) or (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_sentence(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _defined(statement: ast.stmt) -> str:
    if isinstance(statement, _Definition):
        return statement.name
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return ",".join(target.id for target in targets if isinstance(target, ast.Name))


_SILENT = frozenset({"ctx", "kind", "type_comment", "type_params"})
"""Fields of the syntax tree that say nothing, or that only some versions of Python have."""


_WORDS_OF_A_KEY = frozenset(
    ("cohort_selection.benchmark_keys.keys", mark) for mark in ("Absent", "Give")
)


class _Writer:
    """Writes a syntax tree as text that no version of Python writes otherwise.

    A global name becomes a pair: the module that defines it, and its name there.
    """

    def __init__(self, module: _Module) -> None:
        self.module = module
        self.own = {single for name, _ in module.statements for single in name.split(",")}
        self.local: list[_Scope] = []
        self.parts: list[_Part] = []
        self.kept: frozenset[str] = frozenset()
        self.in_error = False

    def written(self, statement: ast.stmt) -> list[_Part]:
        """The parts of one statement of the module."""
        self.kept = frozenset(_kept_names(statement))
        self._write(statement)
        return self.parts

    def _write(self, node: object) -> None:
        if isinstance(node, list):
            self.parts.append("[")
            for item in node:
                if not (_is_silent(item) or self._is_words_of_a_key(item)):
                    self._write(item)
                    self.parts.append(",")
            self.parts.append("]")
        elif not isinstance(node, ast.AST):
            self.parts.append(repr(node))
        elif isinstance(node, ast.Name):
            self.parts += ["name(", self._meaning(node.id), ")"]
        elif isinstance(node, ast.Attribute) and (origin := self._module(node.value)):
            self.parts += ["name(", self._named(origin, node.attr), ")"]
        elif self.in_error and _is_sentence(node):
            self.parts.append("''")
        else:
            self._write_fields(node)

    def _is_words_of_a_key(self, node: object) -> bool:
        """Whether a node is only for people: a mark of a key of a benchmark's file."""
        return isinstance(node, ast.Call) and self._called(node) in _WORDS_OF_A_KEY

    def _called(self, node: ast.Call) -> _Part:
        return self._meaning(node.func.id) if isinstance(node.func, ast.Name) else ""

    def _write_fields(self, node: ast.AST) -> None:
        if isinstance(node, ast.Call) and self._called(node) == "pydantic.Field":
            kept = [each for each in node.keywords if each.arg != "description"]
            node = ast.Call(node.func, node.args, kept)
        bound = _scope(node, self.kept)
        before, self.in_error = self.in_error, self.in_error or isinstance(node, ast.Raise)
        if bound is not None:
            self.local.append(bound)
        self.parts.append(f"{type(node).__name__}(")
        for name in node._fields:
            value = getattr(node, name, None)
            if name not in _SILENT and value is not None and value != []:
                self.parts.append(f"{name}=")
                self._write(value)
        self.parts.append(")")
        if bound is not None:
            self.local.pop()
        self.in_error = before

    def _meaning(self, name: str) -> _Part:
        """What a name stands for; itself where it is a parameter or built in.

        A variable of a function stands for its place: the depth of its scope, and how many
        variables of that scope were written before it.
        """
        for depth, scope in reversed(list(enumerate(self.local))):
            if name in scope.variables:
                return f"variable {depth} {scope.numbers.setdefault(name, len(scope.numbers))}"
            if name in scope.parameters:
                return name
        if any(name in scope.inside for scope in self.local):
            return name
        if name in self.own:
            return self.module.name, name
        module, inner = self.module.imported.get(name, ("", name))
        return self._named(module, inner) if module and inner else module or name

    def _named(self, module: str, name: str) -> _Part:
        """A definition of this project by its place, which may change; another by full name."""
        top = module.partition(".")[0]
        return (module, name) if (self.module.root / top).is_dir() else f"{module}.{name}"

    def _module(self, node: ast.expr) -> str:
        """The dotted name of the imported module that an expression is; empty for any other."""
        if not isinstance(node, ast.Name) or any(node.id in scope.inside for scope in self.local):
            return ""
        module, inner = self.module.imported.get(node.id, ("", ""))
        return f"{module}.{inner}" if inner else module


@dataclass(slots=True)
class _Scope:
    """Names of a function or a comprehension."""

    parameters: frozenset[str]
    variables: frozenset[str]
    inside: frozenset[str]
    """Names that it or anything within it binds."""
    numbers: dict[str, int] = field(default_factory=dict)
    """Variables in the order in which they were written."""


def _scope(node: ast.AST, kept: frozenset[str]) -> _Scope | None:
    """The scope that a function or a comprehension opens; None for any other node.

    A name of ``kept`` counts by its letters.
    """
    if isinstance(node, _Function):
        parameters = frozenset(each.arg for each in _arguments(node))
    elif isinstance(node, _Comprehension):
        parameters = frozenset()
    else:
        return None
    own = frozenset(_assigned(node, nested=False)) - kept
    inside = parameters | frozenset(_assigned(node))
    return _Scope(parameters=parameters, variables=own, inside=inside)


def _arguments(function: _Function) -> Iterator[ast.arg]:
    arguments = function.args
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from (each for each in (arguments.vararg, arguments.kwarg) if each is not None)


def _kept_names(statement: ast.stmt) -> Iterator[str]:
    """Names in ``statement`` that count by their letters.

    Callers may write a parameter's name. The others do not belong to one scope alone, or the
    syntax tree has them as text.
    """
    for node in ast.walk(statement):
        if isinstance(node, _Function | _Comprehension):
            outside = {each.id for each in _read_outside(node)}
            yield from outside.intersection(_assigned(node, nested=False))
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Nonlocal | ast.Global):
            yield from node.names
        elif isinstance(node, ast.NamedExpr):
            yield node.target.id
        elif isinstance(node, ast.ClassDef):
            yield from _assigned(node, nested=False)
        elif isinstance(node, _Import):
            yield from (name for name, _ in _imported(node))
        elif isinstance(node, ast.MatchAs | ast.MatchStar):
            yield node.name or ""
        if isinstance(node, ast.ExceptHandler | _Definition):
            yield node.name or ""


def _read_outside(node: _Function | _Comprehension) -> Iterator[ast.Name]:
    """Names that stand within ``node`` and are looked up around it."""
    parts: list[ast.AST] = []
    if isinstance(node, _Comprehension):
        parts.append(node.generators[0].iter)
    else:
        parts.append(node.args)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        parts += [*node.decorator_list, *([node.returns] if node.returns else [])]
    for part in parts:
        yield from (each for each in ast.walk(part) if isinstance(each, ast.Name))


def _assigned(node: ast.AST, *, nested: bool = True) -> Iterator[str]:
    """Names that are bound within ``node``, or without ``nested`` in its own scope alone."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id
        elif isinstance(inner, ast.ExceptHandler | _Definition):
            yield inner.name or ""
        if nested or not isinstance(inner, _Function | _Comprehension | ast.ClassDef):
            yield from _assigned(inner, nested=nested)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
