"""Real Kafka and Elasticsearch for tests: fetched from Maven Central, started and broken on this machine.

``fixtures.py`` is what tests use; nothing here but ``fixtures.py`` knows of pytest, so benchmarks may start servers too.
"""
