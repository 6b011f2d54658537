"""The fixtures of tests that need real servers; loaded by tests/conftest.py for all tests.

Shared and never broken (one for all workers of a run): ``kafka``, ``kafka_secure``, ``elasticsearch``, ``elasticsearch_secure``.
One's own, to kill, stop and pause (one for each worker, whole again after every test): ``kafka_own``, ``kafka_three``,
``elasticsearch_own``. With settings of one's own, for one test: ``make_kafka``, ``make_elasticsearch``.
Names of topics, groups and indices begin with ``prefix``, so that tests never meet.

``KAFKA_BOOTSTRAP`` and ``ELASTICSEARCH_URL`` name servers to use instead (a user and password stand in the URL); what needs
servers of one's own is then skipped. A test that uses one of these fixtures is marked ``server`` by itself; one that asks for
them by name (``getfixturevalue``) carries the mark by hand.
"""

import contextlib
import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import outside
from tests.servers.elastic import Elasticsearch
from tests.servers.fetch import MissingError
from tests.servers.kafka import Kafka
from tests.servers.process import SESSION
from tests.servers.sharing import S, close_all, shared

NEED = {"kafka", "kafka_secure", "kafka_own", "kafka_three", "make_kafka"} | {
    *("elasticsearch", "elasticsearch_secure", "elasticsearch_own", "make_elasticsearch")
}
RUN = f"vg-{uuid.uuid4().hex[:8]}-"  # of this worker


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ[SESSION] = str(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Workers have ended by now: end what they shared."""
    factory = getattr(config, "_tmp_path_factory", None)
    if factory is not None and not hasattr(config, "workerinput") and factory._basetemp is not None:
        close_all(factory.getbasetemp() / "servers")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before ``-m`` chooses: who uses a server is marked so."""
    for item in items:
        if NEED & set(getattr(item, "fixturenames", ())):
            item.add_marker("server")


@pytest.fixture
def prefix() -> str:
    """Beginning of this test's names: lower case, allowed in topics, groups and indices, met nowhere else."""
    return f"{RUN}{uuid.uuid4().hex[:6]}-"


@pytest.fixture(scope="session")
def servers_folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """One for all workers of a run."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if hasattr(request.config, "workerinput") else base) / "servers"


@pytest.fixture(scope="session")
def kafka(servers_folder: Path) -> Iterator[Kafka | outside.Kafka]:
    """A broker at ``.bootstrap``, without password; three partitions when a topic does not say, no topic by itself."""
    if given := os.environ.get("KAFKA_BOOTSTRAP"):
        yield outside.Kafka(given)
        outside.clear_kafka(given, RUN)
    else:
        yield _shared_kafka(servers_folder)


@pytest.fixture(scope="session")
def kafka_secure(servers_folder: Path) -> Kafka:
    """The same broker by its other listeners: ``.tls()``, ``.mutual()``, ``.scram()`` are arguments of an aiokafka client."""
    _not_outside("KAFKA_BOOTSTRAP")
    return _shared_kafka(servers_folder)


@pytest.fixture(scope="session")
def _own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    _not_outside("KAFKA_BOOTSTRAP")
    yield from _running(lambda: Kafka.make(tmp_path_factory.mktemp("kafka") / "own"))


@pytest.fixture(scope="session")
def _own_three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    _not_outside("KAFKA_BOOTSTRAP")
    yield from _running(lambda: Kafka.make(tmp_path_factory.mktemp("kafka") / "three", nodes=3))


@pytest.fixture
def kafka_own(_own_kafka: Kafka) -> Iterator[Kafka]:
    """A broker to break: ``.kill()``, ``.stop()``, ``.pause()``, ``.start()``."""
    yield _own_kafka
    _own_kafka.start()


@pytest.fixture
def kafka_three(_own_three: Kafka) -> Iterator[Kafka]:
    """Three nodes to break, ``.kill(2)``; topics have three copies, acks=all needs two."""
    yield _own_three
    _own_three.start()


@pytest.fixture
def make_kafka(tmp_path: Path) -> Iterator[Callable[..., Kafka]]:
    """``Kafka.make`` without the folder; what it made is not started, and is ended after the test."""
    _not_outside("KAFKA_BOOTSTRAP")
    yield from _maker(lambda number, *given, **named: Kafka.make(tmp_path / f"kafka-{number}", *given, **named))


@pytest.fixture(scope="session")
def elasticsearch(servers_folder: Path) -> Iterator[Elasticsearch | outside.Elasticsearch]:
    """A node at ``.url`` without password; ``.client()`` are the arguments of AsyncElasticsearch."""
    if given := os.environ.get("ELASTICSEARCH_URL"):
        server = outside.Elasticsearch(given)
        yield server
        outside.clear_elasticsearch(server, RUN)
    else:
        yield _shared_elasticsearch(servers_folder, "elasticsearch", secure=False)


@pytest.fixture(scope="session")
def elasticsearch_secure(servers_folder: Path) -> Elasticsearch:
    """HTTPS by a CA of its own (``.ca_file``), user ``.user`` with ``.password``."""
    _not_outside("ELASTICSEARCH_URL")
    return _shared_elasticsearch(servers_folder, "elasticsearch-secure", secure=True)


@pytest.fixture(scope="session")
def _own_elasticsearch() -> Iterator[Elasticsearch]:
    _not_outside("ELASTICSEARCH_URL")
    yield from _running(Elasticsearch.make)


@pytest.fixture
def elasticsearch_own(_own_elasticsearch: Elasticsearch) -> Iterator[Elasticsearch]:
    """A node to break: ``.kill()``, ``.stop()``, ``.pause()``, ``.start()``."""
    yield _own_elasticsearch
    _own_elasticsearch.start()


@pytest.fixture
def make_elasticsearch() -> Iterator[Callable[..., Elasticsearch]]:
    """``Elasticsearch.make``; what it made is not started, and is ended after the test."""
    _not_outside("ELASTICSEARCH_URL")
    yield from _maker(lambda _number, *given, **named: Elasticsearch.make(*given, **named))


def _made(make: Callable[[], S]) -> S:
    try:
        return make()
    except MissingError as missing:
        pytest.skip(str(missing))


def _running(make: Callable[[], S]) -> Iterator[S]:
    with contextlib.closing(_made(make)) as server:
        server.start()
        yield server


def _maker(make: Callable[..., S]) -> Iterator[Callable[..., S]]:
    with contextlib.ExitStack() as ended:
        numbers = itertools.count(1)

        def one(*given: Any, **named: Any) -> S:
            return ended.enter_context(contextlib.closing(_made(lambda: make(next(numbers), *given, **named))))

        yield one


def _shared_kafka(folder: Path) -> Kafka:
    return _made(lambda: shared(folder, "kafka", lambda: Kafka.make(folder / "kafka"), Kafka.load))


def _shared_elasticsearch(folder: Path, name: str, secure: bool) -> Elasticsearch:
    return _made(lambda: shared(folder, name, lambda: Elasticsearch.make(secure), Elasticsearch.load))


def _not_outside(variable: str) -> None:
    if os.environ.get(variable):
        pytest.skip(f"{variable} is set: the test needs a server of its own, with keys and faults, and does not touch that one")
