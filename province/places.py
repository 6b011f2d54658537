"""Machines of the invented province Sơn Hà (``sonha.example``) and the log files they write. Nothing here is a real place.

Inside addresses are private; everything outside is of the documentation networks (RFC 5737, RFC 3849).
"""

import msgspec

from model import LogSource

DOMAIN = "sonha.example"
NETBIOS = "SONHA"

HOSTS: dict[str, str] = {
    "dvc-lb01": "10.20.1.5",
    "dvc-web01": "10.20.1.11",
    "dvc-app01": "10.20.1.21",
    "cttdt-web01": "10.20.2.11",
    "cttdt-cms01": "10.20.2.21",
    "lgsp-gw01": "10.20.6.11",
    "mail01": "10.20.10.25",
    "sso01": "10.20.13.11",
    "ldap01": "10.20.13.21",
    "csdl-db01": "10.20.19.11",
    "csdl-kho01": "10.20.19.21",
    "srv-dc01": "10.20.20.10",
    "srv-fs01": "10.20.20.15",
    "srv-hoso01": "10.20.20.31",
    "srv-sltc01": "10.20.20.32",
    "srv-sluu01": "10.20.20.33",
    "srv-giamsat01": "10.20.20.34",
    "fw-edge01": "10.20.23.1",
    "vpn01": "10.20.23.11",
    "proxy01": "10.20.23.21",
    "dns01": "10.20.23.53",
}
"""Host name → inside address."""

LINUX = ("srv-hoso01", "srv-sltc01", "srv-sluu01", "srv-giamsat01", "dvc-app01", "csdl-db01", "lgsp-gw01", "cttdt-web01")
"""Linux hosts that send sshd, sudo, cron, systemd and auditd by syslog."""

ADMIN_PC = "10.30.99.10"
"""The administrators' jump host: where every honest ssh session comes from."""


class LogFile(msgspec.Struct, frozen=True):
    """A log file of ``host``: its path there, the parser that reads it, the system it belongs to.

    ``logsource`` is set where the format alone does not say whose log it is.
    """

    path: str
    host: str
    system: str
    format: str
    logsource: LogSource | None = None


FILES: dict[str, LogFile] = {
    "dvc-access": LogFile("/var/log/nginx/dichvucong.access.log", "dvc-web01", "dvc", "nginx_access"),
    "dvc-error": LogFile("/var/log/nginx/error.log", "dvc-web01", "dvc", "nginx_error"),
    "dvc-modsec": LogFile("/var/log/modsec_audit.log", "dvc-web01", "dvc", "modsecurity"),
    "cttdt-access": LogFile("/var/log/apache2/cttdt.access.log", "cttdt-web01", "cttdt", "apache_access"),
    "cttdt-error": LogFile("/var/log/apache2/cttdt.error.log", "cttdt-web01", "cttdt", "apache_error"),
    "cttdt-cms": LogFile("/opt/liferay/logs/audit.json", "cttdt-cms01", "cttdt", "json", LogSource("liferay", (), "audit")),
    "cttdt-fim": LogFile(
        "/var/log/osquery/osqueryd.results.log", "cttdt-web01", "cttdt", "json", LogSource("osquery", ("file_event",), "fim")
    ),
    "lgsp-metrics": LogFile("/opt/wso2am/repository/logs/apim_metrics.log", "lgsp-gw01", "lgsp", "wso2"),
    "lgsp-access": LogFile("/opt/wso2am/repository/logs/http_access.log", "lgsp-gw01", "lgsp", "wso2"),
    "csdl-postgres": LogFile("/var/log/postgresql/postgresql-17-main.log", "csdl-db01", "csdl", "pgaudit"),
    "proxy-access": LogFile("/var/log/squid/access.log", "proxy01", "bien", "squid"),
}
"""Name of a ``file:<name>`` channel → the file. A source that reads it carries the same name."""
