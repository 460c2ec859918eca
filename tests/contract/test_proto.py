"""stream_filters.proto is what the predictor serves, and says of itself by reflection."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_tools import protoc

from tests.predictor.models import MEAN, posterior_means
from tests.predictor.process import PredictorProcess
from tests.predictor.v2 import decode, message, pb

WIRE = Path(__file__).parents[2] / "predictor" / "stream_filters" / "wire"
OWN, KSERVE = "inference.StreamFilters", "inference.GRPCInferenceService"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The file as another language's protoc reads it, beside KServe's."""
    folder = tmp_path_factory.mktemp("proto")
    kserve = descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(kserve)
    (folder / "kserve").write_bytes(descriptor_pb2.FileDescriptorSet(file=[kserve]).SerializeToString())
    words = [
        f"--descriptor_set_in={folder / 'kserve'}",
        f"--proto_path={WIRE}",
        f"--descriptor_set_out={folder / 'own'}",
    ]
    assert protoc.main(["protoc", *words, "stream_filters.proto"]) == 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(kserve)
    return pool.AddSerializedFile(
        descriptor_pb2.FileDescriptorSet.FromString((folder / "own").read_bytes()).file[0].SerializeToString()
    )


@pytest.fixture(scope="module")
def channel(served: PredictorProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(served.grpc_address) as channel:
        yield channel


def shape(kind: Any) -> list[Any]:
    """The fields of a message, by number: name, type, and the message's name."""
    return [
        (field.number, field.name, field.type, field.is_repeated, field.message_type and field.message_type.full_name)
        for field in kind.fields
    ]


@pytest.mark.parametrize("service", [OWN, KSERVE])
def test_reflection_says_what_is_in_the_file(channel: grpc.Channel, compiled: Any, service: str) -> None:
    said = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel)).FindServiceByName(service)
    for method in compiled.services_by_name["StreamFilters"].methods:
        served = said.methods_by_name[method.name]
        assert (served.client_streaming, served.server_streaming) == (method.client_streaming, method.server_streaming)
        for here, there in ((method.input_type, served.input_type), (method.output_type, served.output_type)):
            assert (here.full_name, shape(here)) == (there.full_name, shape(there))
    if service == OWN:
        assert len(said.methods) == len(compiled.services_by_name["StreamFilters"].methods)


def test_what_is_made_from_the_file_drives_a_stream_and_finds_it(channel: grpc.Channel, compiled: Any) -> None:
    listed, names = (GetMessageClass(compiled.message_types_by_name[f"ModelSequences{end}"]) for end in WORDS)
    answer = GetMessageClass(compiled.message_types_by_name["ModelStreamInferResponse"])
    infer: Any = channel.stream_stream(
        f"/{OWN}/ModelStreamInfer",
        request_serializer=pb.ModelInferRequest.SerializeToString,
        response_deserializer=answer.FromString,
    )
    parameters: list[dict[str, Any]] = [{"sequence_start": True, "offset": 0}, {"offset": 1}, {"offset": 7}]
    requests = [message(MEAN, {"observations": [2.0]}, sequence_id="from proto", **more) for more in parameters]
    told = list(infer(iter(requests), timeout=60))
    replies = [decode(pb.ModelInferResponse.FromString(one.infer_response.SerializeToString())) for one in told]
    np.testing.assert_allclose([reply["mean"][0] for reply in replies[:2]], posterior_means([2.0, 2.0]))
    assert [bool(one.error_message) for one in told] == [False, False, True]
    facts = {"code": "FAILED_PRECONDITION", "refusal": "wrong-offset", "next_offset": 2}
    assert replies[2].parameters == facts
    ask: Any = channel.unary_unary(
        f"/{OWN}/ModelSequences", request_serializer=listed.SerializeToString, response_deserializer=names.FromString
    )
    found, after = [], ""
    while True:
        page = ask(listed(model_name=MEAN, after=after), timeout=60)
        found += page.sequence_ids
        after = page.next
        if not after:
            break
    assert "from proto" in found


WORDS = ("Request", "Response")
