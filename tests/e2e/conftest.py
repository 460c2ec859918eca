"""A release of the chart in a cluster that has KServe: `make kind-test`, or E2E=1 pytest tests/e2e.

Everything comes from the kubeconfig's current context, or from these variables: E2E_CONTEXT, E2E_NAMESPACE (made, and
deleted at the end unless E2E_KEEP is set), E2E_IMAGE, E2E_CLIENT_IMAGE, E2E_VALKEY_IMAGE.
"""

import os
from collections.abc import Iterator

import pytest

from tests.e2e.cluster import Cluster

# Without a cluster there is nothing to collect; a run that asks for one and has none fails.
collect_ignore_glob = [] if os.environ.get("E2E") else ["test_*.py"]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster, with a release of the chart that is ready."""
    found = Cluster.from_environment()
    found.install()
    yield found
    if not os.environ.get("E2E_KEEP"):
        found.remove()
