"""sudo: who ran what as whom, and who was refused."""

from collections.abc import Callable

import pytest

from collector.parsers import sudo
from collector.recipe import Context
from model import LogSource, ParseError

CONTEXT = Context(received_at=0)
RAN = "  lan.nt : TTY=pts/0 ; PWD=/home/lan.nt ; USER=root ; COMMAND=/usr/bin/cat '/srv/hồ sơ ; mật'"
REFUSED = "lan : user NOT in sudoers ; TTY=pts/0 ; PWD=/home/lan ; USER=root ; COMMAND=/bin/bash"
WRONG = "lan : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/home/lan ; USER=root ; COMMAND=/bin/bash"


def test_a_command_is_kept_whole() -> None:
    """COMMAND comes last and may hold the separator; it is not cut."""
    fields = sudo.parse(RAN, CONTEXT).fields
    assert fields["CommandLine"] == fields["command"] == "/usr/bin/cat '/srv/hồ sơ ; mật'"
    assert (fields["Image"], fields["username"], fields["target_user"]) == ("/usr/bin/cat", "lan.nt", "root")
    assert (fields["USER"], fields["cwd"], fields["tty"], fields["result"]) == ("root", "/home/lan.nt", "pts/0", "success")


def test_refusals_say_why() -> None:
    """A refused user and a wrong password are failures with their reason and count."""
    fields = sudo.parse(REFUSED, CONTEXT).fields
    assert (fields["result"], fields["reason"]) == ("failure", "not in sudoers")
    fields = sudo.parse(WRONG, CONTEXT).fields
    assert (fields["result"], fields["reason"], fields["attempts"]) == ("failure", "incorrect password", 3)


def test_log_sources() -> None:
    """sudo's own messages are sudo's, those of PAM inside it are PAM's, an empty one is refused."""
    assert sudo.parse(RAN, CONTEXT).logsource == LogSource(product="linux", service="sudo")
    assert sudo.parse("pam_unix(sudo:session): session closed for user root", CONTEXT).logsource.service == "auth"
    with pytest.raises(ParseError):
        sudo.parse("", CONTEXT)


def test_hostile(hostile: Callable[..., None]) -> None:
    """Any text gives a result or ParseError, and soon."""
    hostile(sudo.parse, (RAN, REFUSED, WRONG))
