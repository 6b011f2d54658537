"""Log sources of Windows events are those SigmaHQ's rules name."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.parsers import windows
from collector.parsers.windows_logsource import _CATEGORIES, _SERVICES, logsource, narrowed
from collector.recipe import Context
from model import LogSource

CONTEXT = Context(received_at=0)
SHARED = Path(__file__).parents[3] / "../shared"
UNREACHABLE = {"file_access", "file_rename"}
"""Kernel tracing; no event log has them."""


def test_channels_are_spelt_canonically() -> None:
    """Whatever case a sender uses, the channel is spelt as Windows does; unknown ones stay and are their own service."""
    assert logsource("SECURITY", 4624) == ("Security", LogSource(product="windows", service="security"))
    assert logsource("Vendor/Tool", 1) == ("Vendor/Tool", LogSource(product="windows", service="vendor/tool"))
    assert logsource("PowerShellCore/Operational", 4104)[1].categories == ("ps_script",)


@pytest.mark.parametrize(
    ("provider", "event", "service", "categories"),
    [
        ("Microsoft-Windows-Sysmon", 1, "sysmon", ("process_creation",)),
        ("MICROSOFT-WINDOWS-SECURITY-AUDITING", 4688, "security", ("process_creation",)),
        ("PowerShell", 400, "powershell-classic", ("ps_classic_start",)),
        ("Microsoft-Windows-Eventlog", 1102, "", ()),
        (7, 1, "", ()),
    ],
)
def test_without_a_channel_the_provider_tells(provider: Any, event: int, service: str, categories: tuple[str, ...]) -> None:
    """A sender that leaves the channel out is understood where the provider writes to one channel only; no field is invented."""
    found = windows.from_document({"EventID": event, "Provider_Name": provider}, CONTEXT)
    assert found.logsource == LogSource("windows", categories, service)
    assert "Channel" not in found.fields


def test_blanks_in_names_are_dropped() -> None:
    """Names with blanks are joined for Defender and for channels Sigma has no name for, as SigmaHQ's rules expect."""
    for channel in ("Microsoft-Windows-Windows Defender/Operational", "Vendor/Tool"):
        assert windows.from_document({"EventID": 1, "Channel": channel, "Threat Name": "x"}, CONTEXT).fields["ThreatName"] == "x"


def test_sysmon_for_linux_is_linux() -> None:
    """Sysmon for Linux has the same categories under product linux."""
    found = logsource("Linux-Sysmon/Operational", 1)[1]
    assert found == LogSource(product="linux", categories=("process_creation",), service="sysmon")


def test_ids_mean_something_only_in_their_channel() -> None:
    """Event 1 of another channel is no process creation; 4688 of System is nothing."""
    assert logsource("System", 1)[1].categories == ()
    assert logsource("System", 4688)[1].categories == ()


def test_narrowing_needs_a_known_kind() -> None:
    """An unknown kind of registry change leaves the log source as it is."""
    source = logsource("Microsoft-Windows-Sysmon/Operational", 12)[1]
    assert narrowed(source, 12, {"EventType": "?"}) is source
    assert narrowed(source, 12, {}) is source


def collection(name: str) -> Path:
    path = SHARED / "sigma" / name
    if not path.exists():
        pytest.skip(f"no collection of rules at {path}: put SigmaHQ's release beside the checkout to run this")
    return path


def rules() -> Iterator[dict[str, Any]]:
    for folder in ("rules", "rules-emerging-threats", "rules-threat-hunting"):
        for path in sorted(collection(folder).rglob("*.yml")):
            for document in yaml.load_all(path.read_text("utf-8"), Loader=yaml.CSafeLoader):
                if isinstance(document, dict) and "logsource" in document:
                    yield document


@pytest.mark.shared
@pytest.mark.slow
def test_every_log_source_of_sigmahq_is_reachable() -> None:
    """Each service and category SigmaHQ's Windows rules name can be reached by some channel and event id, but the listed ones."""
    services = set(_SERVICES)
    categories = {name for by_event in _CATEGORIES.values() for names in by_event.values() for name in names}
    categories |= {"registry_add", "registry_delete", "registry_set", "registry_rename"}
    missing: Counter[str] = Counter()
    for rule in rules():
        source = rule["logsource"]
        if source.get("product") != "windows":
            continue
        if source.get("service") not in {None, *services}:
            missing[f"service {source['service']}"] += 1
        if source.get("category") not in {None, *categories}:
            missing[source["category"]] += 1
    print(f"not reachable: {dict(missing)}")
    assert set(missing) == UNREACHABLE


@pytest.mark.shared
@pytest.mark.slow
def test_regression_events_have_the_log_source_of_their_rule() -> None:
    """Every event SigmaHQ keeps to prove a rule has the log source that rule asks for."""
    by_id = {rule["id"]: rule["logsource"] for rule in rules() if "id" in rule}
    events, misses = 0, []
    for path in sorted(collection("regression_data").rglob("*.json")):
        wanted = by_id[path.stem]
        for document in documents(path.read_text("utf-8-sig")):
            assert windows.shape(document)
            found = windows.from_document(document, CONTEXT).logsource
            events += 1
            if not (
                wanted.get("product") in (None, found.product)
                and wanted.get("service") in (None, found.service)
                and wanted.get("category") in (None, *found.categories)
            ):
                misses.append(f"{path.stem}: {wanted} is not {found}")
    print(f"{events} events, {len(misses)} misses")
    assert events > 100
    assert not misses


def documents(text: str) -> Iterator[dict[str, Any]]:
    """Objects one after another, with whatever white space and commas between them."""
    decoder, position = json.JSONDecoder(), 0
    while True:
        while position < len(text) and text[position] in " \r\n\t,[]":
            position += 1
        if position >= len(text):
            return
        document, position = decoder.raw_decode(text, position)
        yield document
