"""A model's outputs as columns of numbers, one name for each line that can be drawn of them.

`position_mean` and `position_std` of the first axis become `position_1`, `position_1_lower` and `position_1_upper`;
a band becomes the same three; `predictive_interval` gives the ends of `predictive_1`; a vector is numbered.
"""

from collections.abc import Mapping

import numpy as np

from stream_filters_client.protocol.codec import Array, Floats
from stream_filters_client.scoring.scores import normal_band

_FILTERED = ("position", "velocity")
BANDS = ("observation_noise_std", "intercept", "coefficients", "noise_std")
_BY_REGIME = ("regime_probabilities", "regime_means", "regime_stds")
_ONE_A_ROW = (
    "log_evidence",
    "regime",
    "change_probability",
    "recent_change_probability",
    "run_length",
    "stationary_probability",
    "effective_memory",
)
_DRAWN = (
    "predictive_mean",
    "predictive_std",
    "predictive_interval",
    *(f"{name}_{part}" for name in _FILTERED for part in ("mean", "std")),
    *BANDS,
    *_BY_REGIME,
    *_ONE_A_ROW,
    "pit",
)


def drawable(offered: Mapping[str, object] | set[str]) -> tuple[str, ...]:
    """Those of the outputs offered that become columns."""
    return tuple(name for name in _DRAWN if name in offered)


def of_outputs(outputs: Mapping[str, Array], level: float) -> dict[str, Floats]:
    """Columns, [T] each, of outputs [T, ...]; level: probability inside the bands."""
    found: dict[str, Floats] = {}
    if "predictive_mean" in outputs:
        found |= of_forecast("predictive", outputs)
    for name in _FILTERED:
        if f"{name}_mean" in outputs and f"{name}_std" in outputs:
            mean = outputs[f"{name}_mean"]
            found |= _banded(name, np.stack([mean, *normal_band(mean, outputs[f"{name}_std"], level)], axis=-1))
    for name in BANDS:
        if name in outputs:
            found |= _banded(name, outputs[name])
    for name in (*_BY_REGIME, "pit"):
        if name in outputs:
            found |= numbered(name, outputs[name])
    return found | {name: outputs[name].astype(np.float64) for name in _ONE_A_ROW if name in outputs}


def of_forecast(prefix: str, outputs: Mapping[str, Array]) -> dict[str, Floats]:
    """Columns NAME_1, NAME_1_lower, NAME_1_upper and NAME_1_std for each axis of a predictive or a forecast."""
    mean, interval = outputs[f"{prefix}_mean"], outputs[f"{prefix}_interval"]
    found = _banded(prefix, np.concatenate([mean[..., None], interval], axis=-1))
    for name, values in numbered(prefix, outputs[f"{prefix}_std"]).items():
        found[f"{name}_std"] = values
    return found


def numbered(name: str, values: Array) -> dict[str, Floats]:
    """NAME_1, NAME_2, ... of [T, ...]."""
    flat = np.asarray(values, dtype=np.float64).reshape(len(values), int(np.prod(values.shape[1:])))
    return {f"{name}_{index + 1}": flat[:, index] for index in range(flat.shape[1])}


def _banded(name: str, bands: Array) -> dict[str, Floats]:
    """Columns of [T, ..., 3]: middle, lower and upper end."""
    found: dict[str, Floats] = {}
    flat = bands.reshape(len(bands), int(np.prod(bands.shape[1:-1])), 3)
    for index in range(flat.shape[1]):
        middle, lower, upper = flat[:, index].T
        column = f"{name}_{index + 1}"
        found |= {column: middle, f"{column}_lower": lower, f"{column}_upper": upper}
    return found


def by_regime(columns: Mapping[str, Floats], level: float) -> dict[str, Floats]:
    """The level of the announced regime, with the band of its observations, in columns of its own for each regime.

    `level_2` is regime 1's where regime 1 is announced, and NaN elsewhere; `observed_in_2` what was observed in it.
    """
    found: dict[str, Floats] = {}
    if "regime" not in columns:
        return found
    label = 0
    while f"regime_means_{label + 1}" in columns:
        here = columns["regime"] == label
        mean, std = columns[f"regime_means_{label + 1}"], columns[f"regime_stds_{label + 1}"]
        band = np.stack([mean, *normal_band(mean, std, level)], axis=-1)
        named = {"level_1": f"level_{label + 1}"}
        for name, values in _banded("level", np.where(here[:, None], band, np.nan)[:, None]).items():
            found[name.replace("level_1", named["level_1"])] = values
        if "observed_1" in columns:
            found[f"observed_in_{label + 1}"] = np.where(here, columns["observed_1"], np.nan)
        label += 1
    return found
