"""For all tests: in CI nothing is skipped. VONGGAC_CI=1 turns a skip into a failure that names its reason."""

import os
from collections.abc import Generator

import pytest

pytest_plugins = ["tests.servers.fixtures"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that would be skipped fails where everything must run."""
    report = yield
    if report.skipped and os.environ.get("VONGGAC_CI") == "1" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome, report.longrepr = "failed", f"skipped in CI: {reason}"
    return report
