"""Nested Windows events taken apart."""

import pytest

from collector.parsers.windows_nested import from_beats, from_event, is_beats
from model import ParseError


def test_user_data_and_mixed_data() -> None:
    """UserData's leaves and mixtures of named and nameless Data are found; attributes are no values."""
    event = {
        "System": {"EventID": 1, "Level": {"#text": 4}, "Execution": {"#attributes": {"ProcessID": 9}}},
        "EventData": {
            "#attributes": {"Name": "x"},
            "Data": [{"#attributes": {"Name": "A"}, "#text": "1"}, "bare"],
            "Binary": "00",
        },
        "UserData": {"Part": {"#attributes": {"xmlns": "u"}, "B": "2", "Deep": {"C": "3"}}},
    }
    system, values = from_event({"Event": event})
    assert (system["Level"], system["Execution_ProcessID"]) == (4, 9)
    assert values == {"A": "1", "Data": ["bare"], "Binary": "00", "B": "2", "C": "3"}


def test_bottomless_nesting_is_refused() -> None:
    """Nesting deeper than any event has is refused."""
    deep: dict[str, object] = {"x": "y"}
    for _ in range(60):
        deep = {"a": deep}
    with pytest.raises(ParseError):
        from_event({"Event": {"System": {"EventID": 1}, "UserData": deep}})


def test_beats_of_version_6() -> None:
    """Winlogbeat 6 has the names at the top of the document."""
    document = {"event_id": 4625, "log_name": "Security", "computer_name": "DC", "event_data": {"Status": "0xc000006d"}}
    assert is_beats(document)
    system, values = from_beats(document)
    assert (system["EventID"], system["Channel"], system["Computer"]) == (4625, "Security", "DC")
    assert values == {"Status": "0xc000006d"}


def test_beats_users_and_messages() -> None:
    """The acting user, process and rendered message of Winlogbeat are kept."""
    winlog = {"channel": "System", "event_id": 7045, "user": {"identifier": "S-1-5-18"}, "process": {"pid": 8}}
    system, values = from_beats({"winlog": winlog, "message": "Một dịch vụ"})
    assert (system["Security_UserID"], system["Execution_ProcessID"], values["Message"]) == ("S-1-5-18", 8, "Một dịch vụ")
