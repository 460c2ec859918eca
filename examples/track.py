"""Track a position from noisy measurements: python examples/track.py [host:port]."""

import math
import random
import sys

from stream_filters_client import StreamClient


def measure(step: int) -> float:
    """A sensor that is off by 0.5 or so."""
    return 10 * math.sin(step / 40) + random.gauss(0, 0.5)


target = sys.argv[1] if len(sys.argv) > 1 else "localhost:8081"
with StreamClient(target) as client, client.stream("streaming_kalman") as stream:
    for step in range(0, 200, 10):
        result = stream.send([measure(i) for i in range(step, step + 10)], horizon=5)
        noise, low, high = result.observation_noise_std[-1, 0]
        print(
            f"{result.next_offset:4}  position {result.position_mean[-1, 0]:7.2f} ± {result.position_std[-1, 0]:.2f}"
            f"  velocity {result.velocity_mean[-1, 0]:6.3f}  noise {noise:.2f} ({low:.2f} to {high:.2f})"
            f"  in 5 steps {result.forecast_mean[-1]:7.2f}"
        )
