"""Templates of the house in a cluster: put there when missing, replaced when older, never over somebody else's.

A template is ours when its ``_meta.owner`` says so. A newer one, of a newer house, is left alone.
"""

from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError

from backbone.elastic_client import cause
from backbone.elastic_document import stream, streams
from model import ConfigError

OWNER: Final = "vonggac"
COMPONENTS: Final = {"vonggac-ecs": "ecs.json", "vonggac-events": "events.json"}
TEMPLATES: Final = {
    "logs-vonggac": "logs.json",
    "vonggac-quarantine": "quarantine.json",
    "vonggac-progress": "progress.json",
    "vonggac-alerts": "alerts.json",
    "vonggac-incidents": "incidents.json",
    "vonggac-triage": "triage.json",
}
_log = structlog.get_logger()


async def install(client: AsyncElasticsearch, folder: Path, namespace: str) -> None:
    """Make the cluster's templates those of ``folder``. ConfigError when one cannot be: whose it is and what to do."""
    changed = False
    for name, file in COMPONENTS.items():
        changed |= await _put(client, "/_component_template/", "component_templates", "component_template", name, folder / file)
    for name, file in TEMPLATES.items():
        changed |= await _put(client, "/_index_template/", "index_templates", "index_template", name, folder / file)
    await _check(client, namespace)
    if changed:
        await _roll_over(client, namespace)


async def _put(client: AsyncElasticsearch, path: str, many: str, one: str, name: str, file: Path) -> bool:
    """Whether an older template was replaced."""
    wanted = _read(file)
    held = await _held(client, path + name, many, one)
    if held is not None:
        if (held.get("_meta") or {}).get("owner") != OWNER:
            raise ConfigError(f"The cluster has a template {name} that is not ours; rename or remove it, then start again.")
        if held.get("version", 0) >= wanted["version"]:
            return False
    headers = {"accept": "application/json", "content-type": "application/json"}
    try:
        await client.perform_request("PUT", path + name, headers=headers, body=wanted)
    except ApiError as error:
        if error.status_code != 400:
            raise
        raise ConfigError(
            f"The cluster refuses the template {name}: {cause(error.body)[1]}; correct the other template."
        ) from None
    _log.info("elastic_template", name=name, version=wanted["version"], replaced=held is not None)
    return held is not None


def _read(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"The template {file} cannot be read: {error}; take it from the distribution.") from None


async def _held(client: AsyncElasticsearch, path: str, many: str, one: str) -> dict[str, Any] | None:
    try:
        answer = await client.perform_request("GET", path, headers={"accept": "application/json"})
    except NotFoundError:
        return None
    found: dict[str, Any] = answer.body[many][0][one]
    return found


async def _check(client: AsyncElasticsearch, namespace: str) -> None:
    """See that a new stream would really get our mapping: a template of higher priority would take it away in silence."""
    name = stream("", namespace)
    answer = await client.indices.simulate_index_template(name=name)
    mapping = answer["template"].get("mappings", {}).get("properties", {})
    if "terms" not in mapping.get("vonggac", {}).get("properties", {}):
        raise ConfigError(
            f"Another index template of higher priority takes the data streams {streams(namespace)}; "
            "lower its priority below 500 or narrow its pattern."
        )


async def _roll_over(client: AsyncElasticsearch, namespace: str) -> None:
    """Let every stream begin a new index, with the new mapping."""
    for name in await names(client, namespace):
        await client.indices.rollover(alias=name)


async def names(client: AsyncElasticsearch, namespace: str) -> list[str]:
    """The data streams of a namespace that exist."""
    found = await client.indices.resolve_index(name=streams(namespace), expand_wildcards="all")
    return sorted(str(one["name"]) for one in found["data_streams"])
