"""Topics of a test's own on a real cluster."""

from pathlib import Path
from uuid import uuid4

from backbone.kafka_cluster import Cluster
from backbone.kafka_topics import Topic, prepare

SMALL = ("events", "alerts", "out")


async def fresh(bootstrap: str, *, partitions: int = 1, replication: int = 1, in_sync: int = 1) -> tuple[Cluster, str]:
    """A cluster and a prefix under which the house's topics and ``state`` are new and empty."""
    cluster, prefix = Cluster(tuple(bootstrap.split(","))), f"test-{uuid4().hex[:12]}."
    topics = [Topic(prefix + name, partitions, replication, in_sync) for name in SMALL]
    await prepare(cluster, [*topics, Topic(f"{prefix}state", partitions, replication, in_sync, keep=0)])
    return cluster, prefix


ROOT = Path(__file__).parents[2]
