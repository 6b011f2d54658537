"""Values into HTML, escaped. Only ``Html`` made here goes in as it is. Pure."""

from collections.abc import Iterable
from functools import cache
from html import escape
from importlib import resources
from string import Template


class Html(str):
    """Markup that is safe as it stands."""

    __slots__ = ()


def text(value: object) -> Html:
    """``value`` as text; characters HTML has no place for are shown as a replacement."""
    if isinstance(value, Html):
        return value
    clean = "".join(c if c in "\n\t" or (c >= " " and not "\x7f" <= c <= "\x9f") else "�" for c in str(value))
    return Html(escape(clean.encode("utf-8", "replace").decode(), quote=True))


def fill(template: str, **values: object) -> Html:
    """The template file (``national/templates/<template>.html``) with its ``$names`` filled in."""
    return Html(_template(template).substitute({name: text(value) for name, value in values.items()}))


def join(parts: Iterable[Html]) -> Html:
    """Markup after markup."""
    return Html("".join(parts))


def tag(name: str, *children: object, **attributes: str) -> Html:
    """An element; a trailing underscore in an attribute's name is dropped (``class_``)."""
    shown = "".join(f' {key.rstrip("_")}="{text(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{shown}>{''.join(text(child) for child in children)}</{name}>")


def static(name: str) -> bytes:
    """A file of ``national/static``."""
    return resources.files("national").joinpath("static", name).read_bytes()


@cache
def _template(name: str) -> Template:
    return Template(resources.files("national").joinpath("templates", f"{name}.html").read_text("utf-8"))
