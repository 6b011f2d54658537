"""Settings and register: read whole, refused with places."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.load import load, load_systems
from model import ProblemsError
from model.moment import HOUR, MINUTE

SYSTEMS = """\
systems:
  - {code: dvc, row: 1, name: Cổng dịch vụ công, name_en: Public services, owner: UBND, operator: Sở KHCN, level: 3,
     hosts: [web-*], addresses: [10.1.0.0/16], expected: [{host: web-1, format: nginx_access, silent_after: 45m}]}
"""


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefg", "bcdefgh", strict=True)
)


def configuration(folder: Path, text: str, systems: str = SYSTEMS) -> Path:
    (folder / "systems.yml").write_text(systems, "utf-8")
    (folder / "rules").mkdir(exist_ok=True)
    file = folder / "vonggac.yml"
    file.write_text(text, "utf-8")
    return file


def problems(file: Path) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        load(file)
    return [str(p).replace(str(file), "FILE") for p in caught.value.problems]


def test_a_reserve_is_never_nothing(tmp_path: Path) -> None:
    """Less than 1 MiB of reserve is refused: without room to trim a full log would stay full."""
    text = "home: var\nrules: {paths: [rules]}\ncollector:\n  reserve: 0 KiB\n  sources: [{name: in, type: stdin}]\n"
    (problem,) = problems(configuration(tmp_path, text))
    assert problem.startswith("FILE:4: ") and "1048576" in problem
    assert load(configuration(tmp_path, text.replace("0 KiB", "2 GiB"))).settings.collector.reserve == 2 << 30


def test_the_shipped_configuration_loads() -> None:
    """config/embedded.yml has no problem and binds to this machine only."""
    loaded = load(Path(__file__).parents[2] / "config/embedded.yml")
    listening = [s.listen for s in loaded.settings.collector.sources if hasattr(s, "listen")]
    assert len(listening) == 4
    assert all(a.startswith("127.0.0.1:") for a in [*listening, loaded.settings.console.listen, loaded.settings.national.listen])
    assert {s.row for s in loaded.systems} >= {1, 2, 6, 10, 13, 19, 20, 23}


def test_values_units_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Durations are microseconds, sizes bytes, relative paths start at the file, VONGGAC_HOME overrides the home."""
    file = configuration(
        tmp_path,
        "home: data\nrules: {paths: [rules]}\ncorrelator: {suppression: 2h}\ncollector:\n  queue: 4 MiB\n"
        '  sources: [{name: u, type: syslog_udp, listen: "[::1]:514"}]\n',
    )
    monkeypatch.delenv("VONGGAC_HOME", raising=False)
    loaded = load(file)
    assert loaded.settings.correlator.suppression == 2 * HOUR
    assert loaded.settings.collector.queue == 4 * 2**20
    assert loaded.home == tmp_path / "data"
    assert loaded.rule_paths == (tmp_path / "rules",)
    assert loaded.systems[0].expected[0].silent_after == 45 * MINUTE
    monkeypatch.setenv("VONGGAC_HOME", str(tmp_path / "elsewhere"))
    assert load(file).home == tmp_path / "elsewhere"


def test_the_national_api_is_where_it_listens(tmp_path: Path) -> None:
    """Reports go to the simulated API wherever it listens, or to the address that is set; one of both there must be."""
    base = 'rules: {paths: [rules]}\ncollector:\n  sources: [{name: u, type: syslog_udp, listen: "127.0.0.1:514"}]\n'
    for text, wanted in [
        ("", "http://127.0.0.1:8099"),
        ('national: {listen: "0.0.0.0:9099"}', "http://127.0.0.1:9099"),
        ('national: {listen: "[::]:9099"}', "http://[::1]:9099"),
        ('national: {run: false}\nnotifier: {national: {url: "https://cuc.example/api"}}', "https://cuc.example/api"),
    ]:
        assert load(configuration(tmp_path, base + text)).settings.national_url == wanted
    (found,) = problems(configuration(tmp_path, base + "national: {run: false}"))
    assert found.startswith("FILE:4: `national.run` is false") and "notifier.national.url" in found


