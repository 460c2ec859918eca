"""A server that goes down waits for what is in work, and no longer than it may."""

import asyncio

import pytest
from stream_filters.endpoints.admission import Admission, AdmissionInterceptor

DEADLINE_SECONDS = 60.0


@pytest.fixture
def admission() -> Admission:
    return Admission(2)


@pytest.fixture
def interceptor(admission: Admission) -> AdmissionInterceptor:
    return AdmissionInterceptor({"/service/Method": admission})


async def test_the_end_waits_until_nothing_is_in_work(admission: Admission, interceptor: AdmissionInterceptor) -> None:
    with admission:
        finishing = asyncio.create_task(interceptor.finish(DEADLINE_SECONDS))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not finishing.done()
    await asyncio.wait_for(finishing, DEADLINE_SECONDS)


async def test_the_end_does_not_wait_for_ever(admission: Admission, interceptor: AdmissionInterceptor) -> None:
    with admission:
        await asyncio.wait_for(interceptor.finish(0.0), DEADLINE_SECONDS)
        assert admission.in_work == 1
