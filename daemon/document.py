"""``docs/settings.md``, made from the settings themselves: `python -m daemon.document > docs/settings.md`."""

import sys
import typing
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from daemon import settings
from daemon.units import Duration, Size
from model.moment import DAY, HOUR, MINUTE, SECOND

_SECTIONS: dict[str, type[BaseModel]] = {
    "": settings.Settings,
    "collector": settings.Collector,
    "rules": settings.Rules,
    "correlator": settings.Correlator,
    "store": settings.Store,
    "notifier": settings.Notifier,
    "notifier.national": settings.NationalLink,
    "console": settings.Console,
    "national": settings.National,
    "distributed.kafka": settings.KafkaCluster,
    "distributed.elasticsearch": settings.ElasticsearchCluster,
}
_SOURCES = typing.get_args(typing.get_args(settings.Source)[0])


def settings_page() -> str:
    """The page as Markdown. Every setting there is stands on it; a test compares it with the file."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# Settings\n"
    yield "Made from `daemon/settings.py` by `python -m daemon.document`; a test keeps it true."
    yield "Times: `500ms`, `10s`, `5m`, `4h`, `30d`. Sizes: `64 KiB`, `32 MiB`."
    yield "`vonggac check` says what is wrong with a file, all at once, with lines.\n"
    for name, model in _SECTIONS.items():
        yield f"## `{name}`\n" if name else "## Top of the file\n"
        yield f"{_first(model)}\n"
        yield from _table(model, skip=set(_SECTIONS) | {s.rpartition(".")[2] for s in _SECTIONS} | {"sources"})
    yield "## `collector.sources`\n"
    yield "A list. Every source has:\n"
    yield from _table(settings.SourceSettings, skip=set())
    for model in _SOURCES:
        kind = typing.get_args(model.model_fields["type"].annotation)[0]
        yield f"### `type: {kind}`\n"
        yield f"{_first(model)}\n"
        yield from _table(model, skip=set(settings.SourceSettings.model_fields) | {"type"})


def _first(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _table(model: type[BaseModel], skip: set[str]) -> Iterator[str]:
    rows = [(name, field) for name, field in model.model_fields.items() if name not in skip]
    if not rows:
        return
    yield "| setting | default | what it does |"
    yield "| --- | --- | --- |"
    for name, field in rows:
        yield f"| `{name}` | {_default(field)} | {field.description or ''} |"
    yield ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default()
    if value in ("", [], ()):
        return "–"
    if _is(field, Duration):
        return f"`{_time(value)}`"
    if _is(field, Size):
        return f"`{_size(value)}`"
    if isinstance(value, dict):
        return "`{" + ", ".join(f"{k}: {_time(v)}" for k, v in value.items()) + "}`"
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _is(field: FieldInfo, alias: object) -> bool:
    return any(m in field.metadata for m in typing.get_args(alias)[1:])


def _time(value: int) -> str:
    name, unit = next(
        (n, u) for n, u in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", SECOND // 1000)) if value % u == 0
    )
    return f"{value // unit}{name}"


def _size(value: int) -> str:
    name, unit = next((n, u) for n, u in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1)) if value % u == 0)
    return f"{value // unit} {name}"


if __name__ == "__main__":
    sys.stdout.write(settings_page())
