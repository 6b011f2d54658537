"""Field names of the query language: attributes of an event, Sigma names, ECS names. Pure tables.

A name is looked up in this order: attribute, ECS alias, key of ``fields`` as typed. ``fields.`` before a name reaches the key
even when an attribute has the same name. Names of the tables are read without regard to case; other keys are exact.
"""

from typing import Final

from backbone.query_nodes import Field

ATTRIBUTES: Final = {
    "id": "id",
    "system": "system",
    "source": "source",
    "host": "host",
    "format": "format",
    "peer": "peer",
    "product": "product",
    "service": "service",
    "category": "categories",
    "categories": "categories",
    "tag": "tags",
    "tags": "tags",
    "happened_at": "happened_at",
    "received_at": "received_at",
    "@timestamp": "happened_at",
    "event.ingested": "received_at",
    "event.id": "id",
}
TIMES: Final = frozenset({"happened_at", "received_at"})
LISTS: Final = frozenset({"categories", "tags"})

ALIASES: Final = {
    "source.ip": ("src_ip", "c-ip", "IpAddress", "ipAddress", "SourceIp"),
    "source.port": ("src_port", "IpPort", "SourcePort"),
    "source.address": ("src_host", "rhost", "SourceHostname", "WorkstationName"),
    "destination.ip": ("dst_ip", "s-ip", "DestinationIp"),
    "destination.port": ("dst_port", "s-port", "DestinationPort"),
    "destination.domain": ("cs-host", "r-dns", "DestinationHostname"),
    "user.name": ("username", "User", "TargetUserName", "cs-username", "c-username", "user", "SubjectUserName"),  # all PROMOTED
    "user.target.name": ("target_user", "TargetUserName"),
    "url.path": ("cs-uri-stem",),
    "url.query": ("cs-uri-query",),
    "url.original": ("cs-uri", "c-uri"),
    "http.request.method": ("cs-method",),
    "http.response.status_code": ("sc-status", "response_code"),
    "http.response.body.bytes": ("sc-bytes", "response_size"),
    "http.request.referrer": ("cs-referer",),
    "user_agent.original": ("cs-user-agent", "c-useragent"),
    "process.executable": ("Image", "exe"),
    "process.command_line": ("CommandLine", "command"),
    "process.parent.executable": ("ParentImage",),
    "process.parent.command_line": ("ParentCommandLine",),
    "process.working_directory": ("CurrentDirectory", "cwd"),
    "process.name": ("process", "program"),
    "process.pid": ("ProcessId", "pid"),
    "event.code": ("EventID",),
    "event.action": ("action",),
    "event.outcome": ("result", "status"),
    "event.reason": ("reason",),
    "winlog.channel": ("Channel",),
    "file.path": ("TargetFilename", "file_name"),
    "file.name": ("file_name",),
    "file.mime_type": ("mime",),
    "file.size": ("size",),
    "dns.question.name": ("query", "QueryName"),
    "dns.question.type": ("record_type",),
    "email.from.address": ("sender",),
    "email.to.address": ("recipient",),
    "registry.path": ("TargetObject",),
    "rule.id": ("rule_id",),
    "message": ("message",),
}

# An ECS name whose meaning an attribute carries as well.
_ALSO: Final = {
    "host.name": ("host", ("Computer", "hostname")),
    "host.hostname": ("host", ("Computer", "hostname")),
    "event.dataset": ("format", ()),
    "event.category": ("categories", ()),
    "service.name": ("service", ()),
    "observer.product": ("product", ()),
    "event.original": ("original", ()),
    "original": ("original", ()),
}

PROMOTED: Final = (
    "src_ip",
    "c-ip",
    "IpAddress",
    "ipAddress",
    "SourceIp",
    "dst_ip",
    "DestinationIp",
    "username",
    "user",
    "User",
    "TargetUserName",
    "SubjectUserName",
    "cs-username",
    "c-username",
    "user.name",
    "source.ip",
    "EventID",
    "Image",
    "CommandLine",
    "cs-uri-stem",
    "cs-uri-query",
    "cs-method",
    "sc-status",
    "action",
    "query",
)
"""Keys of ``fields`` that the event store keeps as columns of their own: what analysts and Sigma look at most."""

_KNOWN: Final = {key.lower(): key for keys in ALIASES.values() for key in keys} | {key.lower(): key for key in PROMOTED}
_AMBIGUOUS: Final = {"user": ("user", "User"), "ipaddress": ("IpAddress", "ipAddress")}


def resolve(name: str) -> Field:
    """What ``name``, as typed in a query, stands for."""
    low = name.lower()
    if low.startswith("fields."):
        return Field(name, "", _keys(name[len("fields.") :]))
    if attribute := ATTRIBUTES.get(low):
        return Field(name, attribute)
    if also := _ALSO.get(low):
        return Field(name, also[0], (*also[1], name))
    if aliases := ALIASES.get(low):
        return Field(name, "", tuple(dict.fromkeys((*aliases, name))))
    return Field(name, "", _keys(name))


def _keys(name: str) -> tuple[str, ...]:
    """The keys a Sigma name may have; known ones are found whatever the case they are typed in."""
    low = name.lower()
    if spelled := _AMBIGUOUS.get(low):
        return spelled
    return tuple(dict.fromkeys((_KNOWN.get(low, name), name)))


def names() -> list[str]:
    """Every name of the tables, for completion in a search box."""
    return sorted({*ATTRIBUTES, *ALIASES, *_ALSO, *PROMOTED} - {"categories", "tags"})
