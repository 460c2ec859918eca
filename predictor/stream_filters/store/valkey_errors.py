"""What redis-py raises, and what it means for a caller of the store."""

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from stream_filters.store.base import StoreError, StoreFullError, StoreUnavailableError
from stream_filters.store.valkey_url import ValkeyAddress

LOST = (RedisConnectionError, RedisTimeoutError, RedisClusterException, ClusterDownError, OSError)
FAILURES = (RedisError, RedisClusterException, OSError)
# what a server says that was the primary before: the name now leads to another one
DEMOTED = (ReadOnlyError, MasterDownError)
REASONS: tuple[tuple[type[Exception], str], ...] = (
    (BusyLoadingError, "is still loading its data"),
    (ReadOnlyError, "is a read-only replica; name the primary, or its sentinels"),
    (ClusterDownError, "is a cluster that is down"),
    (NoPermissionError, "does not permit this user the commands or keys that the store needs"),
    (AuthenticationError, "refused the user or the password"),
    (RedisTimeoutError, "did not answer in time"),
)


def explain(address: ValkeyAddress, error: Exception) -> StoreError:
    """The sentence for an error of redis-py's; it names the server and never the credentials."""
    text = str(error)
    if isinstance(error, OutOfMemoryError) or "OOM command not allowed" in text:
        return StoreFullError(f"{address} has no memory left for another value; raise its maxmemory")
    for kind, sentence in REASONS:
        if isinstance(error, kind):
            return StoreUnavailableError(f"{address} {sentence}")
    if isinstance(error, LOST):
        return StoreUnavailableError(f"{address} cannot be reached: {text}")
    return StoreUnavailableError(f"{address} refused: {text}")


def is_lost(result: object) -> bool:
    """Whether a second attempt may fare better: with the new primary after a failover, the server after a restart."""
    return isinstance(result, (*LOST, *DEMOTED)) and not isinstance(result, BusyLoadingError)


def is_answer(error: Exception) -> bool:
    """Whether it says something of one key, and not of the server."""
    return isinstance(error, NoScriptError) or (isinstance(error, ResponseError) and "WRONGTYPE" in str(error))
