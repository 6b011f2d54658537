"""Globs mean the same to Hyperscan, to string methods and to a regular expression."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator import patterns
from correlator.patterns import Pattern, build, literal_glob, parts, plain_test, python_regex, tidy
from correlator.regex import blow_up

GLOB = st.text(alphabet="ab*?\\é\n.[", max_size=8)
TEXT = st.text(alphabet="abé\n.[*?\\", max_size=10)


@settings(max_examples=150, deadline=None)
@given(st.lists(GLOB, min_size=1, max_size=5), st.lists(TEXT, min_size=1, max_size=8))
def test_three_ways_agree(globs: list[str], texts: list[str]) -> None:
    """Hyperscan, string methods and ``re`` find the same globs in the same texts."""
    listed: list[Pattern] = [(number, "glob", tidy(glob), "c") for number, glob in enumerate(globs)]
    scanned = patterns.load(build(listed), listed, ())
    assert scanned is not None
    for text in texts:
        wanted = [number for number, *_ in listed if python_regex(listed[number]).search(text)]
        assert [number for number, *_ in listed if plain_test(listed[number])(text)] == wanted
        assert sorted(scanned.hits(text, text)) == wanted


@given(TEXT)
def test_a_literal_is_itself(text: str) -> None:
    """Text written as a glob has no wildcards and reads back as it was."""
    assert "".join(part for _, part in parts(literal_glob(text))) == text
    assert all(what == "=" for what, _ in parts(literal_glob(text)))


@pytest.mark.parametrize("value", ["(a+)+b", "(a*)*", "(?:a|a)*b", "(x+x+)+y", r"(a)\1", "((a{1,50}){1,50})c"])
def test_expressions_that_could_blow_up(value: str) -> None:
    """Nested repeats and back-references are seen before they are run."""
    assert blow_up(value)


@pytest.mark.parametrize("value", ["a+b", "[a-z]{3,8}\\.exe", "^(foo|bar)$", ".*x.*y", "(?:abc){2}d", "a?b?c?"])
def test_expressions_that_cannot(value: str) -> None:
    """Plain repeats run without Hyperscan too."""
    assert not blow_up(value)


def test_globs_are_linear() -> None:
    """Stars in a row of traps take no more than a moment without Hyperscan."""
    check = plain_test((0, "glob", "*" + "a*" * 40 + "b", ""))
    begun = time.perf_counter()
    assert not check("a" * 200_000)
    assert time.perf_counter() - begun < 1
