"""Time per observation of `streaming_kalman` on one stream, beside Kalman filters that are told the noise.

`python -m benchmarks.kernels.streaming_kalman`: T = 1000 rows of kalman-demo, processor time, the best of five
runs, of one where it takes seconds. filterpy, pykalman and simdkalman are told the noise, statsmodels estimates it by
maximum likelihood from the rows before; RMSE is of the position, rows 200 to 1000.
"""

import importlib.util
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from stream_filters.filters.base import Batch, Floats
from stream_filters.filters.kalman.filter import StreamingKalman, StreamingKalmanConfig
from stream_filters_client.scenarios.streaming_kalman import KALMAN_SCENARIOS

_LENGTH = 1000
_FROM = 200
_REPEATS = 5
_STEP = np.array([[1.0, 1.0], [0.0, 1.0]])
_SEEN = np.array([[1.0, 0.0]])
_PROCESS = np.diag([0.01, 0.001])
_NOISE = np.array([[0.01]])
_ONE_GRID: dict[str, Any] = {"position_noise": "always", "robust": "never", "memories": ()}


def ours(y: Floats, config: Mapping[str, Any], *, everything: bool = True) -> Floats:
    """The default outputs, or the position alone, in one run."""
    model = StreamingKalman(StreamingKalmanConfig(process="diag", **config))
    names = frozenset(model.default_names if everything else {"position_mean"})
    info = model.run(model.initial_state(), Batch(y[:, None], np.ones(len(y))), names).info
    return np.asarray(info["position_mean"][:, 0])


def filterpy_known_noise(y: Floats) -> Floats:
    from filterpy.kalman import KalmanFilter  # noqa: PLC0415  # a peer that need not be installed

    model = KalmanFilter(dim_x=2, dim_z=1)
    model.F, model.H, model.Q, model.R, model.P = _STEP, _SEEN, _PROCESS, _NOISE, np.diag([0.01, 1e6])
    model.x = np.array([[y[0]], [0.0]])
    positions = np.empty(len(y))
    for t, value in enumerate(y):
        model.predict()
        model.update(value)
        positions[t] = model.x[0, 0]
    return positions


def pykalman_known_noise(y: Floats) -> Floats:
    from pykalman import KalmanFilter  # noqa: PLC0415  # a peer that need not be installed

    model = KalmanFilter(_STEP, _SEEN, _PROCESS, _NOISE)
    mean, cov = np.array([y[0], 0.0]), np.diag([0.01, 1e6])
    positions = np.empty(len(y))
    for t, value in enumerate(y):
        mean, cov = model.filter_update(mean, cov, value)
        positions[t] = mean[0]
    return positions


def simdkalman_known_noise(y: Floats) -> Floats:
    from simdkalman import KalmanFilter  # noqa: PLC0415  # a peer that need not be installed

    model = KalmanFilter(_STEP, _PROCESS, _SEEN, _NOISE)
    found = model.compute(
        y[None, :], 0, initial_value=[y[0], 0.0], initial_covariance=np.diag([0.01, 1e6]), filtered=True, smoothed=False
    )
    return np.asarray(found.filtered.states.mean[0, :, 0])


def statsmodels_append(y: Floats) -> Floats:
    """Noise from the first 200 rows, then one row at a time."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents  # noqa: PLC0415  # slow to import

    fitted = UnobservedComponents(y[:_FROM], "local linear trend").fit(disp=False)
    positions = np.full(len(y), np.nan)
    for t in range(_FROM, len(y)):
        fitted = fitted.append(y[t : t + 1])
        positions[t] = fitted.filtered_state[0, -1]
    return positions


def statsmodels_refit(y: Floats, every: int = 100) -> Floats:
    """Noise from all rows so far, every 100 rows."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents  # noqa: PLC0415  # slow to import

    positions = np.full(len(y), np.nan)
    for first in range(_FROM, len(y), every):
        noise = UnobservedComponents(y[:first], "local linear trend").fit(disp=False).params
        longer = UnobservedComponents(y[: first + every], "local linear trend").filter(noise)
        positions[first : first + every] = longer.filtered_state[0, first:]
    return positions


_CONTESTANTS: tuple[tuple[str, str, Callable[[Floats], Floats]], ...] = (
    ("ours, default outputs", "stream_filters", lambda y: ours(y, {})),
    ("ours, position alone", "stream_filters", lambda y: ours(y, {}, everything=False)),
    ("ours, one grid, position alone", "stream_filters", lambda y: ours(y, _ONE_GRID, everything=False)),
    ("filterpy, noise known", "filterpy", filterpy_known_noise),
    ("pykalman, noise known", "pykalman", pykalman_known_noise),
    ("simdkalman, noise known", "simdkalman", simdkalman_known_noise),
    ("statsmodels, appended to", "statsmodels", statsmodels_append),
    ("statsmodels, refitted", "statsmodels", statsmodels_refit),
)
_SLOW = 1.0


def main() -> None:
    """Print the table; a library that is not installed is named."""
    stream = {scenario.name: scenario for scenario in KALMAN_SCENARIOS}["kalman-demo"].generate(0, _LENGTH)
    position = stream.truth["position"][:, 0]
    print(f"{'filter':<34} {'ns per observation':>20} {'RMSE':>8}")
    for name, package, run in _CONTESTANTS:
        if importlib.util.find_spec(package) is None:
            print(f"{name:<34} {'not installed':>20}")
            continue
        found = run(stream.observations)
        seconds = _time(run, stream.observations)
        if seconds < _SLOW:
            seconds = min(_time(run, stream.observations) for _ in range(_REPEATS))
        rmse = np.sqrt(np.mean((found - position)[_FROM:] ** 2))
        print(f"{name:<34} {1e9 * seconds / _LENGTH:>20,.0f} {rmse:>8.4f}")


def _time(run: Callable[[Floats], Floats], y: Floats) -> float:
    begin = time.process_time()
    run(y)
    return time.process_time() - begin


if __name__ == "__main__":
    main()
