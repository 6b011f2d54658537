"""Events per second of the normalizer, by format: bytes in, Event out, on one core. ``python -m bench.parse`` prints a table."""

import time
from statistics import median
from typing import Final

import msgspec

from collector.normalize import Normalizer
from collector.recipe import Profile
from model import RawRecord, System

RECEIVED: Final = 1_795_253_400_000_000
REQUEST: Final = '"GET /dvc/ho-so/tra-cuu?ma=000.12.34.H23-261121-0001 HTTP/1.1" 200 5120 "https://dichvucong.example.vn/" '
AGENT: Final = '"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"'
ACCESS: Final = f"203.0.113.7 - - [21/Nov/2026:16:30:00 +0700] {REQUEST}{AGENT}"
WINDOWS: Final = {
    "EventID": 1,
    "Channel": "Microsoft-Windows-Sysmon/Operational",
    "Provider_Name": "Microsoft-Windows-Sysmon",
    "Computer": "pc-0421.haiduong.example.vn",
    "@timestamp": "2026-11-21T09:30:00.123Z",
    "UtcTime": "2026-11-21 09:30:00.123",
    "ProcessGuid": "{3ab5c7d1-0001-4f00-8e00-000000000001}",
    "ProcessId": 4242,
    "Image": "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
    "OriginalFileName": "PowerShell.EXE",
    "CommandLine": "powershell.exe -NoProfile -File C:\\ProgramData\\kiem-ke\\thu-thap.ps1 -DonVi VP-UBND",
    "CurrentDirectory": "C:\\Windows\\system32\\",
    "User": "HAIDUONG\\nguyenvana",
    "LogonGuid": "{3ab5c7d1-0002-4f00-8e00-000000000002}",
    "LogonId": "0x3e7",
    "TerminalSessionId": 1,
    "IntegrityLevel": "Medium",
    "Hashes": "MD5=00112233445566778899AABBCCDDEEFF,SHA256=" + "AB" * 32,
    "ParentProcessGuid": "{3ab5c7d1-0003-4f00-8e00-000000000003}",
    "ParentProcessId": 1010,
    "ParentImage": "C:\\Windows\\explorer.exe",
    "ParentCommandLine": "C:\\Windows\\Explorer.EXE",
    "ParentUser": "HAIDUONG\\nguyenvana",
    "Task": 1,
    "Opcode": 0,
    "Level": 4,
    "Version": 5,
    "Keywords": "0x8000000000000000",
    "EventRecordID": 884_213,
    "RuleName": "-",
    "Company": "Microsoft Corporation",
    "Product": "Microsoft Windows Operating System",
    "Description": "Windows PowerShell",
}
SAMPLES: Final[dict[str, str]] = {
    "windows, flat JSON": msgspec.json.encode(WINDOWS).decode(),
    "nginx access, file": ACCESS,
    "nginx access in syslog": f"<190>Nov 21 16:30:00 web01 nginx: {ACCESS}",
    "sshd in syslog": "<38>Nov 21 16:30:00 db01 sshd[4711]: Failed password for root from 203.0.113.9 port 50122 ssh2",
    "cron in syslog": "<78>Nov 21 16:30:00 db01 CRON[812]: (root) CMD (/usr/local/bin/sao-luu --ngay)",
    "RFC 5424": '<165>1 2026-11-21T16:30:00.123+07:00 app01 mot-cua 812 ID47 [ma@1 so="12"] Hồ sơ đã tiếp nhận',
    "JSON, unknown shape": '{"ts":"2026-11-21T16:30:00+07:00","ung_dung":"motcua",'
    '"noi_dung":{"ma":"H23","buoc":"Tiếp nhận"},"ms":12}',
    "CEF in syslog": "<134>Nov 21 16:30:00 fw CEF:0|Hang|WAF|1.0|100|SQL injection|8|src=203.0.113.9 "
    "dst=10.1.2.3 spt=4000 dpt=443 request=/dvc?id\\=1 act=blocked msg=Chặn truy vấn lạ",
    "key=value": 'date=2026-11-21 time=16:30:00 devname="fw-tinh" srcip=203.0.113.9 dstip=10.1.2.3 action="deny" msg="tu choi"',
    "unparsed": "dòng không theo khuôn dạng nào cả " * 4,
}


def run(events: int = 4000, rounds: int = 5) -> list[tuple[str, float]]:
    """(format, events/s) of each sample: median of ``rounds`` rounds of ``events`` records."""
    return [(name, _rate(text.encode(), events, rounds)) for name, text in SAMPLES.items()]


def _rate(data: bytes, events: int, rounds: int) -> float:
    system = System("may-chu", 20, "Máy chủ", "Servers", "", "", 3, hosts=("*.haiduong.example.vn", "db*", "web*"))
    normalizer = Normalizer({"s": Profile("s")}, [system])
    records = [RawRecord("s", f"{n}", data, RECEIVED, "10.0.0.1") for n in range(events)]
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for record in records:
            normalizer.understand(record)
        took.append(time.perf_counter() - begun)
    return events / median(took)


if __name__ == "__main__":
    for name, rate in run():
        print(f"{name:24} {rate:10,.0f} events/s  {1e6 / rate:6.1f} µs")
