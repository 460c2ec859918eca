from tests.predictor.process import PredictorProcess
from tests.server.fuzz import findings


def test_no_bytes_make_the_server_take_the_blame(served: PredictorProcess) -> None:
    assert list(findings(served.grpc_address, count=1_500, seed=7)) == []
