"""The five attacks of the day: who, when, where, and which of our rules must see them. The steps are in ``intrusions.py``.

No two attacks share an address, a user, a host or an hour, so that each ends as one incident.
"""

from collections.abc import Callable

import msgspec

from model import Micros
from model.moment import HOUR, MINUTE
from province import intrusions
from province.line import Bursts, Line, Scene
from province.people import make_town

CUT_HOST = intrusions.CUT_HOST
"""The host whose logs are cut off."""

CUT_AT: Micros = 20 * HOUR + 41 * MINUTE
"""After midnight: from then on nothing comes from ``CUT_HOST``."""


class Attack(msgspec.Struct, frozen=True):
    """One attack. ``start`` is in microseconds after midnight (UTC+7).

    ``entities`` are (kind, value) pairs its incident is about, as alerts carry them; ``rules`` the ids of rules in ``rules/`` that
    must raise an alert.
    """

    name: str
    title: str
    title_vi: str
    start: Micros
    entities: tuple[tuple[str, str], ...]
    rules: tuple[str, ...]
    steps: Callable[[Scene, Micros], list[Line]]

    def bursts(self, scene: Scene) -> Bursts:
        """The whole attack as one burst."""
        at = scene.day + self.start
        yield at, [msgspec.structs.replace(line, attack=self.name) for line in self.steps(scene, at)]


ATTACKS: tuple[Attack, ...] = (
    Attack(
        "spraying",
        "Password spraying on SSO and mail from abroad, then a log-in",
        "Dò mật khẩu hàng loạt vào SSO và thư điện tử từ nước ngoài, rồi đăng nhập thành công",
        1 * HOUR + 20 * MINUTE,
        (("ip", intrusions.SPRAYER),),
        (
            "RULE:sso_password_spraying",
            "RULE:sso_spraying_then_login",
            "RULE:mail_password_spraying",
            "RULE:mail_spraying_then_login",
        ),
        intrusions.spraying,
    ),
    Attack(
        "webshell",
        "Web shell uploaded to the public-service portal",
        "Tải web shell lên Cổng dịch vụ công",
        10 * HOUR + 2 * MINUTE,
        (("ip", intrusions.SHELL_IP), ("host", "dvc-app01")),
        (
            "RULE:dvc_upload_executable_disguised",
            "RULE:dvc_waf_attack_passed",
            "RULE:dvc_webshell_command",
            "RULE:linux_web_account_runs_shell",
            "RULE:edge_server_outbound_odd_port",
        ),
        intrusions.webshell,
    ),
    Attack(
        "bulk-pull",
        "An LGSP token used from a new network pulls citizens' records in bulk",
        "Mã truy cập LGSP bị dùng từ mạng lạ để lấy hàng loạt dữ liệu công dân",
        13 * HOUR + 20 * MINUTE,
        (("ip", intrusions.PULLER), ("user", intrusions.PULLED.owner)),
        (
            "RULE:lgsp_token_foreign_network",
            "RULE:lgsp_bulk_records",
            "RULE:lgsp_foreign_token_then_bulk",
            "RULE:csdl_bulk_select_citizens",
        ),
        intrusions.bulk_pull,
    ),
    Attack(
        "ransomware",
        "Ransomware spreads from an office PC to the file server",
        "Mã độc tống tiền lan từ máy trạm sang máy chủ tệp",
        15 * HOUR + 10 * MINUTE,
        (("host", "srv-fs01"),),
        (
            "RULE:windows_office_spawns_shell",
            "RULE:windows_shadow_copies_deleted",
            "RULE:windows_psexec_service",
            "RULE:windows_mass_encryption",
        ),
        intrusions.ransomware,
    ),
    Attack(
        "cut-source",
        "A log source is cut off after somebody stops auditd",
        "Nguồn nhật ký bị ngắt sau khi auditd bị dừng",
        20 * HOUR + 30 * MINUTE,
        (("host", CUT_HOST),),
        ("RULE:linux_audit_stopped", "RULE:soc_source_silent", "RULE:soc_audit_stopped_then_silence"),
        intrusions.cut_source,
    ),
)


def victim_of_ransomware(seed: int) -> tuple[str, str]:
    """(account, PC) of the officer who opens the macro, for a ``seed``."""
    who = make_town(seed).officers[intrusions.VICTIM]
    return who.account, who.pc
