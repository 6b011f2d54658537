"""BSD syslog as it is really written (RFC 3164 only describes it): rsyslog, syslog-ng, Cisco, appliances, files without PRI.

    [<PRI>][sequence: ][time ][host ]program[pid]: message

Time: ``Nov 21 16:30:00``, with year, fraction or zone word (Cisco), or RFC 3339 (rsyslog). Host and program may be missing.
"""

from typing import Final

from collector.parsers import times
from collector.recipe import Context, Parsed
from model import LogSource, Micros, ParseError

SEVERITIES: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
FACILITIES: Final = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *("ntp", "audit", "alert", "clock", *(f"local{n}" for n in range(8))),
)
SERVICES: Final = {
    **dict.fromkeys(("cron", "crond", "crontab", "anacron", "atd"), "cron"),
    **dict.fromkeys(("login", "su", "systemd-logind", "useradd", "usermod", "userdel", "groupadd", "passwd", "chpasswd"), "auth"),
    **dict.fromkeys(("clamd", "freshclam", "clamav", "clamonacc"), "clamav"),
    "guacd": "guacamole",
    "vsftpd": "vsftpd",
}
"""Program → Sigma service of product linux; every other program is ``syslog``."""

LEVELS: Final = frozenset(("TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "SEVERE", "CRITICAL", "FATAL"))
"""Words after a time that mean an application wrote the line, not a host."""

ZONES: Final = {"UTC:": "UTC", "GMT:": "UTC", "ICT:": "+07:00"}
"""Zone words Cisco puts between time and message."""

TAG: Final = 128
"""Longest program name taken as one, in characters."""


def parse(text: str, context: Context) -> Parsed:
    """Fields facility, severity, program, pid, message. ParseError when there is neither PRI nor time."""
    fields: dict[str, object] = {}
    start = priority(text, fields)
    had_priority = start > 0
    start = _after_sequence(text, start) if had_priority else start
    at, start = _time(text, start, context)
    if at is None and not had_priority:
        raise ParseError("not syslog: neither a priority nor a time at the beginning")
    host, start = _host(text, start) if at is not None else ("", start)
    program, pid, start = _tag(text, start)
    message = text[start + 1 :] if text[start : start + 1] == " " else text[start:]
    if program:
        fields["program"] = program
    if pid:
        fields["pid"] = int(pid) if pid.isdecimal() and len(pid) < 19 else pid
    fields["message"] = message
    return Parsed(
        fields=fields,
        happened_at=at,
        host=host,
        logsource=source_of(program),
        format="syslog",
        program=program,
        message=message,
    )


def priority(text: str, fields: dict[str, object]) -> int:
    """Read ``<PRI>`` into facility and severity; return the index after it, 0 when there is none. ParseError above 191."""
    if text[:1] != "<":
        return 0
    end = text.find(">", 1, 6)
    digits = text[1:end]
    if end < 2 or not (digits.isascii() and digits.isdigit()) or int(digits) > 191:
        raise ParseError("not syslog: the priority is not <0> to <191>")
    value = int(digits)
    fields["facility"] = FACILITIES[value >> 3]
    fields["severity"] = SEVERITIES[value & 7]
    return end + 1


def source_of(program: str) -> LogSource:
    """Log source of a message nobody understands better."""
    if program[:1] == "%":
        service = program[1:].partition("-")[0].lower()
        return LogSource(product="cisco", service=service if service in {"asa", "ftd"} else "")
    found = _sources.get(program)
    if found is None:
        found = LogSource(product="linux", service=SERVICES.get(program_name(program), "syslog"))
        if len(_sources) >= 4096:
            _sources.clear()
        _sources[program] = found
    return found


_sources: dict[str, LogSource] = {}


def program_name(program: str) -> str:
    """``/usr/sbin/CRON`` → ``cron``; ``(systemd)`` → ``systemd``; ``postfix/smtpd`` stays."""
    name = program.rpartition("/")[2] if program[:1] == "/" else program
    return name.strip("()").lower()


def _after_sequence(text: str, start: int) -> int:
    """Skip Cisco's ``123: `` or ``: `` and the ``*`` or ``.`` of an unsure clock."""
    colon = text.find(": ", start, start + 12)
    if colon >= 0 and (colon == start or text[start:colon].isdigit()):
        start = colon + 2
    if text[start : start + 1] in {"*", "."} and text[start + 1 : start + 4] in times.MONTHS:
        start += 1
    return start


def _time(text: str, start: int, context: Context) -> tuple[Micros | None, int]:
    """The time at ``start`` and the index after it and its blank; (None, start) when there is none."""
    if text[start : start + 3] in times.MONTHS and text[start + 3 : start + 4] == " ":
        return _named_time(text, start, context)
    if text[start + 4 : start + 5] == "-" and text[start : start + 4].isdigit():
        end = text.find(" ", start, start + 40)
        end = len(text) if end < 0 else end
        try:
            if end - start >= 19:
                return times.rfc3339(text[start:end], context.zone), end + 1
            end = start + 19  # "2026-11-21 16:30:00 host", as some appliances write
            return times.rfc3339(text[start:end], context.zone), end + 1
        except ParseError:
            return None, start
    return None, start


def _named_time(text: str, start: int, context: Context) -> tuple[Micros | None, int]:
    """``Nov 21 16:30:00``, ``Nov 1 16:30:00``, ``Nov 21 2026 16:30:00``, each with ``.123`` and a zone word."""
    stamp = text[start : start + 15]
    try:
        plain = stamp[9:10] == ":" and stamp[12:13] == ":" and text[start + 15 : start + 16] in {" ", ""}
        if plain and text[start + 16 : start + 20] not in ZONES:
            return times.bsd(stamp, context.zone, context.received_at), start + 16
        words = text[start : start + 48].split(" ")
        words = [word for word in words if word]
        year = words[2] if len(words) > 3 and len(words[2]) == 4 and words[2].isdecimal() else ""
        clock = words[3 if year else 2]
        end = text.find(clock, start + 6) + len(clock)
        zone = context.zone
        after = text[end + 1 : end + 5]
        if after in ZONES:
            zone, end = ZONES[after], end + 5
        clock = clock.rstrip(":")
        if year:
            at = times.moment(f"{words[0]} {words[1]} {year} {clock}", zone)
        else:
            at = times.bsd(f"{words[0]} {words[1]:>2} {clock}", zone, context.received_at)
        return at, end + 1
    except (ParseError, IndexError):
        return None, start


def _host(text: str, start: int) -> tuple[str, int]:
    """The host at ``start``; none when what stands there is already the program or the message."""
    end = text.find(" ", start, start + 256)
    if end < 0:
        return "", start
    word = text[start:end]
    if not word or word[-1] == ":" or word[0] in "%{<[(\"'" or word.startswith(("CEF:", "LEEF:")) or "=" in word:
        return "", start
    if (word[-1] == "]" and "[" in word) or word in LEVELS:
        return "", start
    if text[end : end + 3] == " : ":  # Cisco ASA: "asa01 : %ASA-6-…"
        end += 2
    return word, end + 1


def _tag(text: str, start: int) -> tuple[str, str, int]:
    """Program, pid and the index of the message. A word is a program when ``:`` or ``[pid]`` follows it."""
    if text.startswith(("CEF:", "LEEF:", "{", "<"), start):
        return "", "", start
    colon = text.find(":", start, start + TAG)
    bracket = text.find("[", start, colon if colon > 0 else start + TAG)
    if bracket > start and " " not in text[start:bracket]:
        close = text.find("]", bracket, bracket + TAG)
        pid = text[bracket + 1 : close]
        if close > 0 and " " not in pid:
            return text[start:bracket], pid, close + 1 + (text[close + 1 : close + 2] == ":")
    if colon > start and text[colon + 1 : colon + 2] in {"", " ", "[", "{", "%", "\t"} and " " not in text[start:colon]:
        return text[start:colon], "", colon + 1
    return "", "", start
