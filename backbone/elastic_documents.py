"""Alerts and incidents as indices of their own, for dashboards and analysts; the truth about them stays in the state store.

An index has one document an id. Its version is the revision, so an older one never overwrites a newer.
What analysts write about them stands in documents of its own (``vonggac-triage-<namespace>``): a change to the document itself
would count as a version of it and make the cluster refuse the next revision.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError, TransportError
from elasticsearch import ConflictError as Conflict

from backbone.codec import decode_alert, decode_incident, encode
from backbone.elastic_client import bulk, cause, full, told
from model import Alert, BackboneError, ConflictError, FullError, Incident
from model.moment import to_rfc3339

_json: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Triage(msgspec.Struct, frozen=True):
    """What analysts say of one alert or incident. ``mark`` is which write this was, for the next ``write_triage``."""

    value: dict[str, Any]
    mark: tuple[int, int]


class ElasticDocuments:
    """Indices of a namespace. The templates are put in place by ``ElasticEvents.open``."""

    def __init__(self, client: AsyncElasticsearch, namespace: str) -> None:
        self._client = client
        self._alerts, self._incidents = f"vonggac-alerts-{namespace}", f"vonggac-incidents-{namespace}"
        self._triage = f"vonggac-triage-{namespace}"

    async def put_alerts(self, alerts: Sequence[Alert]) -> int:
        """Index alerts by id; return how many were newer than what was there. FullError, BackboneError: call again."""
        return await self._put(self._alerts, [(a.id, a.revision, _alert(a)) for a in alerts])

    async def put_incidents(self, incidents: Sequence[Incident]) -> int:
        """As ``put_alerts``."""
        return await self._put(self._incidents, [(i.id, i.revision, _incident(i)) for i in incidents])

    async def alert(self, key: str) -> Alert | None:
        """The newest revision of the alert."""
        whole = await self._whole(self._alerts, key)
        return decode_alert(whole) if whole else None

    async def incident(self, key: str) -> Incident | None:
        """The newest revision of the incident."""
        whole = await self._whole(self._incidents, key)
        return decode_incident(whole) if whole else None

    async def _put(self, index: str, documents: Sequence[tuple[str, int, dict[str, Any]]]) -> int:
        if not documents:
            return 0
        lines: list[bytes] = []
        for key, revision, document in documents:
            lines += (encode({"index": {"_id": key, "version": revision, "version_type": "external"}}), encode(document))
        try:
            answer = await bulk(self._client, b"\n".join(lines), index=index)
        except (ApiError, TransportError) as error:
            raise told(error) from None
        items = [item["index"] for item in answer["items"]]
        for item in items:
            if item["status"] >= 300 and item["status"] != 409:
                kind, reason = cause(item)
                if full(kind, reason, item["status"]):
                    raise FullError(f"Elasticsearch takes no more documents ({reason[:300]}); make room on its disks.")
                raise BackboneError(f"Elasticsearch refuses {item['_id']} in {index} ({kind}: {reason[:300]}); look at its log.")
        return sum(item["status"] < 300 for item in items)

    async def _whole(self, index: str, key: str) -> bytes | None:
        found = await self._get(index, key)
        return None if found is None else found["_source"]["whole"].encode()

    async def _get(self, index: str, key: str) -> Any:
        try:
            return await self._client.get(index=index, id=key)
        except NotFoundError:
            return None
        except (ApiError, TransportError) as error:
            raise told(error) from None

    async def triage(self, key: str) -> Triage | None:
        """What is said of the alert or incident ``key``."""
        found = await self._get(self._triage, key)
        return None if found is None else Triage(_json(found["_source"]["whole"]), (found["_seq_no"], found["_primary_term"]))

    async def write_triage(self, key: str, value: dict[str, Any], mark: tuple[int, int] | None) -> None:
        """Write what is said of ``key``, if the last write is still ``mark`` (None: nothing was said yet); else ConflictError.

        ``status``, ``assignee`` and ``note`` can be searched.
        """
        document = {name: value[name] for name in ("status", "assignee", "note") if isinstance(value.get(name), str)}
        document["whole"] = encode(value).decode()
        try:
            if mark is None:
                await self._client.create(index=self._triage, id=key, document=document)
            else:
                await self._client.index(
                    index=self._triage, id=key, document=document, if_seq_no=mark[0], if_primary_term=mark[1]
                )
        except Conflict:
            raise ConflictError(f"Somebody else changed the triage of {key} first; read it again.") from None
        except (ApiError, TransportError) as error:
            raise told(error) from None


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "@timestamp": to_rfc3339(alert.happened_at),
        "revision": alert.revision,
        "rule": alert.rule,
        "title": alert.title,
        "title_vi": alert.title_vi,
        "level": alert.level,
        "systems": alert.systems,
        "entities": alert.entities,
        "count": alert.count,
        "detected": to_rfc3339(alert.detected_at),
        "last": to_rfc3339(alert.last_at),
        "tags": alert.tags,
        "whole": encode(alert).decode(),
    }


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "@timestamp": to_rfc3339(incident.detected_at),
        "revision": incident.revision,
        "severity": incident.severity,
        "kind": incident.kind,
        "title": incident.title,
        "why": incident.why,
        "systems": incident.systems,
        "entities": incident.entities,
        "alerts": [line.id for line in incident.alerts],
        "first": to_rfc3339(incident.first_at),
        "last": to_rfc3339(incident.last_at),
        "techniques": incident.techniques,
        "whole": encode(incident).decode(),
    }
