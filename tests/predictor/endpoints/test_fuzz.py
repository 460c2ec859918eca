import urllib.request

from tests.predictor.endpoints.fuzz import findings
from tests.predictor.process import PredictorProcess


def test_no_bytes_make_the_server_take_the_blame_or_grow(served: PredictorProcess) -> None:
    assert list(findings(served.grpc_address, count=1_000, seed=7)) == []
    before = _resident_bytes(served)
    assert list(findings(served.grpc_address, count=1_000, seed=8)) == []
    # 1,000 requests bring 30 MB
    assert _resident_bytes(served) - before < 15e6


def _resident_bytes(served: PredictorProcess) -> float:
    with urllib.request.urlopen(f"{served.http_url}/metrics") as response:
        (line,) = (line for line in response if line.startswith(b"process_resident_memory_bytes "))
    return float(line.split()[1])
