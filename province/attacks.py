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

    ``entities`` are (kind, value) pairs its incident is about, as alerts carry them; ``rules`` the ids of rules in ``rules/``
    that must raise an alert.
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
            "05149423-c5d4-411b-a5cb-ab4a800a4ef9",  # sso_password_spraying
            "fc541feb-acd5-425d-b34c-ad2e146543b2",  # sso_spraying_then_login
            "e8bd064b-8b3b-444c-84c6-ec009df5c8d5",  # mail_password_spraying
            "8b0bee3f-7ee6-41f6-bd35-a0493a37dd5c",  # mail_spraying_then_login
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
            "b05764b3-3792-4344-a0eb-16b048cbd850",  # dvc_upload_executable_disguised
            "5532a3f4-0ff8-49db-b5be-f6af5c120452",  # dvc_waf_attack_passed
            "995a9230-0914-499e-839e-033da5648415",  # dvc_webshell_command
            "4e984e67-367c-4b40-9dab-c3a532ff28a7",  # linux_web_account_runs_shell
            "043bbda3-54ce-4044-8558-7b1f78a96ecd",  # edge_server_outbound_odd_port
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
            "71902998-8b14-483b-8e19-9820663ef131",  # lgsp_token_foreign_network
            "1597f072-885d-4a2f-9df5-b4cf01b715c0",  # lgsp_bulk_records
            "c420bec9-9bda-4b9a-bde6-1d7000119c96",  # lgsp_foreign_token_then_bulk
            "11b60364-d505-41e1-bfad-f4e77adf44cd",  # csdl_bulk_select_citizens
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
            "491d0863-f42e-4038-ae15-8c3bb2fee971",  # windows_office_spawns_shell
            "441aa6dd-2a84-4d31-a0ce-a852a5a485d2",  # windows_shadow_copies_deleted
            "49d34b04-acbd-4a0d-ba8e-0075bbac6a03",  # windows_psexec_service
            "74b485fb-4561-4966-9ee2-3d83c401b7d0",  # windows_mass_encryption
        ),
        intrusions.ransomware,
    ),
    Attack(
        "cut-source",
        "A log source is cut off after somebody stops auditd",
        "Nguồn nhật ký bị ngắt sau khi auditd bị dừng",
        20 * HOUR + 30 * MINUTE,
        (("host", CUT_HOST),),
        (
            "dfc5a9fe-3cdc-452d-9968-fc52cebdad97",  # linux_audit_stopped
            "5de838d5-fecb-46cf-a689-cab715da68a9",  # soc_source_silent
            "d4d193ee-9797-4681-addd-115001fc3ff0",  # soc_audit_stopped_then_silence
        ),
        intrusions.cut_source,
    ),
)


def victim_of_ransomware(seed: int) -> tuple[str, str]:
    """(account, PC) of the officer who opens the macro, for a ``seed``."""
    who = make_town(seed).officers[intrusions.VICTIM]
    return who.account, who.pc
