"""Keys and tokens."""

import pytest

from model import ConfigError
from national.auth import Doors, Organisation, hash_key

TOKEN = "t" * 20


@pytest.mark.parametrize("code", ["", "c", "cm", "C1", "TOOLONGCODE", "ÁÂ"])
def test_codes_fit_into_a_national_id(code: str) -> None:
    """A code that would spoil national ids is a configuration error."""
    with pytest.raises(ConfigError, match="capital letters"):
        Doors([Organisation(code, "x", hash_key("k"))], TOKEN)


def test_doubtful_settings_are_refused() -> None:
    """Two organisations of one code, or a guessable token, are configuration errors."""
    twice = [Organisation("CM", "x", hash_key("k")), Organisation("CM", "y", hash_key("l"))]
    with pytest.raises(ConfigError, match="same code"):
        Doors(twice, TOKEN)
    with pytest.raises(ConfigError, match="shorter"):
        Doors([], "short")


def test_session_is_bound_to_the_token() -> None:
    """Another token's session does not open."""
    assert Doors([], TOKEN).session(0) != Doors([], TOKEN + "x").session(0)
