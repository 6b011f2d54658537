"""Values to bytes and back: JSON, one value a record, so that any tool reads a topic.

Unknown keys are ignored, so that an older reader survives a newer writer.
"""

from typing import Final

import msgspec

from model import Alert, Delivery, Event, Incident

_encoder: Final = msgspec.json.Encoder()
_event: Final = msgspec.json.Decoder(Event)
_alert: Final = msgspec.json.Decoder(Alert)
_incident: Final = msgspec.json.Decoder(Incident)
_delivery: Final = msgspec.json.Decoder(Delivery)

SCHEMA: Final = 1
"""Version of the values on the topics."""

encode = _encoder.encode
"""Any value of ``model`` → UTF-8 JSON."""

decode_event = _event.decode
"""UTF-8 JSON → Event; msgspec.DecodeError (a ValueError) when it is none."""

decode_alert = _alert.decode
decode_incident = _incident.decode
decode_delivery = _delivery.decode
