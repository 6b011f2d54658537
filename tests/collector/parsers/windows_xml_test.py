"""XML of Windows events: values found, bombs refused."""

import pytest

from collector.parsers.windows_xml import LIMIT, root_of, system_of
from model import ParseError

EVENT = """<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event">
  <System>
    <Provider Name="Microsoft-Windows-WMI-Activity" Guid="{1}"/><EventID>5858</EventID>
    <TimeCreated SystemTime="2026-11-21T02:30:00.123456700Z"/><Execution ProcessID="1" ThreadID="2"/>
    <Channel>Microsoft-Windows-WMI-Activity/Operational</Channel><Computer>máy-chủ-01</Computer><Security UserID="S-1-5-18"/>
  </System>
  <UserData>
    <Operation_ClientFailure xmlns="http://manifests.microsoft.com/win/2006/windows/WMI">
      <ClientMachine>PC</ClientMachine><User>UBND\\lan</User><Empty/><Item>a</Item><Item>b</Item>
    </Operation_ClientFailure>
  </UserData>
  <RenderingInfo Culture="vi-VN"><Message>Thao tác lỗi</Message></RenderingInfo>
</Event>"""
BOMB = '<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx"><!ENTITY c "&b;&b;&b;&b;">]><Event><System><Channel>&c;</Channel></System></Event>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Event>&b;</Event>'


def test_system_and_user_data() -> None:
    """System is flattened with attributes, UserData's leaves go by name, a repeated name is a list, empty ones are absent."""
    system, values = system_of(root_of(EVENT))
    assert system["Provider_Name"] == "Microsoft-Windows-WMI-Activity"
    assert (system["EventID"], system["Execution_ProcessID"], system["Security_UserID"]) == ("5858", "1", "S-1-5-18")
    assert values == {"ClientMachine": "PC", "User": "UBND\\lan", "Item": ["a", "b"], "Message": "Thao tác lỗi"}


@pytest.mark.parametrize("text", [BOMB, OUTSIDE, "<a", "", "<a>" * 100_000, "<Event>\x00</Event>"])
def test_bombs_and_junk_are_refused(text: str) -> None:
    """Entities, references to files, endless nesting and broken XML are refused."""
    with pytest.raises(ParseError):
        system_of(root_of(text))


def test_bounds() -> None:
    """A document too long, with too many values, or too deep is refused."""
    with pytest.raises(ParseError):
        root_of("<a>" + "x" * LIMIT + "</a>")
    many = "<Event><EventData>" + "<Data>x</Data>" * 3000 + "</EventData></Event>"
    deep = "<Event><UserData>" + "<a>" * 100 + "x" + "</a>" * 100 + "</UserData></Event>"
    for text in (many, deep):
        with pytest.raises(ParseError):
            system_of(root_of(text))
