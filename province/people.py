# ruff: noqa: E501 - templates are as long as the real lines
"""Who lives and works in the province: names, accounts, offices, addresses. Drawn once from the seed."""

import unicodedata
from random import Random

import msgspec

from province.places import DOMAIN

FAMILY = (
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Hoàng",
    "Huỳnh",
    "Phan",
    "Vũ",
    "Võ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Hồ",
    "Ngô",
    "Dương",
    "Lý",
    "Đinh",
    "Trịnh",
    "Mai",
    "Lương",
)
MIDDLE = (
    "Văn",
    "Thị",
    "Đức",
    "Ngọc",
    "Minh",
    "Thanh",
    "Hữu",
    "Quốc",
    "Thu",
    "Kim",
    "Xuân",
    "Hồng",
    "Gia",
    "Bảo",
    "Công",
    "Đình",
    "Như",
    "Tuấn",
)
GIVEN = (
    "An",
    "Anh",
    "Bình",
    "Châu",
    "Chi",
    "Cường",
    "Dũng",
    "Dương",
    "Đạt",
    "Giang",
    "Hà",
    "Hải",
    "Hạnh",
    "Hiền",
    "Hiếu",
    "Hoa",
    "Hòa",
    "Hùng",
    "Hương",
    "Khánh",
    "Khôi",
    "Lan",
    "Linh",
    "Long",
    "Mai",
    "Mạnh",
    "Minh",
    "Nam",
    "Nga",
    "Nghĩa",
    "Ngân",
    "Nhung",
    "Oanh",
    "Phong",
    "Phúc",
    "Phương",
    "Quang",
    "Quân",
    "Quỳnh",
    "Sơn",
    "Tâm",
    "Thảo",
    "Thắng",
    "Thủy",
    "Tiến",
    "Toàn",
    "Trang",
    "Trung",
    "Tú",
    "Tùng",
    "Uyên",
    "Việt",
    "Vinh",
    "Yến",
)

OFFICES = (
    ("vp", "Văn phòng UBND tỉnh"),
    ("stp", "Sở Tư pháp"),
    ("stc", "Sở Tài chính"),
    ("snv", "Sở Nội vụ"),
    ("sxd", "Sở Xây dựng"),
    ("syt", "Sở Y tế"),
    ("sgd", "Sở Giáo dục và Đào tạo"),
    ("skhcn", "Sở Khoa học và Công nghệ"),
    ("snnmt", "Sở Nông nghiệp và Môi trường"),
    ("hcc", "Trung tâm Phục vụ hành chính công"),
)

PROCEDURES = (
    ("1.001193", "Đăng ký khai sinh"),
    ("1.000894", "Đăng ký kết hôn"),
    ("2.000635", "Cấp bản sao trích lục hộ tịch"),
    ("1.009994", "Cấp giấy phép xây dựng nhà ở riêng lẻ"),
    ("2.001610", "Đăng ký thành lập doanh nghiệp tư nhân"),
    ("1.012756", "Đăng ký đất đai lần đầu"),
    ("2.000488", "Cấp phiếu lý lịch tư pháp"),
    ("1.004944", "Cấp đổi giấy phép lái xe"),
)

PAPERS = (
    "Giấy khai sinh.pdf",
    "Đơn đề nghị cấp phép xây dựng.docx",
    "CCCD mặt trước.jpg",
    "CCCD mặt sau.jpg",
    "Sổ hộ khẩu - bản sao.pdf",
    "Hợp đồng chuyển nhượng QSDĐ.pdf",
    "Bản vẽ thiết kế móng.pdf",
    "Giấy chứng nhận kết hôn (công chứng).pdf",
    "Tờ khai đăng ký khai sinh.docx",
    "Ảnh 4x6 nền trắng.png",
)

MIME = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "jpg": "image/jpeg",
    "png": "image/png",
}

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) coc_coc_browser/138.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 15; SM-A556E) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
)


class Officer(msgspec.Struct, frozen=True):
    """A civil servant: ``account`` is ASCII, ``pc`` the name of the office PC and ``ip`` its address."""

    name: str
    account: str
    office: str
    pc: str
    ip: str

    @property
    def mail(self) -> str:
        return f"{self.account}@{DOMAIN}"


class Citizen(msgspec.Struct, frozen=True):
    """A person using the portals. ``cccd`` is a 12-digit number of a province code nobody has (099)."""

    name: str
    cccd: str
    ip: str
    agent: str


class Town(msgspec.Struct, frozen=True):
    """Everybody of one seed."""

    officers: tuple[Officer, ...]


def ascii_of(name: str) -> str:
    """``Đặng`` → ``dang``."""
    text = unicodedata.normalize("NFD", name.lower().replace("đ", "d"))
    return "".join(c for c in text if not unicodedata.combining(c))


def full_name(rng: Random) -> tuple[str, str, str]:
    """(family, middle, given)."""
    return rng.choice(FAMILY), rng.choice(MIDDLE), rng.choice(GIVEN)


def make_town(seed: int, officers: int = 400) -> Town:
    """The same ``seed`` always gives the same people."""
    rng = Random(f"{seed}:town")  # noqa: S311 - reproducible, not secret
    people: list[Officer] = []
    taken: set[str] = set()
    for number in range(1, officers + 1):
        family, middle, given = full_name(rng)
        account = f"{ascii_of(given)}.{ascii_of(family)[0]}{ascii_of(middle)[0]}"
        while account in taken:
            account += str(rng.randrange(2, 90))
        taken.add(account)
        office = rng.choice(OFFICES)[0]
        address = f"10.30.{number // 200 + 1}.{number % 200 + 20}"
        people.append(Officer(f"{family} {middle} {given}", account, office, f"PC-{office.upper()}-{number:03d}", address))
    return Town(tuple(people))


def home_address(rng: Random) -> str:
    """Where a citizen comes from: mostly IPv6, else one of the operators' shared IPv4 addresses."""
    draw = rng.random()
    if draw < 0.6:
        return f"2001:db8:{rng.randrange(0x100, 0xFFF):x}:{rng.randrange(0x1000, 0xFFFF):x}::{rng.randrange(1, 0xFFFF):x}"
    if draw < 0.85:
        return f"203.0.113.{rng.randrange(1, 255)}"
    return f"198.51.100.{rng.randrange(1, 128)}"


def stranger(rng: Random) -> str:
    """A scanner, a spammer or a guesser of passwords: the Internet's background noise."""
    return f"192.0.2.{rng.randrange(1, 128)}"


def make_citizen(rng: Random) -> Citizen:
    family, middle, given = full_name(rng)
    birth = rng.randrange(50, 107)
    sex = rng.randrange(2) + (2 if birth >= 100 else 0)
    cccd = f"099{sex}{birth % 100:02d}{rng.randrange(1_000_000):06d}"
    return Citizen(f"{family} {middle} {given}", cccd, home_address(rng), rng.choice(BROWSERS))
