"""Forged states: what once did harm, and some new ones, are refused or harmless."""

import numpy as np
import pytest
from stream_filters.filters import REGISTRY

from tests.filters.fuzz import HARMLESS, corpus, findings, forges, from_json, tried

COUNT = 400


@pytest.mark.parametrize("name", HARMLESS)
def test_what_once_did_harm_does_none(name: str) -> None:
    found = forges(name)
    harms = [tried(found[kept["variant"]], from_json(kept["case"]), kept["number"]) for kept in corpus(name)]
    assert harms == [""] * len(harms)


@pytest.mark.parametrize("name", HARMLESS)
def test_new_forged_states_do_no_harm(name: str) -> None:
    assert list(findings(name, COUNT, seed=1)) == []


@pytest.mark.parametrize("name", REGISTRY)
def test_cases_are_of_every_kind_and_the_same_each_time(name: str) -> None:
    forge = forges(name)[0]
    cases = [forge.case(np.random.default_rng([5, number])) for number in range(200)]
    assert cases == [forge.case(np.random.default_rng([5, number])) for number in range(200)]
    changed = {change.name for case in cases for change in case.changes}
    assert len(changed) > len(forge.fields) / 2
    accepted = sum(forge.accepts(forge.state(case)) for case in cases)
    # neither all are refused, which would try nothing, nor all taken
    assert 0 < accepted < len(cases)
