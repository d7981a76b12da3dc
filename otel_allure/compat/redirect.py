"""Functions of others that call us first, while nobody can see a difference.

To replace `Thread.start` by a function of ours would change what it is: who has kept the old one
calls past us, who compares (to see whether it is patched already, say) finds another one, and who
has wrapped ours in between makes it impossible to take ours away. So the function stays, and its
code is exchanged. That can be undone at any time, whatever others have put around it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any

from otel_allure.compat import Private, found

# What the new code does, with what it calls among its constants: the names in it are those of the
# function's own module.
_HOOK, _PLAIN = "otel-allure", "otel-allure-plain"
_ASKED = f"return {_HOOK!r}.__call__({_PLAIN!r}, ARGUMENTS)"
_TOLD = f"{_HOOK!r}.__call__(ARGUMENTS); return {_PLAIN!r}.__call__(ARGUMENTS)"


class Redirection:
    """A function that calls `hook` in its place, from `begin` until `end` as often.

    Args:
        owner: the class or module that has it. If others have wrapped it, what is inside is meant.
        name: its name there; one that is private may be missing.
        hook: given what does what the function did, and the arguments.
        is_told: the hook is only told the arguments before. While the function runs no frame of
            ours is on the stack, which others walk to find who has called them: from a handler of
            logging through what is of logging, for example.

    Attributes:
        is_possible: whether there is such a function, written in Python. Else nothing happens.
    """

    def __init__(
        self,
        owner: Any,
        name: str | Private,
        hook: Callable[..., Any],
        *,
        is_told: bool = False,
    ) -> None:
        its_name = name.attribute if isinstance(name, Private) else name
        function = _innermost(found(owner, name), its_name)
        if function is None and owner is not None and isinstance(name, Private):
            name.is_missing()
        self.is_possible = function is not None
        self._users = 0
        if function is not None:
            self._function = function
            self._plain = function.__code__
            called = {_HOOK: hook, _PLAIN: _copy(function)}
            self._code = _code(function, _TOLD if is_told else _ASKED, called)

    def begin(self) -> Callable[[], None]:
        """Begin, and return what ends it; the second call of that does nothing."""
        if not self.is_possible:
            return lambda: None
        if not self._users:
            self._function.__code__ = self._code
        self._users += 1
        ends = [self._end]
        return lambda: ends.pop()() if ends else None

    def _end(self) -> None:
        self._users -= 1
        # If somebody has done as we do since, they have kept our code, and will put it back.
        if not self._users and self._function.__code__ is self._code:
            self._function.__code__ = self._plain


def begin_all(*groups: Sequence[Redirection]) -> Callable[[], None]:
    """Begin each of them, and return what ends all. Of a group with one that cannot, none does."""
    ends = [
        redirection.begin()
        for group in groups
        if all(redirection.is_possible for redirection in group)
        for redirection in group
    ]

    def undo() -> None:
        for end in ends:
            end()

    return undo


def _innermost(function: Any, name: str) -> FunctionType | None:
    """Return the function of that name that `function` is, or wraps."""
    while function is not None:
        if inspect.isfunction(function) and not function.__closure__:
            return function
        inside = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
        named = (each for each in inside if getattr(each, "__name__", None) == name)
        function = getattr(function, "__wrapped__", None) or next(named, None)
    return None


def _copy(function: FunctionType) -> FunctionType:
    copied = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__
    )
    copied.__kwdefaults__ = function.__kwdefaults__
    return copied


def _code(function: FunctionType, body: str, called: dict[str, Any]) -> CodeType:
    """Return code with the parameters of `function` and a body that hands them on."""
    code = function.__code__
    names = list(code.co_varnames)
    positional = names[: code.co_argcount]
    keywords = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    others = names[code.co_argcount + code.co_kwonlyargcount :]
    takes, gives = list(positional), list(positional)
    if code.co_posonlyargcount:
        takes.insert(code.co_posonlyargcount, "/")
    if code.co_flags & inspect.CO_VARARGS:
        takes.append(f"*{others[0]}")
        gives.append(f"*{others.pop(0)}")
    elif keywords:
        takes.append("*")
    takes += keywords
    gives += [f"{name}={name}" for name in keywords]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        takes.append(f"**{others[0]}")
        gives.append(f"**{others[0]}")
    text = f"def call({', '.join(takes)}): {body.replace('ARGUMENTS', ', '.join(gives))}"
    made: dict[str, Any] = {}
    exec(text, made)  # noqa: S102 -- nothing but names of parameters is in it
    new: CodeType = made["call"].__code__
    return new.replace(
        co_consts=tuple(called.get(value, value) for value in new.co_consts),
        co_name=code.co_name,
        co_filename=code.co_filename,
        co_firstlineno=code.co_firstlineno,
    )
