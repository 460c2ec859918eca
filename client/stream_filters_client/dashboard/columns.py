"""A model's outputs as columns of numbers, one name for each line that can be drawn of them.

`position_mean` and `position_std` of the first axis become `position_1`, `position_1_lower` and `position_1_upper`;
a band becomes the same three; `predictive_interval` gives the ends of `predictive_1`; a vector is numbered.
"""

from collections.abc import Mapping

import numpy as np

from stream_filters_client import estimates
from stream_filters_client.estimates import Described, Meaning
from stream_filters_client.protocol.codec import Array, Floats
from stream_filters_client.scoring.scores import normal_band

# names of the columns of the observations' prediction and of the levels of labels, beside those of quantities
PREDICTIVE, LEVEL = "predictive", "level"


def drawable(offered: Mapping[str, Described]) -> tuple[str, ...]:
    """Those of the outputs offered that become columns."""
    return (
        *(name for name in estimates.PREDICTION if name in offered),
        *(name for one in estimates.read(offered).quantities for name in one.outputs),
    )


def of_outputs(outputs: Mapping[str, Array], level: float) -> dict[str, Floats]:
    """Columns, [T] each, of outputs [T, ...]; level: probability inside the bands."""
    found: dict[str, Floats] = {}
    if "predictive_mean" in outputs:
        found |= of_forecast(PREDICTIVE, outputs)
    for one in estimates.read_arrays(outputs).quantities:
        values = outputs[one.outputs[0]]
        if one.meaning is Meaning.ESTIMATE:
            band = np.stack([values, *normal_band(values, outputs[one.outputs[1]], level)], axis=-1)
            found |= _banded(one.name, band)
        elif one.meaning is Meaning.BAND:
            found |= _banded(one.name, values)
        elif one.meaning is Meaning.BY_LABEL:
            found |= numbered(one.name, values)
        else:
            found[one.name] = values.astype(np.float64)
    if "pit" in outputs:
        found |= numbered("pit", outputs["pit"])
    if "log_evidence" in outputs:
        found["log_evidence"] = outputs["log_evidence"].astype(np.float64)
    return found


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


def by_label(columns: Mapping[str, Floats], label: str, level: float) -> dict[str, Floats]:
    """The level of the label that the stream is in, with the band of its observations, in columns of its own for each.

    `level_2` is label 1's where label 1 is announced, and NaN elsewhere; `observed_in_2` what was observed in it.
    """
    found: dict[str, Floats] = {}
    number = 1
    while f"{label}_means_{number}" in columns and f"{label}_stds_{number}" in columns:
        here = columns[label] == number - 1
        mean, std = columns[f"{label}_means_{number}"], columns[f"{label}_stds_{number}"]
        for end, values in zip(("", "_lower", "_upper"), (mean, *normal_band(mean, std, level)), strict=True):
            found[f"{LEVEL}_{number}{end}"] = np.where(here, values, np.nan)
        if "observed_1" in columns:
            found[f"observed_in_{number}"] = np.where(here, columns["observed_1"], np.nan)
        number += 1
    return found
