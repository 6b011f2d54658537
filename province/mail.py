# ruff: noqa: E501 - templates are as long as the real lines
"""Row 10, official e-mail: postfix and dovecot by syslog."""

from random import Random

from model import Micros
from model.moment import MINUTE, SECOND
from province import people
from province.line import Bursts, Line, Scene
from province.places import DOMAIN
from province.rhythm import FLAT, OFFICE, PUBLIC, every, moments, syslog

HOST = "mail01"
DOMAINS = ("bo-noivu.example", "congty-xaydung.example", "truong-thpt.example", "baodientu.example", "thuvien.example")
SPAMMERS = ("khuyenmai-soc.example", "casino-vip.example", "invoice-update.example")
_BASE32 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def postfix(at: Micros, process: str, pid: int, text: str, attack: str = "") -> Line:
    """A postfix line, facility mail, level info."""
    return Line(at, "syslog", HOST, syslog(22, at, HOST, f"postfix/{process}[{pid}]", text), attack)


def dovecot(at: Micros, text: str, attack: str = "") -> Line:
    """A dovecot line, facility mail, level info."""
    return Line(at, "syslog", HOST, syslog(22, at, HOST, "dovecot", text), attack)


def queue_id(rng: Random) -> str:
    """A long queue id of postfix (enable_long_queue_ids)."""
    return "4" + "".join(rng.choices(_BASE32, k=11))


def relay_of(domain: str) -> str:
    """The documentation address that receives mail of ``domain``."""
    return f"198.51.100.{130 + sum(domain.encode()) % 60}"


def inbound(rng: Random, at: Micros, sender: str, recipient: str) -> list[Line]:
    """A message from outside, from connect to mailbox."""
    domain = sender.rsplit("@", 1)[1]
    ip, queue, pid = relay_of(domain), queue_id(rng), rng.randrange(2_000, 30_000)
    peer, size = f"mx.{domain}[{ip}]", rng.randrange(3_000, 900_000)
    identity = f"{rng.getrandbits(48):012x}@{domain}"
    return [
        postfix(at, "smtpd", pid, f"connect from {peer}"),
        postfix(at + 210_000, "smtpd", pid, f"{queue}: client={peer}"),
        postfix(at + 320_000, "cleanup", pid + 1, f"{queue}: message-id=<{identity}>"),
        postfix(at + 460_000, "qmgr", 1204, f"{queue}: from=<{sender}>, size={size}, nrcpt=1 (queue active)"),
        postfix(
            at + 700_000,
            "lmtp",
            pid + 2,
            f"{queue}: to=<{recipient}>, relay={HOST}.{DOMAIN}[private/dovecot-lmtp], delay=0.6, delays=0.4/0/0.1/0.1, dsn=2.0.0, "
            f"status=sent (250 2.0.0 <{recipient}> Saved)",
        ),
        postfix(at + 710_000, "qmgr", 1204, f"{queue}: removed"),
        postfix(at + 800_000, "smtpd", pid, f"disconnect from {peer} ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=7"),
    ]


def outbound(rng: Random, at: Micros, who: people.Officer, ip: str, recipient: str, attack: str = "") -> list[Line]:
    """A message an officer sends to the outside, authenticated."""
    domain, queue, pid = recipient.rsplit("@", 1)[1], queue_id(rng), rng.randrange(2_000, 30_000)
    return [
        postfix(
            at, "submission/smtpd", pid, f"{queue}: client=unknown[{ip}], sasl_method=PLAIN, sasl_username={who.mail}", attack
        ),
        postfix(
            at + 90_000,
            "qmgr",
            1204,
            f"{queue}: from=<{who.mail}>, size={rng.randrange(2_000, 400_000)}, nrcpt=1 (queue active)",
            attack,
        ),
        postfix(
            at + 1_400_000,
            "smtp",
            pid + 3,
            f"{queue}: to=<{recipient}>, relay=mx.{domain}[{relay_of(domain)}]:25, delay=1.4, delays=0.1/0/0.6/0.7, dsn=2.0.0, "
            "status=sent (250 2.0.0 Ok: queued)",
            attack,
        ),
        postfix(at + 1_450_000, "qmgr", 1204, f"{queue}: removed", attack),
    ]


