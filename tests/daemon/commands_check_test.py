"""`vonggac check`."""

from pathlib import Path

from calling import Command, rule

UNFIT = "title: Odd\nid: 00000000-0000-4000-8000-000000000009\nlogsource: {product: a}\ndetection: {s: {a: 1}, condition: t}\n"


def test_all_is_well(vonggac: Command, config: Path) -> None:
    """What a start would use is listed: data folder, sources, systems, profile, tables, rules. Nothing is started."""
    answer = vonggac("check", "--config", config)
    assert answer.code == 0 and answer.err == ""
    assert f"{config}: fine" in answer.out
    for said in (
        f"data        {config.parent}/var",
        "tcp (syslog_tcp) 127.0.0.1:5514",
        "systems     1",
        "VN-2026",
        "rules       1",
    ):
        assert said in answer.out
    assert not (config.parent / "var/keys").exists()


def test_refused_and_odd_rules_are_listed(vonggac: Command, config: Path) -> None:
    """Rules that cannot run, and rules that run although something is odd, are listed with file and line; the code stays 0."""
    (config.parent / "rules/two.yml").write_text(UNFIT)
    (config.parent / "rules/odd.yml").write_text(
        rule(7, "product: linux", "message|contains: x").replace("level: high", "level: hoch")
    )
    answer = vonggac("check", "--config", config)
    assert answer.code == 0
    assert f"refused     {config.parent}/rules/two.yml:" in answer.out
    (row,) = vonggac("check", "--config", config, "--json").rows
    assert {p["file"] for p in row["refused"]} >= {f"{config.parent}/rules/two.yml"}
    for problem in (*row["refused"], *row["warnings"]):
        assert set(problem) == {"file", "line", "rule", "message"} and problem["message"]
    for warned in row["warnings"]:
        assert f"warning     {warned['file']}" in answer.out


def test_problems_of_all_files_at_once(vonggac: Command, config: Path) -> None:
    """A wrong setting and a wrong register are told together, with lines; code 2."""
    config.write_text(config.read_text("utf-8").replace("home: var", "hom: var"), "utf-8")
    systems = config.parent / "systems.yml"
    systems.write_text(systems.read_text("utf-8").replace("level: 3", "level: 7"), "utf-8")
    answer = vonggac("check", "--config", config)
    assert answer.code == 2 and answer.out == ""
    assert [line.split(":")[1].strip() for line in answer.err.splitlines()] == [str(systems), str(config)]
