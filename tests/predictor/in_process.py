"""Streams of `running_mean` in this process, over any store."""

from typing import Any

import numpy as np
from stream_filters.store.base import Store
from stream_filters.streams.exactly_once import Turn
from stream_filters.streams.runner import Runner
from stream_filters.streams.sessions import Limits, Sessions
from stream_filters.telemetry import Telemetry
from stream_filters.wire.configs import Binder

from tests.running_mean import RunningMean

BIND = Binder(RunningMean, {})
TELEMETRY = Telemetry("sessions")


def sessions(store: Store, runner: Runner, **limits: Any) -> Sessions:
    return Sessions("model", store, BIND, runner, Limits(**limits))


def turn(name: str, rows: Any, **more: Any) -> Turn:
    return Turn(name, np.reshape(rows, (-1, 1)).astype(float), None, frozenset(["mean"]), **more)
