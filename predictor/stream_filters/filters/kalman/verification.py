"""What no run of `streaming_kalman` can leave: a state from outside is refused that holds any of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from stream_filters.filters.base import Array
from stream_filters.filters.kalman.equations import MAX_VARIANCE
from stream_filters.filters.kalman.jumps import MOST_ROWS
from stream_filters.filters.kalman.moving_grid import MAX_LOGIT, MAX_PRIOR_SPANS
from stream_filters.filters.kalman.records import FIRST_DELTAS, RECENT, Member
from stream_filters.filters.kalman.rows import MAX_VALUE

_ROUNDING = 1e-6
# Sizes that nothing can have: observations are bounded, and every row adds one half to a shape.
_LARGEST = {
    "position": 1e80,
    "velocity": 1e90,
    "slope": 1e100,
    "rate": 1e250,
    "shape": 1e15,
    "deficit": 1e3,
    "recent": 1e300,
    "log_share": 800.0,
    "jump_velocity": 1e90,
    "jump_log_odds": 1e4,
    "owed": 1e4,
    "fresh_lead": 100.0,
}


def verify_state(state: Array, members: Sequence[Member], prior: tuple[float, float]) -> None:
    """Raise ValueError for a state that no run can have left.

    prior: mean and standard deviation of log lam.
    """
    for name in state.dtype.names or ():
        values = state[name]
        _refuse(values.dtype == np.float64 and not np.isfinite(values).all(), name, "is not finite")
        _refuse(name in _LARGEST and (np.abs(values) > _LARGEST[name]).any(), name, "is too large")
    _verify_clock(state)
    _verify_jump(state)
    first = 0
    for k, member in enumerate(members):
        _verify_member(state, k, member, slice(first, first + member.size))
        _verify_grid(state, k, member, prior)
        first += member.size
    _refuse((np.abs(np.exp(state["log_share"]).sum(-1) - 1.0) > _ROUNDING).any(), "log_share", "does not sum to 1")


def _refuse(broken: Any, name: str, what: str) -> None:
    if broken:
        raise ValueError(f"{name} {what}")


def _verify_clock(state: Array) -> None:
    for name in ("unit", "step", "elapsed", "first_deltas"):
        _refuse((state[name] < 0.0).any(), name, "is below 0")
    _refuse(
        ((state["deltas_seen"] < 0) | (state["deltas_seen"] > FIRST_DELTAS + 1)).any(), "deltas_seen", "is no count"
    )
    rows = state["recent_rows"]
    _refuse(((rows < 0) | (rows > RECENT)).any(), "recent_rows", "is no count")
    kept = np.arange(RECENT) >= RECENT - rows
    scales = state["recent"][..., -1]
    _refuse((kept & ~((scales > 1e-10) & (scales < 1e10))).any(), "recent", "holds a scale out of bounds")
    values = state["recent"][..., :-2]
    _refuse((np.abs(values) > 1.001 * MAX_VALUE).any(), "recent", "holds a value that is too large")
    _refuse((state["recent"][..., -2] < 0.0).any(), "recent", "holds a time delta below 0")


def _verify_jump(state: Array) -> None:
    rows = state["suspect_rows"]
    _refuse(((rows < 0) | (rows > np.minimum(MOST_ROWS, state["recent_rows"]))).any(), "suspect_rows", "is no count")
    open_ = rows[..., 0] > 0
    _refuse((open_ & (state["jump_noise"][..., 0] <= 0.0)).any(), "jump_noise", "is not above 0")
    for name in ("jump_noise", "jump_velocity_variance", "owed", "fresh_lead"):
        _refuse((state[name] < 0.0).any(), name, "is below 0")
        _refuse((state[name] > MAX_VARIANCE**2).any(), name, "is too large")


def _verify_member(state: Array, k: int, member: Member, nodes: slice) -> None:
    age, shape = state["age"][..., k], state["shape"][..., k]
    _refuse((age < -member.delay).any(), "age", "is below that of a member that has yet to start")
    _refuse((shape < 0.0).any(), "shape", "is below 0")
    telling = 1 + int(member.moves)
    _refuse(((shape > 0.0) & (age < telling)).any(), "shape", "is above 0 before an observation told a scale")
    _refuse(((shape == 0.0) & (age > telling)).any(), "shape", "is 0 after observations told a scale")
    for name in ("position_variance", "velocity_variance"):
        _refuse((state[name][..., nodes] > 1.001 * MAX_VARIANCE).any(), name, "is too large")
    _refuse((state["position_variance"][..., nodes] <= 0.0).any(), "position_variance", "is not above 0")
    if member.moves:
        _refuse((state["velocity_variance"][..., nodes] < 0.0).any(), "velocity_variance", "is below 0")
    else:
        _refuse(
            (state["velocity_variance"][..., nodes] != 0.0).any(), "velocity_variance", "is not 0 without a velocity"
        )
    rate = state["rate"][..., nodes]
    _refuse(((rate <= 0.0) & (shape > 0.0)[..., None]).any() or (rate < 0.0).any(), "rate", "is not above 0")
    weight = state["weight"][..., nodes]
    _refuse(((weight <= 0.0) | (weight > 1.0 + _ROUNDING)).any(), "weight", "is no probability")
    _refuse((np.abs(weight.sum(-1) - 1.0) > _ROUNDING).any(), "weight", "does not sum to 1")


def _verify_grid(state: Array, k: int, member: Member, prior: tuple[float, float]) -> None:
    centre, cholesky = state["centre"][..., k, :], state["cholesky"][..., k, :]
    _refuse((np.abs(centre[..., 0]) > MAX_LOGIT).any(), "centre", "is out of bounds")
    middle, reach = (prior[0], MAX_PRIOR_SPANS * prior[1]) if member.moves else (0.0, MAX_LOGIT)
    _refuse((np.abs(centre[..., 1] - middle) > reach * (1.0 + _ROUNDING)).any(), "centre", "is out of bounds")
    _refuse((cholesky[..., 2] <= 0.0).any(), "cholesky", "is not above 0")
    _refuse(member.axes == 2 and (cholesky[..., 0] <= 0.0).any(), "cholesky", "is not above 0")
    _refuse((np.abs(cholesky) > 1e3).any(), "cholesky", "is too large")
