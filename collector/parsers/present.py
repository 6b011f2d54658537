"""A field a record does not fill is absent. Pure."""

from typing import Any


def present(fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` without those that are empty text; the same dictionary when none is."""
    if "" not in fields.values():
        return fields
    return {name: value for name, value in fields.items() if value != ""}
