"""Linux audit events: one record alone, or all records of one serial joined. Pure.

The records of an event say together what happened: SYSCALL who and how, EXECVE the arguments, CWD and PATH the files, SOCKADDR
the peer, PROCTITLE the command line. Joined, they get Sigma's names for process creation, file and network events.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from collector.parsers.auditd_records import Head, address, head, pairs, unhex
from collector.parsers.auditd_syscalls import ARCHITECTURES
from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

SERVICE: Final = "auditd"
_ARGUMENTS: Final = 2_000
_REGISTERS: Final = ("a0", "a1", "a2", "a3")
_ACCEPT: Final = ("accept", "accept4")
_CONNECT: Final = ("connect", "sendto", "sendmsg")
_EXEC: Final = ("execve", "execveat")
_sources: dict[tuple[str, ...], LogSource] = {}

Record = tuple[Head, dict[str, str]]


def parse(text: str, context: Context) -> Parsed:
    """One record, or several of one event with a line feed between them."""
    return parse_group([line for line in text.strip("\r\n ").split("\n") if line], context)


def parse_group(texts: Sequence[str], context: Context) -> Parsed:
    """All records of one event, in order. ParseError when one is no audit record."""
    if not texts:
        raise ParseError("an empty audit event")
    records: list[Record] = []
    for text in texts:
        start = head(text)
        records.append((start, pairs(text, start.body, start.type)))
    first = records[0][0]
    fields = _joined(records)
    categories = _understand(records, fields)
    fields.setdefault("message", fields.get("proctitle") or texts[0][first.body :].replace("\x1d", " ").strip())
    return Parsed(fields=present(fields), happened_at=first.at, host=first.node, logsource=_source(categories), format="auditd")


def _source(categories: tuple[str, ...]) -> LogSource:
    made = _sources.get(categories)
    if made is None:
        made = _sources[categories] = LogSource(product="linux", categories=categories, service=SERVICE)
    return made


def _joined(records: Sequence[Record]) -> dict[str, Any]:
    """Every key of every record; several values of a key become a list. EXECVE's arguments win over SYSCALL's numbers."""
    executed = any(start.type == "EXECVE" for start, _ in records)
    types = [start.type for start, _ in records if start.type != "EOE"]
    fields: dict[str, Any] = {"type": types, "serial": records[0][0].serial}
    for start, found in records:
        if executed and start.type == "SYSCALL":
            found = {key: value for key, value in found.items() if key not in _REGISTERS}
        for key, value in found.items():
            known = fields.get(key)
            if key in ("type", "serial"):
                continue
            if known is None:
                fields[key] = value
            elif isinstance(known, list):
                known.append(value)
            elif known != value or start.type == "PATH":
                fields[key] = [known, value]
    return fields


def _understand(records: Sequence[Record], fields: dict[str, Any]) -> tuple[str, ...]:
    """Sigma's names by what kinds of records there are; the categories they make."""
    categories: list[str] = []
    by_type: dict[str, dict[str, str]] = {}
    for start, found in records:
        by_type.setdefault(start.type, found)
    call = by_type.get("SYSCALL", {})
    name = fields.get("SYSCALL")
    if call and name is None:
        name = ARCHITECTURES.get(call.get("arch", ""), {}).get(call.get("syscall", ""))
        if name:
            fields["SYSCALL"] = name
    if call:
        _process(call, fields)
    if "EXECVE" in by_type:
        _arguments(by_type["EXECVE"], fields)
    if ("EXECVE" in by_type or name in _EXEC) and call.get("success") != "no":
        fields.setdefault("CommandLine", fields.get("proctitle"))
        if fields["CommandLine"] is None:
            del fields["CommandLine"]
        _one(fields, "cwd", "CurrentDirectory")
        categories.append("process_creation")
    created = [_absolute(found.get("name"), by_type) for start, found in records if _creates(start, found)]
    created = [path for path in created if path]
    if created and call.get("success") != "no":
        fields["TargetFilename"] = created[0] if len(created) == 1 else created
        categories.append("file_event")
    if "saddr" in fields and _peer(fields, name):
        categories.append("network_connection")
    _user(by_type, fields)
    if "CommandLine" in fields:
        fields["message"] = fields["CommandLine"]
    return tuple(categories)


def _process(call: Mapping[str, str], fields: dict[str, Any]) -> None:
    for old, new in (("exe", "Image"), ("pid", "ProcessId"), ("ppid", "ParentProcessId")):
        if old in call:
            fields[new] = call[old]
    user = call.get("UID") or call.get("uid")
    if user:
        fields["User"] = user


def _one(fields: dict[str, Any], old: str, new: str) -> None:
    value = fields.get(old)
    if value is not None:
        fields[new] = value[0] if isinstance(value, list) else value


def _creates(start: Head, found: Mapping[str, str]) -> bool:
    return start.type == "PATH" and found.get("nametype") == "CREATE"


def _absolute(name: str | None, by_type: Mapping[str, Mapping[str, str]]) -> str:
    if not name or name.startswith("/"):
        return name or ""
    cwd = by_type.get("CWD", {}).get("cwd", "")
    return f"{cwd.rstrip('/')}/{name.removeprefix('./')}" if cwd else name


def _arguments(found: Mapping[str, str], fields: dict[str, Any]) -> None:
    """``a0="curl" a1="-o"``, and long ones in parts: ``a1_len=9000 a1[0]=68… a1[1]=7A…``."""
    parts: dict[int, list[tuple[int, str]]] = {}
    whole: dict[int, str] = {}
    for key, value in found.items():
        if not key.startswith("a"):
            continue
        number, bracket, part = key[1:].partition("[")
        if not number.isdecimal() or len(number) > 6:
            continue
        if not bracket:
            whole[int(number)] = value
        elif part[:-1].isdecimal() and len(part) < 8:
            parts.setdefault(int(number), []).append((int(part[:-1]), value))
            fields.pop(key, None)
    for index, pieces in parts.items():
        whole[index] = fields[f"a{index}"] = unhex("".join(piece for _, piece in sorted(pieces)))
        fields.pop(f"a{index}_len", None)
    if whole:
        fields["CommandLine"] = " ".join(whole[index] for index in sorted(whole)[:_ARGUMENTS])


def _peer(fields: dict[str, Any], name: Any) -> bool:
    """Who is at the other end of the socket; True for an outgoing connection."""
    saddr = fields["saddr"]
    found = address(saddr[0] if isinstance(saddr, list) else saddr)
    if found is None:
        return False
    if name in _CONNECT:
        fields["DestinationIp"], fields["DestinationPort"] = fields["dst_ip"], fields["dst_port"] = found
        fields["Initiated"] = "true"
        return bool(name == "connect")
    if name is None or name in _ACCEPT:
        fields["src_ip"], fields["src_port"] = found
    else:
        fields["saddr_ip"], fields["saddr_port"] = found
    return False


def _user(by_type: Mapping[str, Mapping[str, str]], fields: dict[str, Any]) -> None:
    """USER_LOGIN and its like: where from, and who."""
    for kind, found in by_type.items():
        if not kind.startswith(("USER_", "CRED_", "LOGIN", "ADD_", "DEL_", "ACCT_", "ANOM_LOGIN", "GRP_")):
            continue
        if "addr" in found:
            fields["src_ip"] = found["addr"]
        account = found.get("acct") or found.get("ID")
        if account:
            fields["username"] = account
        if "cmd" in found:
            fields.setdefault("CommandLine", found["cmd"])
