"""Nanoseconds -> a duration as people write it."""

from __future__ import annotations

UNITS = (
    ("d", 86_400 * 10**9),
    ("h", 3600 * 10**9),
    ("m", 60 * 10**9),
    ("s", 10**9),
    ("ms", 10**6),
    ("µs", 10**3),
    ("ns", 1),
)

MINUTE = 60 * 10**9


def duration(ns: int) -> str:
    """Return a duration for people, with three digits or two units: `45.7 ms`, `1m 5s`."""
    if ns <= 0:
        return f"-{duration(-ns)}" if ns else "0 ms"
    index = next(i for i, (_, unit) in enumerate(UNITS) if unit <= ns)
    name, unit = UNITS[index]
    if unit < MINUTE:
        return f"{_three_digits(ns / unit)} {name}"
    smaller, part = UNITS[index + 1]
    reset = f" {ns % unit // part}{smaller}" if ns % unit >= part and ns < 100 * unit else ""
    return f"{ns // unit}{name}{reset}"


def _three_digits(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
