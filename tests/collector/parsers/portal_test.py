"""The public-service portal's own log."""

import json
from collections.abc import Callable

import pytest

from collector.parsers import portal
from collector.recipe import Context
from model import LogSource, ParseError

CONTEXT = Context(received_at=0)
UPLOAD = json.dumps(
    {
        "ts": "2026-11-21T09:30:00.123+07:00",
        "app": "dvc",
        "action": "upload",
        "user": "012345678901",
        "ip": "203.0.113.9",
        "dossier": "H21.07-261121-0042",
        "file": "giấy_khai_sinh.pdf.JSP",
        "size": 5120,
        "mime": "application/pdf",
        "result": "ok",
        "device": {"os": "Android"},
    }
)


def test_upload() -> None:
    """An upload gives user, address, file with its extension in small letters, and what the portal adds."""
    parsed = portal.parse(UPLOAD, CONTEXT)
    assert (
        parsed.fields.items()
        >= {
            "action": "upload",
            "user": "012345678901",
            "username": "012345678901",
            "src_ip": "203.0.113.9",
            "dossier": "H21.07-261121-0042",
            "file_name": "giấy_khai_sinh.pdf.JSP",
            "file_extension": "jsp",
            "size": 5120,
            "result": "ok",
            "device.os": "Android",
        }.items()
    )
    assert parsed.happened_at == 1_795_228_200_123_000
    assert parsed.logsource == LogSource(product="dvc", service="application")
    assert "upload" in parsed.fields["message"]


def test_sizes_as_text_become_numbers() -> None:
    """A size written as text is a number."""
    assert portal.parse(UPLOAD.replace("5120", '"5120"'), CONTEXT).fields["size"] == 5120


@pytest.mark.parametrize("text", ["", "{}", '{"app": "dvc"}', '{"app": "dvc", "action": 1}', '{"action": "x"}'])
def test_others_are_refused(text: str) -> None:
    """What is no action of the portal is refused."""
    with pytest.raises(ParseError):
        portal.parse(text, CONTEXT)


def test_hostile(hostile: Callable[..., None], hostile_objects: Callable[..., None]) -> None:
    """Any text or object gives a result or ParseError, and soon."""
    hostile(portal.parse, (UPLOAD,))
    hostile_objects(portal, (UPLOAD,))
