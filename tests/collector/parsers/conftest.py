"""Hostile input for parsers: random text, damaged samples, a megabyte of anything."""

import json
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.recipe import Context, Parsed
from model import ParseError

CONTEXT = Context(received_at=1_795_228_200_000_000)
MEGABYTE = 1024 * 1024
JUNK = (
    "a",
    '"',
    "\\",
    "[",
    "(",
    "{ ",
    "k={ ",
    ' k="',
    " k='",
    "x: ",
    " ; ",
    ", a=",
    "=",
    "<",
    "\x00",
    "\ufffd",
    "ế ",
    "1",
    " from ",
)
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
PLAIN = (str, int, float, bool)


def check(parsed: Parsed) -> None:
    """What every parser promises of its result."""
    assert parsed.format
    assert parsed.happened_at is None or type(parsed.happened_at) is int
    assert isinstance(parsed.host, str)
    for name, value in parsed.fields.items():
        assert isinstance(name, str)
        values = value if isinstance(value, list) else [value]
        assert all(item is None or isinstance(item, PLAIN) for item in values), (name, value)
        assert value != "", f"{name} is empty: absent is said by leaving out"


@pytest.fixture(scope="session")
def hostile() -> Callable[[Callable[[str, Context], Parsed], Sequence[str]], None]:
    """Run a parser on random text, damaged samples and megabytes: a result that keeps the promises, or ParseError, soon."""

    def attempt(parse: Callable[[str, Context], Parsed], text: str) -> None:
        try:
            check(parse(text, CONTEXT))
        except ParseError:
            return

    def run(parse: Callable[[str, Context], Parsed], samples: Sequence[str]) -> None:
        @SETTINGS
        @given(st.text(max_size=300))
        def on_any_text(text: str) -> None:
            attempt(parse, text)

        @SETTINGS
        @given(
            st.sampled_from(samples),
            st.integers(0, 2000),
            st.integers(0, 40),
            st.one_of(st.text(max_size=20), st.sampled_from(JUNK)),
        )
        def on_damaged_samples(sample: str, at: int, gone: int, put: str) -> None:
            at %= len(sample) + 1
            attempt(parse, sample[:at] + put + sample[at + gone :])
            attempt(parse, sample[:at])
            attempt(parse, sample[at:])

        on_any_text()
        on_damaged_samples()
        for sample in (*samples[:2], ""):
            for junk in JUNK:
                text = sample + junk * (MEGABYTE // len(junk))
                start = perf_counter()
                attempt(parse, text)
                assert perf_counter() - start < 1.0, f"a megabyte of {junk!r} after {sample[:20]!r}"

    return run


@pytest.fixture(scope="session")
def hostile_objects() -> Callable[[Any, Sequence[str]], None]:
    """Run a JSON parser on objects whose parts were swapped for others: a result that keeps the promises, or ParseError."""
    anything = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
        max_leaves=6,
    )

    def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        found = [path] if path else []
        steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in steps:
            found += places(inner, (*path, key))
        return found

    def run(module: Any, samples: Sequence[str]) -> None:
        @SETTINGS
        @given(st.sampled_from(samples), st.integers(0, 10_000), anything)
        def on_swapped_parts(sample: str, which: int, value: Any) -> None:
            document = json.loads(sample)
            paths = places(document)
            path = paths[which % len(paths)]
            part = document
            for key in path[:-1]:
                part = part[key]
            part[path[-1]] = value
            if not module.shape(document):
                return
            try:
                check(module.from_document(document, CONTEXT))
            except ParseError:
                return

        on_swapped_parts()

    return run