def test_paths_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path with ``~`` is found."""
    monkeypatch.setenv("HOME", str(tmp_path))
    text = 'rules: {paths: [~/rules]}\ncollector:\n  sources: [{name: u, type: syslog_udp, listen: "127.0.0.1:514"}]\n'
    assert load(configuration(tmp_path, text)).rule_paths == (tmp_path / "rules",)


def test_all_problems_at_once_with_lines_and_nearest_names(tmp_path: Path) -> None:
    """One start shows every mistake of both files, each with its line and the nearest known name."""
    file = configuration(
        tmp_path,
        "hom: ../x\nrules: {paths: [nowhere]}\ncollector:\n  sources:\n"
        '    - {name: a, type: syslog_udp, lissten: "127.0.0.1:5514"}\n'
        "    - {name: b, type: syslg_tcp}\n"
        "    - name: c\n      type: http\n      listen: 8088\n      max_request: 10 bananas\n"
        "correlator:\n  latenes: 5m\n",
        "systems:\n  - {code: dvc, row: 1, name: x, name_en: x, owner: x, operator: x, level: 9}\n",
    )
    found = problems(file)
    assert "FILE:1: unknown setting `hom` (did you mean `home`?)" in found
    assert "FILE:5: unknown setting `lissten` (did you mean `listen`?)" in found
    assert "FILE:5: setting `listen` is missing" in found
    assert "FILE:6: `collector.sources.1` has no known `type` (did you mean `syslog_tcp`?)" in found
    assert any(p.startswith("FILE:9: `collector.sources.2.listen`: must be an address and a port") for p in found)
    assert any(p.startswith("FILE:10: `collector.sources.2.max_request`: must be a size") for p in found)
    assert "FILE:12: unknown setting `latenes` (did you mean `lateness`?)" in found
    assert any("systems.yml:2: `systems.0.level`" in p for p in found)


def test_what_only_the_whole_can_tell(tmp_path: Path) -> None:
    """Two sources of one name, an unknown format or zone, a rules folder that is not there, half a certificate."""
    file = configuration(
        tmp_path,
        "rules: {paths: [nowhere]}\ncollector:\n  sources:\n"
        '    - {name: a, type: syslog_udp, listen: "127.0.0.1:1", format: ngnx_access}\n'
        '    - {name: a, type: syslog_tls, listen: "127.0.0.1:1", zone: Asia/Saigonn, certificate: x.pem}\n'
        "    - {name: f, type: file, paths: [relative.log]}\n",
    )
    found = "\n".join(problems(file))
    assert "two sources are called `a`" in found
    assert "unknown format `ngnx_access` (did you mean `nginx_access`?)" in found
    assert "unknown time zone `Asia/Saigonn`" in found
    assert "FILE:1: there is no file or folder nowhere" in found
    assert "`certificate` and `key` go together" in found
    assert "`relative.log` must be an absolute path" in found


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file"),
        ("a: [", "is not YAML"),
        ("- 1\n", "valid dictionary"),
        ("", "setting `collector` is missing"),
        (BOMB, "expands to too many"),
        ("home: " + "[" * 200_000 + "\n", "more than 50 levels deep"),
        ("rules: {}\nhome: var\nrules: {}\n", "FILE:3: `rules` stands here a second time"),
    ],
    ids=["missing", "broken", "list", "empty", "bomb", "deep", "doubled"],
)
def test_files_that_are_no_settings(tmp_path: Path, content: str | None, said: str) -> None:
    """A missing, broken, empty or hostile file is one clear sentence."""
    file = configuration(tmp_path, content or "")
    if content is None:
        file.unlink()
    assert said.lower() in "\n".join(problems(file)).lower().replace("input should be a ", "")


def test_register_is_checked(tmp_path: Path) -> None:
    """A code used twice and a network that is none are found with their lines."""
    file = tmp_path / "systems.yml"
    entry = "  - {{code: a, row: 1, name: x, name_en: x, owner: x, operator: x, level: 1, addresses: [{}]}}\n"
    file.write_text("systems:\n" + entry.format("10.0.0.0/8") + entry.format("10.0.0.1/8"), "utf-8")
    with pytest.raises(ProblemsError) as caught:
        load_systems(file)
    said = [str(p).partition("systems.yml:")[2] for p in caught.value.problems]
    assert said[0] == "3: two systems have the code `a`"
    assert said[1].startswith("3: not a network")


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever stands in a settings file, the answer is settings or problems, never another error."""
    file = tmp_path_factory.mktemp("c") / "x.yml"
    file.write_text(text, "utf-8", errors="replace")
    with pytest.raises(ProblemsError):
        load(file)