def login(rng: Random, at: Micros, user: str, ip: str, attack: str = "") -> Line:
    """A log-in over IMAP."""
    session = "".join(rng.choices(_BASE32, k=12))
    text = f"imap-login: Login: user=<{user}>, method=PLAIN, rip={ip}, lip=10.20.10.25, mpid={rng.randrange(1000, 60000)}, TLS, session=<{session}>"
    return dovecot(at, text, attack)


def auth_failed(rng: Random, at: Micros, user: str, ip: str, attack: str = "", tries: int = 1) -> Line:
    """A refused log-in over IMAP."""
    text = (
        f"imap-login: Disconnected: Connection closed (auth failed, {tries} attempts in {rng.randrange(2, 8)} secs): user=<{user}>, "
        f"method=PLAIN, rip={ip}, lip=10.20.10.25, TLS, session=<{''.join(rng.choices(_BASE32, k=12))}>"
    )
    return dovecot(at, text, attack)


def arrivals(scene: Scene) -> Bursts:
    rng = scene.rng
    for at in moments(rng, scene.day, 1_150 * scene.scale, PUBLIC):
        sender = f"{people.ascii_of(rng.choice(people.GIVEN))}{rng.randrange(99)}@{rng.choice(DOMAINS)}"
        yield at, inbound(rng, at, sender, rng.choice(scene.town.officers).mail)


def departures(scene: Scene) -> Bursts:
    rng = scene.rng
    for at in moments(rng, scene.day, 900 * scene.scale, OFFICE):
        who = rng.choice(scene.town.officers)
        yield at, outbound(rng, at, who, who.ip, f"{people.ascii_of(rng.choice(people.GIVEN))}@{rng.choice(DOMAINS)}")


def mailboxes(scene: Scene) -> Bursts:
    """Mail programs log in, stay for minutes, log out."""
    rng = scene.rng
    for at in moments(rng, scene.day, 2_600 * scene.scale, OFFICE):
        who = rng.choice(scene.town.officers)
        lines = []
        if rng.random() < 0.01:
            lines.append(auth_failed(rng, at, who.mail, who.ip))
        session = login(rng, at + 6 * SECOND, who.mail, who.ip)
        bye = f"imap({who.mail})<{rng.randrange(1000, 60000)}><x9>: Disconnected: Logged out in={rng.randrange(90, 9000)} out={rng.randrange(900, 900000)}"
        yield at, [*lines, session, dovecot(at + rng.randrange(30, 1800) * SECOND, bye)]


def spam(scene: Scene) -> Bursts:
    """Spam is refused at the door; guessers of passwords get one try."""
    rng = scene.rng
    for at in moments(rng, scene.day, 450 * scene.scale, FLAT):
        ip, pid = people.stranger(rng), rng.randrange(2_000, 30_000)
        peer = f"unknown[{ip}]"
        lines = [postfix(at, "smtpd", pid, f"connect from {peer}")]
        if rng.random() < 0.15:
            lines.append(
                postfix(
                    at + SECOND,
                    "smtpd",
                    pid,
                    f"warning: {peer}: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=info",
                )
            )
        else:
            sender = f"qc{rng.randrange(1000)}@{rng.choice(SPAMMERS)}"
            text = (
                f"NOQUEUE: reject: RCPT from {peer}: 554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.chan-thu-rac.example; "
                f"from=<{sender}> to=<{rng.choice(scene.town.officers).mail}> proto=ESMTP helo=<{sender.rsplit('@', 1)[1]}>"
            )
            lines.append(postfix(at + SECOND, "smtpd", pid, text))
        lines.append(postfix(at + 2 * SECOND, "smtpd", pid, f"disconnect from {peer} ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4"))
        yield at, lines


def probes(scene: Scene) -> Bursts:
    """The monitor sends itself a message and reads it, every ten minutes."""
    for at in every(scene.day, 10 * MINUTE, 23 * SECOND):
        lines = inbound(scene.rng, at, "giamsat@thuvien.example", f"giamsat@{DOMAIN}")
        yield at, [*lines, login(scene.rng, at + 5 * SECOND, f"giamsat@{DOMAIN}", "10.20.20.34")]


STREAMS = (arrivals, departures, mailboxes, spam, probes)
