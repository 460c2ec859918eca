"""Time per observation of `adaptive_mixture` on one stream, beside other ways to find regimes and changes.

`python -m benchmarks.kernels.adaptive_mixture`: T = 1000 rows of mixture-close, the best of five runs. Accuracy is the
share of rows 200 to 1000 named rightly under the best naming; a change counts as detected by an alarm within 25 rows;
the log score is of the one-step density; a dash where a method has no such thing.
"""

import importlib.util
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from stream_filters.filters.base import Array, Batch, Floats
from stream_filters.filters.regimes.filter import AdaptiveMixture, AdaptiveMixtureConfig
from stream_filters_client.scenarios.adaptive_mixture import MIXTURE_SCENARIOS
from stream_filters_client.scenarios.base import Stream

from benchmarks.accuracy.adaptive_mixture import Alarms, accuracy

_LENGTH = 1000
_WINDOW = slice(200, _LENGTH)
_SCENARIO = {scenario.name: scenario for scenario in MIXTURE_SCENARIOS}["mixture-close"]


@dataclass(frozen=True)
class Answer:
    """What a method says of each row, as far as it does: regimes [T], rows of alarms, log densities [T]."""

    regimes: Array | None = None
    alarms: Array | None = None
    log_evidence: Floats | None = None


def ours(y: Floats, config: dict[str, object]) -> Answer:
    """Default outputs, computed whole in one run."""
    mixture = AdaptiveMixture(AdaptiveMixtureConfig.model_validate(config))
    names = frozenset(output.name for output in mixture.outputs if output.default and not output.on_horizon)
    info = mixture.run(mixture.initial_state(), Batch(y[:, None], np.ones(y.size)), names).info
    return Answer(info["regime"], np.flatnonzero(np.diff(info["regime"])) + 1, info["log_evidence"])


def told(stream: Stream) -> Answer:
    """The hidden Markov filter in NumPy, told the true parameters."""
    if stream.oracle is None:
        raise ValueError(f"{_SCENARIO.name} has no oracle")
    answers = stream.oracle()
    return Answer(answers["regime"], np.flatnonzero(np.diff(answers["regime"])) + 1, answers["log_evidence"])


def bocpd(y: Floats, longest: int = 300) -> Answer:
    """Adams & MacKay (2007) in NumPy: normal-inverse-gamma, hazard 1/50, run lengths up to 300, no regimes."""
    strength, shape = 0.1 + np.arange(longest), 1.5 + 0.5 * np.arange(longest)
    mean, rate = np.full(longest, np.median(y[:10])), np.full(longest, 1.5 * y[:10].var())
    constant = np.array([math.lgamma(a + 0.5) - math.lgamma(a) for a in shape])
    weight = np.eye(1, longest)[0]
    evidence, short = np.zeros(y.size), np.zeros(y.size)
    for row, value in enumerate(y):
        spread = 2.0 * rate * (1.0 + 1.0 / strength)
        residual = value - mean
        log_density = constant - 0.5 * np.log(math.pi * spread) - (shape + 0.5) * np.log1p(residual**2 / spread)
        joint = weight * np.exp(log_density)
        total = joint.sum()
        evidence[row] = math.log(total)
        learnt_mean = mean + residual / (strength + 1.0)
        learnt_rate = rate + 0.5 * residual**2 * strength / (strength + 1.0)
        mean[1:], rate[1:] = learnt_mean[:-1], learnt_rate[:-1]
        joint /= total
        weight[1:], weight[0] = 0.98 * joint[:-1], 0.02
        weight[-1] += 0.98 * joint[-1]
        short[row] = weight[:5].sum()
    return Answer(None, np.flatnonzero((short[1:] >= 0.8) & (short[:-1] < 0.8)) + 1, evidence)


def hmmlearn_forward(y: Floats) -> Answer:
    """hmmlearn's forward pass alone, with the true parameters: the cost of its filter without any learning."""
    from hmmlearn import _hmmc  # noqa: PLC0415  # a peer that need not be installed

    transition = np.eye(3) * 0.98 + 0.02 / 3
    levels = np.array([0.0, 3.0, -3.0])
    log_density = -0.5 * (y[:, None] - levels) ** 2 - 0.5 * math.log(2 * math.pi)
    _, lattice = _hmmc.forward_log(transition[0], transition, log_density)
    evidence = np.logaddexp.reduce(lattice, axis=1)
    regimes = lattice.argmax(1)
    return Answer(regimes, np.flatnonzero(np.diff(regimes)) + 1, np.diff(evidence, prepend=0.0))


