"""Pages and histograms of a search: the arithmetic every event store shares. Pure."""

from typing import Final

from backbone.ports import Search
from model import Micros, QueryError

MOST_BUCKETS: Final = 10_000
MOST_PAGE: Final = 10_000


def page_limit(search: Search) -> int:
    """Events a page may have; QueryError beyond MOST_PAGE."""
    if not 0 <= search.limit <= MOST_PAGE:
        raise QueryError(f"A page has at most {MOST_PAGE} events, not {search.limit}; ask for the next page for more.")
    return search.limit


def bucket_edges(search: Search, buckets: int) -> list[Micros]:
    """Starts of ``buckets`` equal parts of [since, until); an event at t falls in part (t - since) · buckets // width."""
    width = search.until - search.since
    if not 1 <= buckets <= MOST_BUCKETS or width < buckets:
        raise QueryError(
            f"A histogram has 1 to {MOST_BUCKETS} buckets of at least a microsecond; ask for fewer or a longer time."
        )
    # The first microsecond that falls in the part: rounded up.
    return [search.since + -(-width * n // buckets) for n in range(buckets)]


def write_place(happened_at: Micros, offset: int) -> str:
    """A page's end as text, for ``Search.after``."""
    return f"{happened_at}.{offset}"


def read_place(after: str) -> tuple[Micros, int] | None:
    """What ``write_place`` wrote; QueryError when it did not write this."""
    if not after:
        return None
    happened_at, _, offset = after.partition(".")
    try:
        return int(happened_at), int(offset)
    except ValueError:
        raise QueryError(f"The page mark “{after[:40]}” is none of ours; search again from the first page.") from None
