"""Every format we understand, listed by hand. Adding one is a file in this folder and one line in a table below.

PARSERS   format name → ``parse(text, context) -> Parsed``. The name is what ``Profile.format`` may say.
SHAPES    JSON formats: the text is decoded once, the first shape that fits the decoded object understands it; its ParseError
          sends the object to the next one.
PROGRAMS  syslog program → format of its message. Names are lower case, without path and pid; looked up whole first, then up to
          the first ``/``, then up to the first ``-`` (``postfix/smtpd`` → ``postfix``, ``sshd-session`` → ``sshd``).
SNIFFERS  what a text looks like when nobody said: (first characters it may have, "" for any; cheap test; format name), tried in
          order, also on the message inside a syslog envelope. A test may be wrong: the parser's ParseError sends the text on.
"""

from collections.abc import Callable
from typing import Any, Final

from collector.parsers import (
    access,
    apache_error,
    auditd,
    carriers,
    cef,
    dovecot,
    fortigate,
    json_lines,
    keycloak,
    keyvalue,
    leef,
    modsecurity,
    nginx_error,
    openvpn,
    pam,
    pgaudit,
    portal,
    postfix,
    rfc3164,
    rfc5424,
    slapd,
    soc,
    squid,
    sshd,
    sudo,
    syslog,
    times,
    unbound,
    w3c,
    windows,
    wso2,
)
from collector.recipe import Context, Parsed, Parser
from model import ParseError

Document = dict[str, Any]
Shape = tuple[Callable[[Document], bool], Callable[[Document, Context], Parsed]]
Sniffer = tuple[str, Callable[[str], bool], str]

# One line a JSON format: (module.shape, module.from_document). The most frequent on top; each ``shape`` a few ``in`` tests.
SHAPES: list[Shape] = [
    (windows.shape, windows.from_document),
    (keycloak.shape, keycloak.from_document),
    (pgaudit.shape, pgaudit.from_document),
    (portal.shape, portal.from_document),
    (wso2.shape, wso2.from_document),
    (modsecurity.shape, modsecurity.from_document),
    (soc.shape, soc.from_document),
    (carriers.shape, carriers.from_document),
]


def parse_json(text: str, context: Context) -> Parsed:
    """One JSON object: by the first shape that fits, else flattened (``json``). ParseError when it is no object."""
    return parse_document(json_lines.decode(text), context)


def parse_document(document: Document, context: Context) -> Parsed:
    """A decoded object: by the first shape that fits and understands it, else flattened."""
    for fits, understand in SHAPES:
        if fits(document):
            try:
                return understand(document, context)
            except ParseError:
                continue
    return json_lines.from_document(document, context)


def parse_nginx(text: str, context: Context) -> Parsed:
    """Whatever nginx writes under its one syslog tag: error log by its date, else access log."""
    return nginx_error.parse(text, context) if text[4:5] == "/" else access.nginx(text, context)


def parse_apache(text: str, context: Context) -> Parsed:
    """Whatever Apache httpd writes under its one syslog tag: error log by its bracket, else access log."""
    return apache_error.parse(text, context) if text[:1] == "[" else access.apache(text, context)


# One line a format. Formats that carry others (syslog) say so in ``Parsed.message``; the normalizer goes on with that.
PARSERS: dict[str, Parser] = {
    "syslog": syslog.parse,
    "rfc3164": rfc3164.parse,
    "rfc5424": rfc5424.parse,
    "json": parse_json,
    "nginx_access": access.nginx,
    "apache_access": access.apache,
    "nginx_error": nginx_error.parse,
    "apache_error": apache_error.parse,
    "nginx": parse_nginx,
    "apache": parse_apache,
    "w3c": w3c.parse,
    "cef": cef.parse,
    "leef": leef.parse,
    "keyvalue": keyvalue.parse,
    "windows": windows.parse,
    "sshd": sshd.parse,
    "sudo": sudo.parse,
    "pam": pam.parse,
    "postfix": postfix.parse,
    "dovecot": dovecot.parse,
    "keycloak": keycloak.parse,
    "slapd": slapd.parse,
    "pgaudit": pgaudit.parse,
    "auditd": auditd.parse,
    "fortigate": fortigate.parse,
    "openvpn": openvpn.parse,
    "squid": squid.parse,
    "unbound": unbound.parse,
    "modsecurity": modsecurity.parse,
    "portal": portal.parse,
    "wso2": wso2.parse,
    "soc": soc.parse,
}

# One line a program (see above).
PROGRAMS: dict[str, str] = {
    "nginx": "nginx",
    "apache2": "apache",
    "apache": "apache",
    "httpd": "apache",
    "sshd": "sshd",
    "sudo": "sudo",
    "postfix": "postfix",
    "dovecot": "dovecot",
    "keycloak": "keycloak",
    "slapd": "slapd",
    "postgres": "pgaudit",
    "postgresql": "pgaudit",
    "audispd": "auditd",
    "audisp-syslog": "auditd",
    "audit": "auditd",
    "auditd": "auditd",
    "openvpn": "openvpn",
    "ovpn": "openvpn",
    "squid": "squid",
    "unbound": "unbound",
    "dvc": "portal",
    "wso2": "wso2",
}

DIGITS: Final = "0123456789"

# One line a test: surest first, greediest (keyvalue) last.
SNIFFERS: list[Sniffer] = [
    ("{", lambda text: True, "json"),
    ("<", lambda text: text[1:2].isdigit(), "syslog"),
    ("<", lambda text: text.startswith(("<Event ", "<Event>", "<Events")), "windows"),
    ("p", lambda text: text.startswith("pam_"), "pam"),
    ("C", lambda text: text.startswith("CEF:"), "cef"),
    ("L", lambda text: text.startswith("LEEF:"), "leef"),
    ("#", lambda text: text[1:2].isupper() and ":" in text[:32], "w3c"),
    ("ADFJMNOS", lambda text: text[:3] in times.MONTHS and text[3:4] == " ", "syslog"),
    (DIGITS, lambda text: text[4:5] == "/" and text[19:21] == " [", "nginx_error"),
    ("[", lambda text: text[4:5] == " " and text[5:8] in times.MONTHS, "apache_error"),
    (DIGITS, lambda text: text[4:5] == "-" and text[10:11] == "T", "syslog"),
    ("to", lambda text: text.startswith(('type="', 'operationType="')), "keycloak"),
    (DIGITS, lambda text: text[4:5] == "-" and ":  " in text[:256] and " [" in text[:64], "pgaudit"),
    (DIGITS, lambda text: "[org.keycloak.events]" in text[:96], "keycloak"),
    ("c", lambda text: text.startswith("conn=") and text[5:6].isdigit(), "slapd"),
    ("tn", lambda text: text.startswith(("type=", "node=")) and "audit(" in text[:512], "auditd"),
    ("dl", lambda text: text.startswith(("date=", "logver=")) and "logid=" in text[:1024], "fortigate"),
    ("[", lambda text: "unbound[" in text[:40], "unbound"),
    (DIGITS, lambda text: text[10:11] == "." and "/" in text[:96], "squid"),
    ("[", lambda text: "apimMetrics" in text[:256], "wso2"),
    ("", lambda text: '] "' in text[:1024] and " [" in text[:1024], "nginx_access"),
    (DIGITS, lambda text: text[4:5] == "-" and text[10:11] == " " and text[19:20] == " ", "w3c"),
    ("", lambda text: "=" in text[:64], "keyvalue"),
]
