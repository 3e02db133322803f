"""The connection that only asks: what it sends, and when it is not used again."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import ResponseError, TimeoutError  # noqa: A004 - redis-py's own

from enc.inventory.thread_connection import Line, packed


class Connection:
    """Answers as it was told to, one answer or error after the other, and records."""

    answers: list[Any] = []  # noqa: RUF012 - a new class for each test
    done: list[str] = []  # noqa: RUF012 - likewise

    def send_packed_command(self, command: list[bytes]) -> None:
        self.done.append(b"".join(command).decode())

    def read_response(self) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def disconnect(self) -> None:
        self.done.append("disconnect")


class Pool:
    connection_kwargs: dict[str, Any] = {}  # noqa: RUF012 - as redis-py has it

    def __init__(self, *answers: Any) -> None:
        told: dict[str, Any] = {"answers": list(answers), "done": []}
        self.connection_class = type("Told", (Connection,), told)


class Client:
    def __init__(self, *answers: Any) -> None:
        self.connection_pool = Pool(*answers)

    @property
    def done(self) -> list[str]:
        done: list[str] = self.connection_pool.connection_class.done
        return done


def test_a_command_is_packed_by_its_bytes() -> None:
    assert packed("GET", "é") == b"*2\r\n$3\r\nGET\r\n$2\r\n\xc3\xa9\r\n"


def test_an_answer_is_given() -> None:
    client = Client("yes", "no")
    line = Line(client)  # type: ignore[arg-type]
    assert [line.ask(b"a"), line.ask(b"b")] == ["yes", "no"]
    assert client.done == ["a", "b"]


def test_a_refusal_leaves_the_connection_as_it_is() -> None:
    client = Client(ResponseError("NOPERM"), "yes")
    line = Line(client)  # type: ignore[arg-type]
    with pytest.raises(ResponseError):
        line.ask(b"a")
    assert line.ask(b"b") == "yes"
    assert client.done == ["a", "b"]


@pytest.mark.parametrize("error", [TimeoutError(), KeyboardInterrupt(), SystemExit(), ValueError()])
def test_a_connection_with_half_an_answer_is_not_used_again(error: BaseException) -> None:
    client = Client(error)
    with pytest.raises(type(error)):
        Line(client).ask(b"a")  # type: ignore[arg-type]
    assert client.done == ["a", "disconnect"]
