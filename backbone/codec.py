"""Values to bytes and back, one value a record, by the same names: events as MessagePack, everything else as JSON.

Events are many: MessagePack, which has no quotes to escape and unescape, halves their cost (``docs/decisions/codec.md``). The few
alerts, incidents and deliveries stay text that any tool reads. Unknown keys are ignored, so that an older reader survives a
newer writer.
"""

from typing import Final

import msgspec

from model import Alert, Delivery, Event, Incident

_alert: Final = msgspec.json.Decoder(Alert)
_incident: Final = msgspec.json.Decoder(Incident)
_delivery: Final = msgspec.json.Decoder(Delivery)
_text: Final = msgspec.json.Decoder(Event).decode
_packed: Final = msgspec.msgpack.Decoder(Event).decode

SCHEMA: Final = 2
"""Version of the values on the topics. 1: events as JSON, still read."""

encode = msgspec.json.Encoder().encode
"""Any value of ``model`` → UTF-8 JSON."""

encode_event = msgspec.msgpack.Encoder().encode
"""Event → MessagePack, a map by name."""


def decode_event(value: bytes) -> Event:
    """MessagePack or UTF-8 JSON → Event; msgspec.DecodeError (a ValueError) when it is none."""
    return _text(value) if value[:1] == b"{" else _packed(value)


decode_alert = _alert.decode
decode_incident = _incident.decode
decode_delivery = _delivery.decode
