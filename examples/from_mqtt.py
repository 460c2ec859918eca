"""An MQTT topic into a stream: python examples/from_mqtt.py TOPIC [host:port]. Needs paho-mqtt.

MQTT numbers nothing for its receivers, so the sender does: each message is {"number": 17, "value": 3.2}.
"""

import json
import sys
from typing import Any

from feeding import feed, open_stream
from stream_filters_client import Stream, StreamClient


def take(stream: Stream, mqtt: Any, message: Any) -> None:
    """Apply a message, then acknowledge it: what is not acknowledged comes again, and is recognised by its number."""
    told = json.loads(message.payload)
    for result in feed(stream, [(told["number"], told["value"])]):
        print(result.next_offset, result.position_mean[-1, 0], flush=True)
    mqtt.ack(message.mid, message.qos)


if __name__ == "__main__":
    import paho.mqtt.client as paho

    topic, *target = sys.argv[1:]
    with StreamClient(*target) as client:
        stream = open_stream(client, "streaming_kalman", topic)
        # the broker keeps what comes while this is away for a client that it knows by name
        mqtt = paho.Client(paho.CallbackAPIVersion.VERSION2, topic, clean_session=False, manual_ack=True)
        mqtt.on_message = lambda _client, _data, message: take(stream, mqtt, message)
        mqtt.connect("localhost")
        mqtt.subscribe(topic, qos=1)
        mqtt.loop_forever()
