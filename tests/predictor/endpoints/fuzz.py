"""Requests that are wrong at the level of bytes: `python -m tests.predictor.endpoints.fuzz ADDRESS COUNT [SEED]`.

Mutations of whole requests (cut, flipped, repeated, spliced) and of their tensors (shapes that lie, giant dimensions,
raw contents that are cut off, the same input twice, text that is none, thousands of parameters). Every other one goes
through streaming calls. A finding is any code that blames the server, or no answer at all.
"""

import random
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from stream_filters_client.wire import inference_pb2 as wire

from tests.predictor.endpoints.calls import METHOD, request

CORPUS = Path(__file__).parent / "corpus"
BLAMES_THE_SERVER = {"NO ANSWER", "INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "DATA_LOSS", "CANCELLED"}
_MODEL = "running_mean"


def mutated(seed: int) -> Iterator[bytes]:
    """Wrong requests without end."""
    chance = random.Random(seed)
    seeds = [*(file.read_bytes() for file in sorted(CORPUS.iterdir())), request(_MODEL, "fuzz", 0).SerializeToString()]
    while True:
        data = chance.choice(seeds)
        yield chance.choice((_cut, _flip, _repeat, _splice, _lie))(chance, data)


def _cut(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _flip(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _repeat(chance: random.Random, data: bytes) -> bytes:
    return data * chance.randint(2, 5)


def _splice(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.randbytes(chance.randint(1, 64)) + data[at:]


def _lie(chance: random.Random, _: bytes) -> bytes:
    message = request(_MODEL, "fuzz", 0)
    tensor = message.inputs[0]
    match chance.randrange(8):
        case 0:
            tensor.shape[:] = [chance.choice([-1, 0, 2, 2**31, 2**62]) for _ in range(chance.randint(0, 4))]
        case 1:
            message.raw_input_contents[0] = chance.randbytes(chance.randint(0, 40))
        case 6:
            tensor.shape[:] = [chance.choice([2**20, 2**40, 2**62])] * chance.randint(1, 12)
        case 7:
            name = chance.choice([b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\0", b""])
            message.inputs.add(name="sequence_ids", datatype="BYTES", shape=[1])
            message.raw_input_contents.append(len(name).to_bytes(4, "little") + name)
        case 2:
            tensor.datatype = chance.choice(["", "FP63", "BYTES", "fp64", "INT64", "BOOL", "FP16"])
        case 3:
            message.inputs.add(name=chance.choice(["observations", "state", "sequence_ids", "\0"]), datatype="BYTES")
            message.raw_input_contents.append(chance.randbytes(12))
        case 4:
            for index in range(10_000):
                message.parameters[str(index)].int64_param = index
        case _:
            message.parameters["config"].string_param = "[" * chance.choice([1, 1_000, 12_000])
    data: bytes = message.SerializeToString()
    # text that is not UTF-8 cannot be written, only be made so afterwards
    return data if chance.random() < 0.9 else data.replace(_MODEL.encode(), b"running_mea\xff")


def findings(address: str, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """The code and the bytes of every request that the server took the blame for."""
    with grpc.insecure_channel(address) as channel:
        infer: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        for index, data in zip(range(count), mutated(seed), strict=False):
            code = _streamed(channel, data) if index % 2 else _code(infer.future(data, timeout=20).exception())
            if code in BLAMES_THE_SERVER:
                yield code, data
        answer = wire.ModelInferResponse.FromString(infer(request(_MODEL, "alive", 0).SerializeToString(), timeout=20))
        if answer.parameters["next_offset"].int64_param != 1:
            yield "NO ANSWER", b""


def _streamed(channel: grpc.Channel, data: bytes) -> str:
    """The code of the answer to a request in a streaming call, which answers the next one too."""
    call: Any = channel.stream_stream(METHOD, response_deserializer=wire.ModelStreamInferResponse.FromString)
    sane = request(_MODEL, "alive too", 0).SerializeToString()
    try:
        told, after = call(iter([data, sane]), timeout=20)
    except grpc.RpcError as error:
        return _code(error)
    except ValueError:
        return "NO ANSWER"
    return "NO ANSWER" if after.error_message else str(told.infer_response.parameters["code"].string_param)


def _code(error: Any) -> str:
    return str(error.code().name) if isinstance(error, grpc.RpcError) else "OK"


def main() -> int:
    """Fuzz a running predictor; keep what is found in the corpus. Returns 1 when there is something."""
    address, count = sys.argv[1], int(sys.argv[2])
    found = 0
    for code, data in findings(address, count, int(sys.argv[3]) if len(sys.argv) > 3 else 0):
        found += 1
        name = f"found-{zlib.crc32(data):08x}"
        (CORPUS / name).write_bytes(data)
        print(f"{code}: kept as {name}")
    print(f"{count} requests, {found} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
