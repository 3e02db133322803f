"""What the tests of the web service share."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from enc.inventory import Inventory
from tests.service.web import app_on


@pytest.fixture
def client(inventory: Inventory) -> FlaskClient:
    return app_on(inventory).test_client()
