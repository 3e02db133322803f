"""What is said of Redis' errors, and what never is."""

from __future__ import annotations

import pytest
from redis import exceptions

from enc.inventory import CorruptError, StoreUnavailableError
from enc.inventory.errors import as_ours

SECRET = "5ec4e7"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"Command # 2 (HSET launch:l-1 key {SECRET}) of pipeline caused error: no such thing",
            "Redis says: no such thing",
        ),
        (
            f"unknown command 'HSET', with args beginning with: 'launch:l-1' 'key' '{SECRET}'",
            "Redis says: unknown command 'HSET'",
        ),
        (f"bad thing\n{SECRET}", "Redis says: bad thing"),
        (
            "command not allowed script: " + "a" * 40 + f", on @user_script:9. {SECRET}",
            "Redis says: command not allowed",
        ),
        (
            f"Error running script (call to f_{SECRET}): @user_script:9: @user_script: 9: -no",
            "Redis says: no",
        ),
    ],
)
def test_an_error_is_told_without_what_was_sent(text: str, said: str) -> None:
    error = as_ours(exceptions.ResponseError(text), "launch:l-1")
    assert isinstance(error, StoreUnavailableError)
    assert str(error) == said


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (exceptions.ReadOnlyError("You can't write against a read only replica."), "primary"),
        (exceptions.OutOfMemoryError("command not allowed"), "maxmemory"),
        (exceptions.ResponseError("MISCONF Redis is configured to save"), "make space there"),
        (exceptions.NoPermissionError("this user has no permissions"), r"docs/redis\.md"),
        (exceptions.ResponseError("The user executing the script can't access"), r"docs/redis\.md"),
        (
            exceptions.ResponseError("ACL failure in script: No permissions to access a key"),
            r"docs/redis\.md",
        ),
        (exceptions.BusyLoadingError("Redis is loading"), "in a minute"),
        (exceptions.ResponseError("BUSY Redis is busy running a script"), "SCRIPT KILL"),
        (exceptions.ResponseError("NOREPLICAS Not enough good replicas"), "min-replicas-to-write"),
        (exceptions.ResponseError("DB index is out of range"), "behind the last / of REDIS_URL"),
        (exceptions.ResponseError("DENIED Redis is running in protected mode"), "a password"),
        (exceptions.ConnectionError("max number of clients reached"), "raise maxclients"),
        (exceptions.MovedError("3999 10.0.0.2:6381"), "Redis Cluster.*cluster mode off"),
        (exceptions.AskError("3999 10.0.0.2:6381"), "Redis Cluster"),
        (exceptions.ClusterDownError("Hash slot not served"), "Redis Cluster"),
        (exceptions.ClusterCrossSlotError("Keys don't hash to the same slot"), "Redis Cluster"),
        (exceptions.TryAgainError("Multiple keys request"), "Redis Cluster"),
        (exceptions.ResponseError("SELECT is not allowed in cluster mode"), "Redis Cluster"),
        (
            exceptions.ResponseError(
                "Script attempted to access a non local key in a cluster node script: abc"
            ),
            "Redis Cluster",
        ),
        (exceptions.AuthenticationError("invalid username-password pair"), "REDIS_URL"),
        (exceptions.TimeoutError("Timeout reading from socket"), "overloaded"),
        (exceptions.ConnectionError("Connection refused"), "is it running"),
        (exceptions.InvalidResponse("Protocol Error"), "is it running"),
        (OSError("No route to host"), "is it running"),
    ],
)
def test_an_error_says_what_to_do(error: Exception, remedy: str) -> None:
    with pytest.raises(StoreUnavailableError, match=remedy):
        raise as_ours(error, "x")


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ResponseError("WRONGTYPE Operation against a key"),
        exceptions.ResponseError("Command # 1 (GET x) of pipeline caused error: WRONGTYPE Op"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
)
def test_a_value_that_is_not_ours_names_its_key(error: Exception) -> None:
    with pytest.raises(CorruptError, match=r"^node:x in Redis ") as caught:
        raise as_ours(error, "node:x")
    assert caught.value.key == "node:x"
