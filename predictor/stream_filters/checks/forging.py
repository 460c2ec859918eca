"""States that no run need have left, and what a filter must make of them: refuse them, or come to no harm.

A checksum shows an accident, not an intent: whoever can send a `state` can send any numbers.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from stream_filters.checks.common import CheckError, cut, expect, names, run, sample
from stream_filters.filters.base import Array, Batch, Filter
from stream_filters.streams.records import Belief

_REALS = (np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 1.0, 2.0, 0.5, 5e-324, 1e-300, -1e-300, 1e17, -1e17, 1e300, -1e300)
_INTEGERS = (-1, 0, 1, 2, 3, 7, 1000, 10**6, 2**31, 2**62, -(2**63), 2**63 - 1)
# runs of so many rows leave the states that are changed
_LIVES = (0, 1, 2, 6, 40, 150)
_ROWS = 6
_HORIZON = 3
_CASES = 300


class Change(NamedTuple):
    """One field of a state, and the eight bytes that one of its values becomes."""

    name: str
    place: int
    bits: bytes


class Case(NamedTuple):
    """A forged state: that after `rows` rows, changed."""

    rows: int
    changes: list[Change]


def forged_states_do_no_harm(bound: Filter[Any], cases: int = _CASES) -> None:
    """A state with numbers that are not finite is refused; any other one is refused or harmless.

    Harmless: a run and a forecast from it give the same bits whatever ran before, and leave a state that is accepted.
    """
    forge = Forge(bound)
    for rows in _LIVES:
        for name, index in forge.reals(rows):
            state = forge.state(Case(rows, [Change(name, index, np.float64(np.nan).tobytes())]))
            expect(not forge.accepts(state), f"verify accepts a state whose {name} is not a number")
    for number in range(cases):
        if sentence := forge.harm(forge.case(np.random.default_rng(number)), np.random.default_rng(number)):
            raise CheckError(sentence)


class Forge:
    """Makes cases for a filter, and tries them."""

    def __init__(self, bound: Filter[Any]) -> None:
        self._bound = bound
        batch = sample(bound, max(_LIVES), 11)
        self._genuine = {rows: run(bound, cut(batch, 0, rows))[0] for rows in _LIVES}
        self.fields = [name for name in bound.state_dtype.names or () if self._values(0, name).size]

    def _values(self, rows: int, name: str) -> Array:
        return np.ravel(self._genuine[rows][name])

    def reals(self, rows: int) -> Iterator[tuple[str, int]]:
        """The first and the last value of every field of reals, where those of a genuine state are finite."""
        for name in self.fields:
            values = self._values(rows, name)
            if values.dtype.kind == "f" and np.isfinite(values).all():
                yield name, 0
                yield name, values.size - 1

    def case(self, random: np.random.Generator) -> Case:
        """Some values of a genuine state replaced, by themselves or all of a field."""
        rows = int(random.choice(_LIVES))
        changes: list[Change] = []
        for _ in range(random.integers(1, 5)):
            name = str(random.choice(self.fields))
            values = self._values(rows, name)
            whole = random.random() < 0.2
            for index in range(values.size) if whole else [int(random.integers(values.size))]:
                if not whole or not index or random.random() < 0.1:
                    value = self._value(random, values, index)
                changes.append(Change(name, index, value.tobytes()))
        return Case(rows, changes)

    def _value(self, random: np.random.Generator, values: Array, index: int) -> Any:
        kind = values.dtype.type
        if values.dtype.kind != "f":
            near = int(values[index]) + int(random.integers(-2, 3))
            fitting = [value for value in (*_INTEGERS, near) if np.can_cast(np.min_scalar_type(value), values.dtype)]
            return kind(fitting[random.integers(len(fitting))])
        match int(random.integers(4)):
            case 0:
                return kind(random.choice(_REALS))
            case 1:
                return kind(values[index] * random.choice([-1.0, 0.5, 2.0, 1.0 + 1e-9, 1e3, 1e-3, 1e30]))
            case 2:
                # another genuine value, where it does not belong
                return kind(self._values(int(random.choice(_LIVES)), str(random.choice(self.fields)))[0])
            case _:
                return kind(np.ldexp(random.standard_normal(), int(random.integers(-1000, 1000))))

    def state(self, case: Case) -> Array:
        """The state of a case, as it comes out of bytes with the right checksum."""
        state = self._genuine[case.rows].copy()
        for name, index, bits in case.changes:
            field = state[name].reshape(-1) if state[name].shape else state[name].reshape(1)
            values = field.copy()
            values[index] = np.frombuffer(bits, values.dtype)[0]
            state[name] = values.reshape(state[name].shape)
        return Belief.decode(Belief.of(self._bound, case.rows, state.tobytes()).encoded).restore(self._bound)

    def accepts(self, state: Array) -> bool:
        """Whether the filter takes the state from outside."""
        try:
            self._bound.verify(state)
        except ValueError:
            return False
        return True

    def harm(self, case: Case, random: np.random.Generator) -> str:
        """What comes of an accepted state that should not; nothing where it is refused or harmless."""
        state = self.state(case)
        if not self.accepts(state):
            return ""
        batch = self._rows(random)
        with np.errstate(all="ignore"):
            first = self._outcome(state, batch)
            # others in between, so that what they leave in a scratch is seen
            self._outcome(self._genuine[int(random.choice(_LIVES))], self._rows(random))
            second = self._outcome(state, batch)
        where = f"a state after {case.rows} rows with {_described(case)}"
        if first[0] != second[0]:
            return f"two runs from {where} differ"
        if not self.accepts(first[1]):
            return f"a run from {where}, which verify accepts, leaves a state that it refuses"
        return ""

    def _rows(self, random: np.random.Generator) -> Batch:
        rows = random.standard_normal((int(random.integers(0, _ROWS)), self._bound.dimension))
        rows *= float(random.choice([1.0, 1.0, 1e-6, 1e6]))
        rows[random.random(len(rows)) < 0.2] = np.nan
        return Batch(rows, np.full(len(rows), self._bound.nominal_time_delta))

    def _outcome(self, state: Array, batch: Batch) -> tuple[list[bytes], Array]:
        step = self._bound.run(state, batch, names(self._bound))
        forecast = self._bound.forecast(step.state, _HORIZON)
        outputs = [*sorted(step.info.items()), *sorted(forecast.items())]
        return [step.state.tobytes(), *(array.tobytes() for _, array in outputs)], step.state


def _described(case: Case) -> str:
    shown = [f"{name}[{index}] = 0x{bits[::-1].hex()}" for name, index, bits in case.changes[:3]]
    return ", ".join([*shown, "more"] if len(case.changes) > len(shown) else shown)
