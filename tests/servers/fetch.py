"""Where the servers' programs are: fetched once by Maven, kept in a folder across runs.

``VONGGAC_SERVERS`` names that folder. Its entries are named after the content of the pom, so a new version is a new entry.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

POMS = Path(__file__).parent / "poms"
SECONDS = 900  # a slow mirror and 170 MB


class MissingError(Exception):
    """A server cannot be had on this machine; the text says what is missing and what to do."""


def kafka() -> Path:
    """Folder of the broker's jars."""
    return _kept("kafka", _by_maven)


def elasticsearch() -> Path:
    """Home of Elasticsearch; only read by those who run it."""
    return next(_kept("elasticsearch", _by_maven).glob("elasticsearch-*"))


@cache
def java_home() -> Path:
    """Home of the Java that runs the servers: ``JAVA_HOME``, else the one in the path."""
    given = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{given}/bin") if given else shutil.which("java")
    if found is None:
        raise MissingError(
            "Kafka and Elasticsearch need Java 17 or newer and there is no java here; apt-get install default-jre-headless"
        )
    return Path(found).resolve().parents[1]


def kept_in() -> Path:
    """The folder everything fetched is kept in. Root's is where another user can read: Elasticsearch refuses to run as root."""
    if given := os.environ.get("VONGGAC_SERVERS"):
        return Path(given).absolute()
    if os.geteuid() == 0:
        return Path("/var/cache/vonggac/servers")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vonggac/servers"


def _kept(name: str, make: Callable[[Path, Path], None]) -> Path:
    """Entry of ``name``, made by ``make(pom, folder)`` when it is not there; of two processes one makes it, the other waits."""
    java_home()
    pom = POMS / f"{name}.xml"
    entry = kept_in() / f"{name}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if entry.exists():
        return entry
    entry.parent.mkdir(parents=True, exist_ok=True)
    with (entry.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not entry.exists():
            with tempfile.TemporaryDirectory(dir=entry.parent, prefix=f".{name}-", ignore_cleanup_errors=True) as work:
                made = Path(work) / "made"
                make(pom, made)
                made.rename(entry)  # whole or not there
    return entry


def _by_maven(pom: Path, out: Path) -> None:
    """Checksums must hold (-C). A local repository of its own: two Mavens at once may damage the user's."""
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingError(f"{pom.stem} is fetched by Maven and there is no mvn here; apt-get install maven")
    line = [maven, "-B", "-q", "-C", "-ntp", f"-Dmaven.repo.local={out.parent / 'repository'}", f"-Dout={out}"]
    try:
        done = subprocess.run(
            [*line, "-f", str(pom), "generate-resources"], cwd=out.parent, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as late:
        raise MissingError(f"{pom.stem} was not fetched within {SECONDS} s; look at Maven's mirror and proxy settings") from late
    if done.returncode:
        raise MissingError(f"Maven could not fetch {pom.stem}: {(done.stdout + done.stderr).strip()[-1500:]}")
