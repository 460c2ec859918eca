import json

import numpy as np
import pytest

from tests.filters.recording import CASES, RECORDS, ROWS, Case, digests


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.filter_name}, {case.label}")
def test_states_and_outputs_are_the_bits_on_record(case: Case, seed: int) -> None:
    recorded = json.loads((RECORDS / f"{case.filter_name}.json").read_text(encoding="utf-8"))
    cuts = np.random.default_rng(seed).integers(0, ROWS + 1, 5)

    assert digests(case, sorted(cuts.tolist())) == recorded[case.label]
