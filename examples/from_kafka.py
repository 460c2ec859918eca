"""A partition of a Kafka topic into a stream: python examples/from_kafka.py TOPIC [host:port]. Needs kafka-python."""

import sys
from typing import Any

from feeding import feed, open_stream
from stream_filters_client import StreamClient


def follow(consumer: Any, partition: Any, client: StreamClient) -> None:
    """Go on where the stream is: a record's offset is its number, and nothing is committed to Kafka."""
    stream = open_stream(client, "adaptive_mixture", f"{partition.topic}-{partition.partition}")
    consumer.assign([partition])
    consumer.seek(partition, stream.offset or 0)
    numbered = ((record.offset, float(record.value)) for record in consumer)
    for result in feed(stream, numbered):
        print(result.next_offset, result.regime[-1], result.predictive_mean[-1], flush=True)


if __name__ == "__main__":
    from kafka import KafkaConsumer, TopicPartition

    topic, *target = sys.argv[1:]
    with StreamClient(*target) as client:
        follow(KafkaConsumer(enable_auto_commit=False), TopicPartition(topic, 0), client)
