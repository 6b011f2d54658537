"""Where configuration and rules lie that come with the package: in a checkout, or in ``share/vonggac`` of an installation."""

import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

DEFAULT = "config/embedded.yml"
SHARE = "share/vonggac"


def places() -> Iterator[Path]:
    """Where what comes with the package may lie: the checkout, or ``share/vonggac`` of the installation."""
    code = Path(__file__).parent.parent
    yield code
    for prefix in (code, Path(sys.prefix), Path(sysconfig.get_path("data")), Path(site.getuserbase())):
        yield prefix / SHARE


def default_config() -> Path:
    """VONGGAC_CONFIG, ``config/embedded.yml`` here, in the checkout, or as installed with the package: the first there is."""
    if named := os.environ.get("VONGGAC_CONFIG"):
        return Path(named)
    return next((p / DEFAULT for p in (Path.cwd(), *places()) if (p / DEFAULT).is_file()), Path(DEFAULT))


def shipped(beside: Path, name: str) -> Path:
    """The folder ``name`` of the configuration: in folder ``beside`` (that of the settings), else as shipped."""
    candidates = (beside / name, *(p / "config" / name for p in places()))
    return next((c for c in candidates if c.is_dir()), beside / name)


def installed(folder: Path) -> bool:
    """Whether ``folder`` belongs to the installed package: nothing of one's own goes there."""
    return folder.match(f"{SHARE}/config")
