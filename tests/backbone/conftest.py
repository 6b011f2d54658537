"""Where the real Elasticsearch of these tests is."""

import os

import pytest


@pytest.fixture(scope="session")
def elasticsearch_url() -> str:
    """Address of a real server; skipped without one."""
    url = os.environ.get("ELASTICSEARCH_URL", "")
    if not url:
        pytest.skip("no Elasticsearch: set ELASTICSEARCH_URL")
    return url
