"""Records of one audit event put together again. Pure; state is bounded and survives a restart.

Theory: the kernel writes an event as several records that share (node, time, serial), not always next to each other. A group is
complete when

- PROCTITLE or EOE came (the kernel writes them last),
- or its time lies ``patience`` before the newest of the same sender, or it has waited that long for more,
- or a bound is reached: the oldest groups go out first, whatever they have. Nothing is ever dropped but a lone EOE, which says
  nothing.

Records that never have companions (what user programs write, USER_LOGIN and its like) come straight back.
"""

from itertools import islice
from typing import Final

import msgspec

from collector.parsers.auditd_records import head
from model import Micros
from model.moment import SECOND

LIMIT: Final = 10_000
PATIENCE: Final[Micros] = 2 * SECOND
RECORDS: Final = 512
CHARACTERS: Final = 32 * 1024 * 1024
_LOOKED: Final = 64
_LAST: Final = ("PROCTITLE", "EOE")
_JOINED: Final = frozenset(
    (
        *("SYSCALL", "PATH", "IPC", "SOCKETCALL", "CONFIG_CHANGE", "SOCKADDR", "CWD", "EXECVE", "IPC_SET_PERM", "MQ_OPEN"),
        *("MQ_SENDRECV", "MQ_NOTIFY", "MQ_GETSETATTR", "KERNEL_OTHER", "FD_PAIR", "OBJ_PID", "TTY", "EOE", "BPRM_FCAPS"),
        *("CAPSET", "MMAP", "NETFILTER_PKT", "NETFILTER_CFG", "SECCOMP", "PROCTITLE", "FEATURE_CHANGE", "REPLACE"),
        *("KERN_MODULE", "FANOTIFY", "TIME_INJOFFSET", "TIME_ADJNTPVAL", "BPF", "EVENT_LISTENER", "URINGOP", "OPENAT2"),
        *("DM_CTRL", "DM_EVENT", "AVC", "AVC_PATH", "SELINUX_ERR", "LOGIN", "ANOM_LINK", "ANOM_PROMISCUOUS"),
    )
)


class Group(msgspec.Struct, frozen=True):
    """Records of one event in the order they came. ``cursor``, ``received_at`` and ``tags`` are those of the first."""

    source: str
    peer: str
    host: str
    cursor: str
    received_at: Micros
    texts: tuple[str, ...]
    tags: tuple[str, ...] = ()


class _Open(msgspec.Struct):
    """A group still waiting. ``at`` is the event's own time, ``sender`` and ``serial`` its key."""

    sender: tuple[str, str, str]
    serial: str
    at: Micros
    cursor: str
    received_at: Micros
    host: str
    texts: list[str]
    tags: tuple[str, ...]
    size: int


class _State(msgspec.Struct):
    open: list[_Open] = []
    newest: list[tuple[tuple[str, str, str], Micros]] = []


class Assembly:
    """Groups in the making. ``limit`` is how many may wait at once, ``patience`` how long one waits, in microseconds."""

    def __init__(self, limit: int = LIMIT, patience: Micros = PATIENCE) -> None:
        self._limit = limit
        self._patience = patience
        self._open: dict[tuple[tuple[str, str, str], str, Micros], _Open] = {}
        self._newest: dict[tuple[str, str, str], Micros] = {}
        self._size = 0
        self._dumped: bytes | None = None

    def __len__(self) -> int:
        return len(self._open)

    def add(
        self,
        source: str,
        peer: str,
        received_at: Micros,
        cursor: str,
        text: str,
        host: str = "",
        tags: tuple[str, ...] = (),
    ) -> list[Group]:
        """Take one record; return the groups that are complete now. ParseError when ``text`` is no audit record.

        ``host`` is the sender as an envelope named it. ``text`` is the record alone, without envelope.
        """
        start = head(text)
        sender = (source, peer, start.node or host)
        if start.type not in _JOINED and not start.type.startswith(("MAC_", "INTEGRITY_", "UNKNOWN[13")):
            return [Group(source, peer, host, cursor, received_at, (text,), tags)]
        key = (sender, start.serial, start.at)
        group = self._open.get(key)
        if group is None and start.type == "EOE":
            return []
        self._dumped = None
        if group is None:
            group = _Open(sender, start.serial, start.at, cursor, received_at, host, [], tags, 0)
            self._open[key] = group
        group.texts.append(text)
        group.size += len(text)
        self._size += len(text)
        ready = []
        if start.type in _LAST or len(group.texts) >= RECORDS:
            ready.append(self._close(key))
        elif self._newest.get(sender, 0) < start.at:
            self._newest[sender] = start.at
            ready = self._left_behind(sender, start.at - self._patience)
        while self._open and (len(self._open) > self._limit or self._size > CHARACTERS):
            ready.append(self._close(next(iter(self._open))))
        return ready

    def tick(self, now: Micros) -> list[Group]:
        """Groups that have waited ``patience`` or longer."""
        late = [key for key, group in self._open.items() if now - group.received_at >= self._patience]
        return [self._close(key) for key in late]

    def flush(self) -> list[Group]:
        """Everything that waits, as it is: for the end of a file that is read once."""
        return [self._close(key) for key in list(self._open)]

    def dump(self) -> bytes:
        """What waits, for ``load``. The same bytes are returned while nothing changed."""
        if self._dumped is None:
            state = _State(list(self._open.values()), list(self._newest.items()))
            self._dumped = msgspec.json.encode(state)
        return self._dumped

    def load(self, saved: bytes) -> None:
        """Take up what ``dump`` gave; empty bytes mean nothing waits. msgspec.DecodeError when it is damaged."""
        state = msgspec.json.decode(saved, type=_State) if saved else _State()
        self._open = {(group.sender, group.serial, group.at): group for group in state.open}
        self._newest = dict(state.newest)
        self._size = sum(group.size for group in state.open)
        self._dumped = None

    def _left_behind(self, sender: tuple[str, str, str], before: Micros) -> list[Group]:
        """Groups of ``sender`` whose own time is ``before`` or earlier. Groups come nearly in order, so the search ends soon."""
        late = []
        for key, group in islice(self._open.items(), _LOOKED):
            if key[0] == sender:
                if group.at > before:
                    break
                late.append(key)
        return [self._close(key) for key in late]

    def _close(self, key: tuple[tuple[str, str, str], str, Micros]) -> Group:
        group = self._open.pop(key)
        self._size -= group.size
        self._dumped = None
        if len(self._newest) > self._limit:
            self._newest.pop(next(iter(self._newest)))
        source, peer, _ = group.sender
        return Group(source, peer, group.host, group.cursor, group.received_at, tuple(group.texts), group.tags)
