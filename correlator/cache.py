"""Compiled rules kept on disk, so that a start takes a second instead of half a minute.

Rules are compiled in a child process: pySigma's objects never burden the process that matches. The child writes one file,
named after everything its content depends on: rule files, placeholders, versions of the libraries, kind of processor. The file is
msgpack behind a checksum (never pickle), mode 0600, in a folder that belongs to us and that others cannot write to; a file
that is not so is not read, because a Hyperscan database is trusted as it is.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from correlator import patterns
from correlator.rule import Compiled, Refusal
from correlator.rulefiles import files
from model import ConfigError, VonggacError

Progress = Callable[[str, int, int], None]
"""Called with (what: ``load``, ``compile``, ``patterns``), how many are done, of how many)."""

FORMAT: Final = "vonggac-rules-1"
KEEP: Final = 4
TIMEOUT: Final = 900.0
"""Seconds a compilation may take."""

_COMPILERS: Final = (
    *("chains", "compile", "condition", "load", "patterns", "predicates"),
    *("regex", "rule", "rulefiles", "text", "tree"),
)
"""Modules that decide what a compilation contains."""

_decoder: Final = msgspec.msgpack.Decoder(Compiled)
_encoder: Final = msgspec.msgpack.Encoder()


def load_or_compile(
    paths: Sequence[Path],
    cache_dir: Path,
    progress: Progress | None = None,
    placeholders: Mapping[str, Sequence[str]] | None = None,
) -> Compiled:
    """Compiled rules of these files, folders and zips, from the cache when nothing changed.

    ConfigError when the cache folder cannot be used safely; VonggacError when the compiling process dies. Problems of single
    rules are in ``Compiled.refused``, never raised.
    """
    own_folder(cache_dir)
    target = cache_dir / f"{key(files(paths), placeholders or {})}.rules"
    found = _read(target)
    if found is not None:
        return found
    _compile_in_child(paths, target, placeholders or {}, progress)
    found = _read(target)
    if found is None:
        raise VonggacError(f"compiled rules in {target} cannot be read back: check the disk and start again")
    _prune(cache_dir, target)
    return found


def key(contents: Iterable[tuple[str, bytes | Refusal]], placeholders: Mapping[str, Sequence[str]]) -> str:
    """Name for the compilation of these contents on this machine with these libraries: 40 hex digits."""
    seal = blake2b(digest_size=20)
    for part in (
        FORMAT,
        sys.version,
        *(version(name) for name in ("pysigma", "msgspec")),
        patterns.version(),
        patterns.processor(),
    ):
        seal.update(part.encode() + b"\0")
    seal.update(json.dumps({name: list(values) for name, values in placeholders.items()}, sort_keys=True).encode())
    seal.update(_own_code())
    for name, content in contents:
        body = str(content).encode() if isinstance(content, Refusal) else content
        seal.update(f"\0{name}\0{len(body)}\0".encode("utf-8", "surrogateescape") + body)
    return seal.hexdigest()


def _own_code() -> bytes:
    """What we compile with is part of what comes out."""
    seal = blake2b(digest_size=20)
    for name in _COMPILERS:
        seal.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return seal.digest()


def own_folder(folder: Path) -> None:
    """Make sure of a folder that only we can write to. ConfigError when it is not so."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise ConfigError(f"{folder}: folder for compiled rules cannot be made ({error.strerror}): choose another") from None
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        raise ConfigError(f"{folder}: folder for compiled rules belongs to somebody else: choose another")
    if found.st_mode & 0o022:
        raise ConfigError(f"{folder}: folder for compiled rules can be written by others: run chmod go-w on it")


def _read(path: Path) -> Compiled | None:
    try:
        with path.open("rb") as stream:
            found = os.fstat(stream.fileno())
            if (hasattr(os, "getuid") and found.st_uid != os.getuid()) or found.st_mode & 0o077:
                return None
            content = stream.read()
    except OSError:
        return None
    if blake2b(memoryview(content)[32:], digest_size=32).digest() != content[:32]:
        return None
    try:
        return _decoder.decode(memoryview(content)[32:])
    except msgspec.MsgspecError:
        return None


def write(path: Path, compiled: Compiled) -> None:
    """Put compiled rules on disk, whole or not at all, readable by us alone."""
    body = _encoder.encode(compiled)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(blake2b(body, digest_size=32).digest())
            stream.write(body)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o600)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _prune(folder: Path, keep: Path) -> None:
    with contextlib.suppress(OSError):
        listed = sorted(folder.glob("*.rules"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in [path for path in listed if path != keep][KEEP - 1 :]:
            path.unlink(missing_ok=True)


def _compile_in_child(
    paths: Sequence[Path], target: Path, placeholders: Mapping[str, Sequence[str]], progress: Progress | None
) -> None:
    root = str(Path(__file__).resolve().parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)}
    order = json.dumps(
        {
            "paths": [str(path) for path in paths],
            "target": str(target),
            "placeholders": {name: list(values) for name, values in placeholders.items()},
        }
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "correlator.compiling"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as child:
        try:
            with child.stdin or contextlib.nullcontext(sys.stdout) as orders:
                orders.write(order)
            for line in child.stdout or ():
                if progress is not None:
                    what, done, total = json.loads(line)
                    progress(what, done, total)
            status = child.wait(TIMEOUT)
        except BaseException:
            child.kill()
            raise
    if status != 0:
        raise VonggacError(f"compiling the rules ended with status {status}: its reason is on standard error")
