"""The v2 protocol over HTTP: JSON, and tensors in binary behind it."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from tests.predictor.v2 import _raw as from_raw

LENGTH = "inference-header-content-length"


@dataclass(frozen=True)
class Answer:
    """What came back, with tensors decoded however they were sent."""

    status: int
    body: Any
    outputs: dict[str, np.ndarray[Any, Any]]

    @property
    def error(self) -> str:
        """The sentence of a refusal."""
        text: str = self.body["error"]
        return text


class Http:
    """Calls one predictor."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=60.0)

    def close(self) -> None:
        self._client.close()

    def get(self, path: str) -> Answer:
        return _answer(self._client.get(path))

    def post(self, path: str, body: Any = None) -> Answer:
        return _answer(self._client.post(path, json=body))

    def infer(self, model: str, body: Any) -> Answer:
        """body: what is to be JSON, NaN and half characters too; or bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        return _answer(self._client.post(f"/v2/models/{model}/infer", content=content, headers=headers))

    def infer_binary(self, model: str, body: Any, raw: bytes, *, length: str | None = None) -> Answer:
        """JSON with tensors in binary behind it. length: of the JSON, if another than the true one is to be told."""
        head = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {LENGTH: length or str(len(head)), "content-type": "application/octet-stream"}
        return _answer(self._client.post(f"/v2/models/{model}/infer", content=head + raw, headers=headers))


def tensor(name: str, array: Any, **more: Any) -> dict[str, Any]:
    """An input in JSON; NaN is null."""
    values = np.asarray(array)
    flat = [None if value != value else value for value in values.ravel().tolist()]  # noqa: PLR0124
    datatype = {"f": "FP64", "i": "INT64", "b": "BOOL"}[values.dtype.kind]
    return {"name": name, "shape": list(values.shape), "datatype": datatype, "data": flat, **more}


def text(name: str, values: list[str]) -> dict[str, Any]:
    """An input of strings."""
    return {"name": name, "shape": [len(values)], "datatype": "BYTES", "data": values}


def body(*inputs: Mapping[str, Any], outputs: list[Any] | None = None, **parameters: Any) -> dict[str, Any]:
    """A request. outputs: names, or objects."""
    made: dict[str, Any] = {"inputs": list(inputs)}
    if parameters:
        made["parameters"] = parameters
    if outputs is not None:
        made["outputs"] = [{"name": output} if isinstance(output, str) else output for output in outputs]
    return made


def _answer(response: httpx.Response) -> Answer:
    head, rest = response.content, b""
    if LENGTH in response.headers:
        head, rest = head[: int(response.headers[LENGTH])], head[int(response.headers[LENGTH]) :]
    decoded = json.loads(head)
    outputs = dict(_outputs(decoded, rest)) if isinstance(decoded, dict) and response.status_code == 200 else {}
    return Answer(response.status_code, decoded, outputs)


def _outputs(decoded: Mapping[str, Any], rest: bytes) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    for output in decoded.get("outputs", ()):
        if not isinstance(output.get("shape"), list) or "shape" not in output:
            continue
        size = (output.get("parameters") or {}).get("binary_data_size")
        if size is not None:
            values, rest = from_raw(output["datatype"], rest[:size]), rest[size:]
        elif "data" not in output:
            continue
        elif output["datatype"] == "BYTES":
            values = np.array(output["data"], object)
        else:
            data = [np.nan if value is None else value for value in output["data"]]
            values = np.array(data, {"FP64": float, "INT64": int, "BOOL": bool}[output["datatype"]])
        yield output["name"], values.reshape(output["shape"])


def state_bytes(value: str) -> bytes:
    """A state as JSON carries it."""
    return base64.b64decode(value, validate=True)
