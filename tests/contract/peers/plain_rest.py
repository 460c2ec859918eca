"""Python's own HTTP client drives a stream, in JSON and in the binary extension. Prints the means of both."""

import json
import struct
import sys
import urllib.request
from typing import Any

url, model, sequence_id = sys.argv[1:]
ROWS = [1.0, 2.0, 3.0]


def post(body: bytes, headers: dict[str, str]) -> tuple[Any, bytes]:
    """The JSON of the answer, and the bytes behind it."""
    call = urllib.request.Request(f"{url}/v2/models/{model}/infer", body, headers)
    with urllib.request.urlopen(call, timeout=30) as answer:
        length = answer.headers.get("inference-header-content-length")
        data = answer.read()
    size = len(data) if length is None else int(length)
    return json.loads(data[:size]), data[size:]


def in_json() -> list[float]:
    tensor = {"name": "observations", "datatype": "FP64", "shape": [len(ROWS)], "data": ROWS}
    parameters = {"sequence_id": f"{sequence_id}-json", "sequence_start": True, "offset": 0}
    body = {"inputs": [tensor], "outputs": [{"name": "mean"}], "parameters": parameters}
    told, _ = post(json.dumps(body).encode(), {"content-type": "application/json"})
    means: list[float] = told["outputs"][0]["data"]
    return means


def in_binary() -> list[float]:
    raw = struct.pack(f"<{len(ROWS)}d", *ROWS)
    parameters = {"binary_data_size": len(raw)}
    tensor = {"name": "observations", "datatype": "FP64", "shape": [len(ROWS)], "parameters": parameters}
    stream = {"sequence_id": f"{sequence_id}-binary", "sequence_start": True, "offset": 0}
    output = {"name": "mean", "parameters": {"binary_data": True}}
    head = json.dumps({"inputs": [tensor], "outputs": [output], "parameters": stream}).encode()
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(head))}
    told, behind = post(head + raw, headers)
    assert told["outputs"][0]["parameters"]["binary_data_size"] == len(behind)
    return list(struct.unpack(f"<{len(ROWS)}d", behind))


print(json.dumps([in_json(), in_binary()]))
