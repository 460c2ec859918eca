"""What every filter is held to, yours too: `python -m stream_filters.checks package.module:Filter`.

Each check takes a bound filter and raises `CheckError`, whose sentence says what was expected and what came.
"""

from collections.abc import Callable, Iterator
from typing import Any

from stream_filters.checks.common import CheckError, sample
from stream_filters.checks.contract import (
    arguments_are_untouched,
    cutting_changes_nothing,
    missing_rows_teach_nothing,
    own_states_are_accepted,
    restoring_changes_nothing,
    the_declaration_is_true,
)
from stream_filters.checks.forging import forged_states_do_no_harm
from stream_filters.checks.numerics import (
    LEAST_STEPS,
    covariances_are_covariances,
    honest_but_odd_data_stays_finite,
    stays_stable,
    time_units_change_nothing,
    units_change_nothing,
)
from stream_filters.checks.scales import scales_do_what_is_declared, scales_of_one_change_nothing
from stream_filters.filters.base import Filter

__all__ = [
    "CHECKS",
    "LEAST_STEPS",
    "CheckError",
    "arguments_are_untouched",
    "covariances_are_covariances",
    "cutting_changes_nothing",
    "failures",
    "forged_states_do_no_harm",
    "honest_but_odd_data_stays_finite",
    "missing_rows_teach_nothing",
    "own_states_are_accepted",
    "restoring_changes_nothing",
    "sample",
    "scales_do_what_is_declared",
    "scales_of_one_change_nothing",
    "stays_stable",
    "the_declaration_is_true",
    "time_units_change_nothing",
    "units_change_nothing",
]

CHECKS: tuple[Callable[[Filter[Any]], None], ...] = (
    cutting_changes_nothing,
    restoring_changes_nothing,
    own_states_are_accepted,
    arguments_are_untouched,
    the_declaration_is_true,
    missing_rows_teach_nothing,
    units_change_nothing,
    time_units_change_nothing,
    scales_of_one_change_nothing,
    scales_do_what_is_declared,
    covariances_are_covariances,
    honest_but_odd_data_stays_finite,
    forged_states_do_no_harm,
)


def failures(bound: Filter[Any]) -> Iterator[tuple[str, str]]:
    """The name and the sentence of every check that the filter does not pass."""
    for check in (*CHECKS, stays_stable):
        try:
            check(bound)
        except CheckError as error:
            yield check.__name__, str(error)
