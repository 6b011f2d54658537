"""The settings: what may stand in the configuration file, with defaults. ``docs/settings.md`` is made from this file.

Nothing here does anything: ``daemon/load.py`` reads a file into it, ``daemon/wiring.py`` builds the house from it.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from daemon.units import Address, Duration, Size, split_address
from model import Level
from model.moment import DAY, HOUR, MINUTE, SECOND


class Section(BaseModel):
    """Base of all sections: an unknown key is an error, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)


class LogSourceSettings(Section):
    """Whose log it is, in Sigma's terms, where the format alone does not say."""

    product: str = ""
    categories: list[str] = []
    service: str = ""


class SourceSettings(Section):
    """What every source has."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$", description="unique name; part of every event's id: do not change it later"
    )
    format: str = Field("auto", description="a format of docs/taxonomy.md, or auto to find out per record")
    zone: str = Field("Asia/Ho_Chi_Minh", description="IANA time zone of times that name none")
    encoding: Literal["auto", "utf-8", "windows-1258", "tcvn3", "utf-16"] = Field("auto", description="text encoding")
    system: str = Field("", description="code of the information system when all records belong to one")
    host: str = Field("", description="the machine the records are about, when they name none")
    logsource: LogSourceSettings | None = Field(
        None, description="product, categories, service, when the format alone does not say"
    )
    max_line: Size = Field(64 * 2**10, description="longer lines are cut here and tagged truncated")


class Listening(SourceSettings):
    """A source that waits on an address."""

    listen: Address = Field(description="address:port; 127.0.0.1 unless other machines send here")


class SyslogUdp(Listening):
    """Syslog over UDP (RFC 5426)."""

    type: Literal["syslog_udp"]
    receive_buffer: Size = Field(8 * 2**20, description="socket buffer asked of the kernel")


class SyslogTcp(Listening):
    """Syslog over TCP (RFC 6587), octet-counted or one record a line."""

    type: Literal["syslog_tcp"]
    max_connections: int = Field(1000, ge=1, le=100_000, description="further ones are refused and counted")
    idle: Duration = Field(HOUR, description="a connection silent this long is closed")


class SyslogTls(SyslogTcp):
    """Syslog over TLS (RFC 5425). Without certificate one is made at first start."""

    type: Literal["syslog_tls"]  # type: ignore[assignment]
    certificate: str = Field("", description="PEM file of the server's certificate chain")
    key: str = Field("", description="PEM file of its private key")
    client_ca: str = Field("", description="PEM file; when given, senders must show a certificate signed by it")


class Http(Listening):
    """Ingest over HTTP: POST /ingest with a key; answers when the records are durable."""

    type: Literal["http"]
    max_request: Size = Field(10 * 2**20, description="largest request body as sent")
    max_unpacked: Size = Field(64 * 2**20, description="largest request body after gzip")
    max_records: int = Field(50_000, ge=1, description="most records in one request")


class File(SourceSettings):
    """Files that grow and rotate."""

    type: Literal["file"]
    paths: list[str] = Field(min_length=1, description="files or globs (** for any depth)")
    start: Literal["beginning", "end"] = Field("beginning", description="where to begin in a file never seen before")
    rescan: Duration = Field(SECOND, description="how often globs are looked up again")


class Stdin(SourceSettings):
    """Lines of standard input, until its end. Only for `vonggac collect`."""

    type: Literal["stdin"]


Source = Annotated[SyslogUdp | SyslogTcp | SyslogTls | Http | File | Stdin, Field(discriminator="type")]


class Rules(Section):
    """Which Sigma rules are loaded."""

    paths: list[str] = Field(
        ["../rules"], description="rule files, folders, or release zips of Sigma rules; relative to this file"
    )
    placeholders: dict[str, list[str]] = Field({}, description="values for `%name%` in rules (modifier expand), by name")


class Collector(Section):
    """Room `collector`."""

    queue: Size = Field(
        32 * 2**20, description="memory for records not yet durable; when full, senders wait and UDP is counted as lost"
    )
    reserve: Size = Field(
        512 * 2**20,
        ge=2**20,
        description="room on the disk left to the rest of the house, at most a tenth of it; nothing is read while less is free, or four times what waits to be stored",
    )
    sources: list[Source] = Field(min_length=1, description="where logs come from")


class Correlator(Section):
    """Room `correlator`."""

    lateness: Duration = Field(5 * MINUTE, description="how late, in event time, a record may come and still count in a window")
    suppression: Duration = Field(
        HOUR, description="repeats of one rule for one entity within this become one alert with a count"
    )
    max_groups: int = Field(
        100_000, ge=100, description="live groups a correlation may have; the oldest are given up and counted"
    )
    silence_by_wall_clock: bool = Field(True, description="also notice sources that fall silent when nothing at all comes in")


class Store(Section):
    """The event store."""

    segment_events: int = Field(50_000, ge=100, description="events in one Parquet segment")
    segment_age: Duration = Field(MINUTE, description="a segment is closed at this age")
    keep: dict[int, Duration] = Field(
        {1: 31 * DAY, 2: 31 * DAY, 3: 92 * DAY, 4: 183 * DAY, 5: 366 * DAY},
        description="how long events are kept, by the system's level (TCVN 14423:2026)",
    )
    keep_other: Duration = Field(92 * DAY, description="how long events of no known system are kept")


class NationalLink(Section):
    """Where incidents are reported to."""

    url: str = Field(
        "",
        pattern=r"^(https?://[^\s]+)?$",
        description="base address of the national API; empty: the simulated one of `national`",
    )
    key_file: str = Field("", description="file with this province's key; empty: the one made at first start")
    min_interval: Duration = Field(5 * SECOND, description="least time between two updates of one incident")


class Notifier(Section):
    """Room `notifier`."""

    window: Duration = Field(4 * HOUR, description="alerts of one entity within this event time are one incident")
    minimum: Level = Field("medium", description="mildest alert that makes an incident")
    unlinkable: list[str] = Field([], description="entities that never link alerts: addresses of own proxies, shared accounts")
    legal: str = Field("VN-2026", description="profile in config/legal/")
    national: NationalLink = NationalLink()


class Console(Section):
    """Room `console`."""

    listen: Address = Field("127.0.0.1:8080", description="address:port of page, API, /healthz, /readyz, /metrics")


class National(Section):
    """The simulated national API."""

    run: bool = Field(True, description="start it here; false when the link's url is another machine")
    listen: Address = Field("127.0.0.1:8099", description="address:port")
    organisation: str = Field(
        "TINH", pattern=r"^[A-Z]{2,8}$", description="this province's code there, part of every national id"
    )
    organisation_name: str = Field("Trung tâm giám sát an toàn thông tin tỉnh", description="its name there")


class KafkaCluster(Section):
    """The Kafka cluster that carries what happens from machine to machine."""

    servers: list[str] = Field(min_length=1, description="host:port of some of its servers")
    prefix: str = Field("vonggac.", pattern=r"^[A-Za-z0-9._-]{0,100}$", description="what names of topics and groups begin with")
    replication: int = Field(3, ge=1, le=9, description="copies of each record, on as many servers")
    in_sync: int = Field(2, ge=1, le=9, description="copies that must be written before a record counts as taken")
    keep: Duration = Field(7 * DAY, description="how long records of events, alerts and incidents stay on the topics")
    tls: bool = Field(True, description="talk TLS; false only within a network of your own")
    ca: str = Field("", description="PEM file of the CA of its servers; empty: the machine's own list")
    certificate: str = Field("", description="PEM file of our client certificate, where it asks for one")
    key: str = Field("", description="PEM file of its private key")
    user: str = Field("", description="user, where it asks for a password; needs TLS")
    password_file: str = Field("", description="file with the password, mode 0600")
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field("SCRAM-SHA-512", description="how it is shown")


class ElasticsearchCluster(Section):
    """The Elasticsearch cluster that keeps events to be searched."""

    urls: list[str] = Field(min_length=1, description="https://host:port of some of its nodes")
    namespace: str = Field("default", pattern=r"^[a-z0-9][a-z0-9_.]{0,99}$", description="last part of the data streams' names")
    ca: str = Field("", description="PEM file of the CA of its nodes; empty: the machine's own list")
    user: str = Field("", description="user, where it asks for a password")
    password_file: str = Field("", description="file with the password, mode 0600")


class Distributed(Section):
    """Many machines: Kafka in place of the local log, Elasticsearch in place of the local store."""

    kafka: KafkaCluster
    elasticsearch: ElasticsearchCluster


class Settings(Section):
    """The whole configuration file."""

    home: str = Field(
        "../var",
        description="where data, keys and logs are kept, relative to this file (var here, when it is the installed one); VONGGAC_HOME overrides it",
    )
    systems: str = Field("systems.yml", description="register of information systems, relative to this file")
    collector: Collector
    rules: Rules = Rules()
    correlator: Correlator = Correlator()
    store: Store = Store()
    notifier: Notifier = Notifier()
    console: Console = Console()
    national: National = National()
    distributed: Distributed | None = Field(None, description="left out: everything on this machine")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="mildest log line written")

    @property
    def national_url(self) -> str:
        """Base address of the national API: as set, or of the simulated one on this machine."""
        if self.notifier.national.url:
            return self.notifier.national.url
        host, port = split_address(self.national.listen)
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - to call who listens everywhere
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
