"""Time per observation of `online_ar_learning` on one stream, beside other online regressions, with their accuracy.

`python -m benchmarks.kernels.online_ar_learning`: T = 1000 rows of ar-demo, the best of five runs; RMSE is of the
one-step prediction and log score of its density, rows 100 to 1000; a dash where a library gives no density.
"""

import importlib.util
import math
import time
from collections.abc import Callable

import numpy as np
from stream_filters.filters.autoregression.config import Config
from stream_filters.filters.autoregression.filter import OnlineArLearning
from stream_filters.filters.base import Batch, Floats
from stream_filters_client.scenarios.online_ar_learning import AR_SCENARIOS

_LENGTH = 1000
_FROM = 100
Predictions = tuple[Floats, Floats | None]


def ours(y: Floats, **settings: object) -> Predictions:
    """Default outputs, computed whole in one run."""
    kernel = OnlineArLearning(Config.model_validate(settings))
    names = frozenset(output.name for output in kernel.outputs if output.default and not output.on_horizon)
    info = kernel.run(kernel.initial_state(), Batch(y[:, None], np.ones(y.size)), names).info
    return info["predictive_mean"], info["log_evidence"]


def river_snarimax(y: Floats) -> Predictions:
    from river import time_series  # noqa: PLC0415  # a peer that need not be installed

    model = time_series.SNARIMAX(p=1, d=0, q=0)
    means = np.full(y.size, np.nan)
    for t, value in enumerate(y):
        means[t] = model.forecast(horizon=1)[0]
        model.learn_one(float(value))
    return means, None


def river_bayesian(y: Floats) -> Predictions:
    from river import linear_model  # noqa: PLC0415  # a peer that need not be installed

    model = linear_model.BayesianLinearRegression(smoothing=0.98)
    means, densities = np.full(y.size, np.nan), np.full(y.size, np.nan)
    for t in range(1, y.size):
        regressors = {"one": 1.0, "lag": float(y[t - 1])}
        normal = model.predict_one(regressors, with_dist=True)
        means[t], densities[t] = normal.mu, math.log(max(normal(float(y[t])), 1e-300))
        model.learn_one(regressors, float(y[t]))
    return means, densities


def statsmodels_recursive(y: Floats) -> Predictions:
    from statsmodels.regression.recursive_ls import RecursiveLS  # noqa: PLC0415  # a peer that need not be installed

    fit = RecursiveLS(y[1:], np.stack([np.ones(y.size - 1), y[:-1]], axis=1)).fit()
    return np.r_[np.nan, fit.forecasts[0]], np.r_[np.nan, fit.llf_obs]


def _best_seconds(run: Callable[[], object], rounds: int = 5) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    y = AR_SCENARIOS[0].generate(1, _LENGTH).observations
    contenders: list[tuple[str, str, Callable[[Floats], Predictions]]] = [
        ("online_ar_learning, default", "numpy", ours),
        ("online_ar_learning, plain alone", "numpy", lambda y: ours(y, models=("plain",))),
        ("online_ar_learning, last 100 rows", "numpy", lambda y: ours(y, window=100)),
        ("river SNARIMAX(1, 0, 0)", "river", river_snarimax),
        ("river BayesianLinearRegression(0.98)", "river", river_bayesian),
        ("statsmodels RecursiveLS, whole series", "statsmodels", statsmodels_recursive),
    ]
    print(f"{'':<40} {'ns / obs':>10} {'RMSE':>8} {'log score':>10}")
    for title, library, predict in contenders:
        if importlib.util.find_spec(library) is None:
            print(f"{title:<40} {library} is not installed")
            continue
        means, densities = predict(y)
        seconds = _best_seconds(lambda predict=predict: predict(y))  # type: ignore[misc]
        rmse = math.sqrt(np.mean((means[_FROM:] - y[_FROM:]) ** 2))
        score = "-" if densities is None else f"{np.mean(densities[_FROM:]):.4f}"
        print(f"{title:<40} {1e9 * seconds / _LENGTH:>10.0f} {rmse:>8.4f} {score:>10}", flush=True)


if __name__ == "__main__":
    main()