def hmmlearn_refit(y: Floats, every: int = 200, starts: int = 5) -> Answer:
    """hmmlearn refitted to the past every 200 rows, the best of 5 starts; it names the rows until the next fit."""
    from hmmlearn.hmm import GaussianHMM  # noqa: PLC0415  # a peer that need not be installed

    regimes = np.zeros(y.size, np.int64)
    for first in range(every, y.size, every):
        past = y[:first, None]
        fits = [GaussianHMM(3, n_iter=100, random_state=seed).fit(past) for seed in range(starts)]
        model = max(fits, key=lambda fit: float(fit.score(past)))
        rank = np.argsort(np.argsort(model.means_[:, 0]))
        # The likeliest path looks ahead within its 200 rows: more than a filter may.
        regimes[first : first + every] = rank[model.predict(y[: first + every, None])[first:]]
    return Answer(regimes, np.flatnonzero(np.diff(regimes)) + 1)


def river_detector(y: Floats, name: str) -> Answer:
    """A drift detector of river with its defaults."""
    from river import drift  # noqa: PLC0415  # a peer that need not be installed

    detector = getattr(drift, name)()
    alarms = []
    for row, value in enumerate(y):
        detector.update(float(value))
        if detector.drift_detected:
            alarms.append(row)
    return Answer(None, np.array(alarms, dtype=np.int64))


def _best_seconds(run: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def _figures(answer: Answer, truth: Array) -> tuple[str, str, str, str]:
    """Accuracy, share of changes detected, false alarms and log score, as far as there are any."""
    right = detected = false = score = "-"
    if answer.regimes is not None:
        right = f"{accuracy(answer.regimes, truth, _WINDOW):.3f}"
    if answer.alarms is not None:
        alarmed = np.zeros(truth.size, np.int64)
        alarmed[answer.alarms] = 1
        alarms = Alarms()
        alarms.add(np.cumsum(alarmed), truth, _WINDOW)
        detected, false = f"{alarms.detected:.2f}", str(alarms.false)
    if answer.log_evidence is not None:
        score = f"{np.mean(answer.log_evidence[_WINDOW]):.4f}"
    return right, detected, false, score


def main() -> None:
    stream = _SCENARIO.generate(1, _LENGTH)
    y = stream.observations
    contenders: list[tuple[str, str, int, Callable[[Floats], Answer]]] = [
        ("adaptive_mixture, default", "numpy", 5, lambda y: ours(y, {})),
        ("adaptive_mixture, no drift, 8 hypotheses", "numpy", 5, lambda y: ours(y, {"drift": "none", "hypotheses": 8})),
        ("BOCPD in NumPy", "numpy", 5, bocpd),
        ("HMM filter in NumPy, true parameters", "numpy", 5, lambda _: told(stream)),
        ("hmmlearn forward pass, true parameters", "hmmlearn", 5, hmmlearn_forward),
        ("hmmlearn refitted every 200 rows, 5 starts", "hmmlearn", 1, hmmlearn_refit),
        ("river ADWIN", "river", 5, lambda y: river_detector(y, "ADWIN")),
        ("river PageHinkley", "river", 5, lambda y: river_detector(y, "PageHinkley")),
    ]
    print(f"{'':<44} {'us / obs':>10} {'accuracy':>9} {'detected':>9} {'false':>6} {'log score':>10}")
    for name, library, rounds, run in contenders:
        if importlib.util.find_spec(library) is None:
            print(f"{name:<44} {library} is not installed (requirements/bench.txt)")
            continue
        answer = run(y)
        seconds = _best_seconds(partial(run, y), rounds)
        right, detected, false, score = _figures(answer, stream.truth["regime"])
        print(f"{name:<44} {seconds / _LENGTH * 1e6:>10.2f} {right:>9} {detected:>9} {false:>6} {score:>10}")


if __name__ == "__main__":
    main()
