"""Topics of a test's own on a real cluster."""

from pathlib import Path

from backbone.kafka_cluster import Cluster
from backbone.kafka_topics import Topic, prepare

ROOT = Path(__file__).parents[2]
SMALL = ("events", "alerts", "out")


async def fresh(bootstrap: str, prefix: str, *, partitions: int = 1) -> Cluster:
    """A cluster on which the house's topics and ``state`` are new and empty under ``prefix``."""
    cluster = Cluster(tuple(bootstrap.split(",")))
    topics = [Topic(prefix + name, partitions, 1, 1) for name in SMALL]
    await prepare(cluster, [*topics, Topic(f"{prefix}state", partitions, 1, 1, keep=0)])
    return cluster
