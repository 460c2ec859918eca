"""From the kernel's reports, one for each independent group of axes, to the declared outputs."""

from collections.abc import Mapping, Sequence, Set

import numpy as np

from stream_filters.filters.base import Floats, Tensor
from stream_filters.filters.kalman.records import Report, Sizes
from stream_filters.filters.kalman.rows import LARGEST
from stream_filters.filters.kalman.views import REPORT
from stream_filters.filters.numerics.workspace import ReportRoom

INNOVATIONS = frozenset({"innovation", "nis"})
# what innovations are computed from
PREDICTIVE = frozenset({"predictive_mean", "predictive_std"})
SMALLEST = float(np.finfo(np.float64).tiny)
_FIELDS = frozenset(Report._fields)
_BANDS = frozenset({"observation_noise_std", "position_noise", "velocity_noise"})


def report_room(declared: Mapping[str, Tensor], sizes: Sizes) -> ReportRoom:
    """Room for the report of one group of axes; where there is one axis only, it is shaped as was declared."""
    if sizes.groups * sizes.axes > 1:
        return ReportRoom(REPORT.row_shapes(sizes))
    return ReportRoom({name: declared[name].wire_shape[1:] for name in Report._fields})


def join_reports(reports: Sequence[Mapping[str, Floats]], names: Set[str], axes: int) -> dict[str, Floats]:
    """One array for each name, over all axes."""
    joined: dict[str, Floats] = {}
    for name in names & _FIELDS:
        parts: list[Floats] = [report[name] for report in reports]
        if name == "log_evidence":
            joined[name] = _sum_of_present(np.stack(parts))
        elif name == "outlier_probability":
            joined[name] = _any_outlier(np.stack(parts))
        elif name == "model_weights":
            joined[name] = np.mean(parts, axis=0)
        elif name == "state_cov":
            joined[name] = _block_cov(parts)
        elif name in _BANDS:
            joined[name] = np.repeat(np.stack(parts, axis=1), axes, axis=1)
        else:
            joined[name] = np.concatenate(parts, axis=1)
    return joined


def _sum_of_present(parts: Floats) -> Floats:
    """Sum over the first axis of what is not NaN, NaN where nothing is; [groups, T] to [T]."""
    total: Floats = np.where(np.isnan(parts).all(axis=0), np.nan, np.nansum(parts, axis=0))
    return total


def _any_outlier(parts: Floats) -> Floats:
    """Probability that some axis has an outlier, of the axes observed; [groups, T] to [T]."""
    none = np.prod(np.where(np.isnan(parts), 1.0, 1.0 - parts), axis=0)
    result: Floats = np.where(np.isnan(parts).all(axis=0), np.nan, 1.0 - none)
    return result


def _block_cov(parts: Sequence[Floats]) -> Floats:
    """Independent groups' [T, 2E, 2E] as one [T, 2D, 2D], all positions before all velocities."""
    if len(parts) == 1:
        return parts[0]
    groups = len(parts)
    whole = np.zeros((len(parts[0]), 2 * groups, 2 * groups))
    for group, part in enumerate(parts):
        both = [group, groups + group]
        whole[:, np.array(both)[:, None], both] = part
    return whole


def add_innovations(info: dict[str, Floats], observations: Floats) -> None:
    """Innovations and their normalised square, summed over the axes observed; NaN where nothing is."""
    shape = observations.shape
    with np.errstate(over="ignore"):
        innovation = np.clip(observations - info["predictive_mean"].reshape(shape), -LARGEST, LARGEST)
        normalised = innovation / np.clip(info["predictive_std"].reshape(shape), SMALLEST, LARGEST)
        info["nis"] = np.minimum(_sum_of_present((normalised**2).T), LARGEST)
    info["innovation"] = innovation
