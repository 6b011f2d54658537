"""Where the real senders are: installed ones first, else unpacked from Debian's packages into a folder of this checkout.

A program that cannot be had skips the test with the reason; with VONGGAC_CI=1 it fails.
"""

import fcntl
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache/programs"
PLACES = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin", "/usr/local/sbin"))


class Program(msgspec.Struct, frozen=True):
    """A program, the environment it needs beside ours, and the folders of its plug-ins."""

    path: Path
    environment: dict[str, str] = {}
    plugins: tuple[Path, ...] = ()


def missing(reason: str) -> NoReturn:
    """Skip with ``reason``; fail in continuous integration, where every sender must be there."""
    if os.environ.get("VONGGAC_CI") == "1":
        pytest.fail(f"{reason} (VONGGAC_CI=1: it must be there)")
    pytest.skip(reason)


def installed(name: str, package: str) -> Program:
    """``name`` of this machine."""
    found = shutil.which(name, path=PLACES)
    return Program(Path(found)) if found else missing(f"{name} is not installed; apt-get install {package}")


def logrotate() -> Program:
    """logrotate, installed or unpacked."""
    found = shutil.which("logrotate", path=PLACES)
    return Program(Path(found)) if found else _from_package("logrotate", "usr/sbin/logrotate")


def syslog_ng() -> Program:
    """syslog-ng. Its Debian package cannot stand beside rsyslog, so it is unpacked, not installed, when it is not there."""
    found = shutil.which("syslog-ng", path=PLACES)
    return Program(Path(found)) if found else _from_package("syslog-ng-core", "usr/sbin/syslog-ng", "libaffile.so")


def _from_package(package: str, path: str, plugin: str = "") -> Program:
    root = _unpacked(package)
    plugins = tuple(sorted({p.parent for p in root.rglob(plugin)})) if plugin else ()
    libraries = {str(p.parent) for p in root.rglob("*.so*")} - {str(p) for p in plugins}
    environment = {"LD_LIBRARY_PATH": os.pathsep.join(sorted(libraries))} if libraries else {}
    return Program(root / path, environment, plugins)


def rsyslog() -> Program:
    """rsyslogd with the folder of its own modules."""
    return msgspec.structs.replace(installed("rsyslogd", "rsyslog"), plugins=(_module("imuxsock", "rsyslog"),))


def rsyslog_tls(driver: str) -> Program:
    """rsyslogd with TLS by ``ossl`` (OpenSSL) or ``gtls`` (GnuTLS)."""
    package = {"ossl": "rsyslog-openssl", "gtls": "rsyslog-gnutls"}[driver]
    base = rsyslog()
    folder = _module(f"lmnsd_{driver}", package)
    return msgspec.structs.replace(base, plugins=tuple(dict.fromkeys((*base.plugins, folder))))


def _module(name: str, package: str) -> Path:
    for folder in sorted(Path("/usr/lib").glob("*/rsyslog")):
        if (folder / f"{name}.so").exists():
            return folder
    if package == "rsyslog":
        missing("the modules of rsyslogd are not where Debian keeps them")
    return next(_unpacked(package).rglob(f"{name}.so")).parent


@cache
def _unpacked(package: str) -> Path:
    """Folder with the files of ``package`` and of what it depends on and this machine has not."""
    for tool in ("apt-get", "apt-cache", "dpkg", "dpkg-query"):
        if shutil.which(tool) is None:
            missing(f"{package} is not installed, and without {tool} it cannot be fetched")
    folder = CACHE / package
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".whole").exists():
            _fetch(package, folder)
            (folder / ".whole").touch()
    return folder / "root"


def _fetch(package: str, folder: Path) -> None:
    wanted = [package, *(name for name in _dependencies(package) if not _has(name))]
    download = ["apt-get", "download", "-qq", *wanted]
    done = subprocess.run(download, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], capture_output=True, timeout=300)
        done = subprocess.run(download, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        missing(f"{package} could not be fetched: {done.stderr.strip()[-300:]}")
    for file in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", file.name, "root"], cwd=folder, check=True, timeout=60)
        file.unlink()


def _dependencies(package: str) -> list[str]:
    """Libraries ``package`` itself depends on; what those need is small enough to be on every machine."""
    line = ["apt-cache", "depends", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces", package]
    told = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60).stdout
    names = [row.partition("Depends: ")[2].strip() for row in told.splitlines() if "Depends: " in row]
    return [name for name in names if name.startswith("lib") and "elogind" not in name]


def _has(package: str) -> bool:
    done = subprocess.run(["dpkg-query", "-W", "-f=${Status}", package], capture_output=True, text=True, timeout=60)
    return done.stdout.endswith(" installed")
