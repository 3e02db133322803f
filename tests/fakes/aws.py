"""An AWS client that answers from a list and writes down what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError


@dataclass
class FakeAws:
    """A client factory and all its clients. ``answers``: method -> what it says, call by call.

    The last one stays. An exception is raised.
    """

    answers: dict[str, list[Any]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    made: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, service: str, region: str) -> FakeAws:
        self.made.append((service, region))
        return self

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)

        def call(**parameters: Any) -> Any:
            self.calls.append((method, parameters))
            said = self.answers.get(method, [{}])
            answer = said.pop(0) if len(said) > 1 else said[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [parameters for called, parameters in self.calls if called == method]


def refusal(code: str, message: str = "no", status: int = 400) -> ClientError:
    error = {"Code": code, "Message": message}
    return ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}, "Any")
