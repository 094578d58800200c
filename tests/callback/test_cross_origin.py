"""Web pages of named origins may use the service from a browser, others may not."""

from __future__ import annotations

import pytest

from services.callback.api import cross_origin
from shared.api import create_app
from shared.database import Database

CRM = "https://crm.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}


def test_a_page_of_a_named_origin_may_ask(database: Database):
    app, _ = create_app("callback", database=database)
    cross_origin.allow(app, (CRM,))
    client = app.test_client()
    asked = client.options("/health", headers={"Origin": CRM, **PREFLIGHT})
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == CRM
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert "Idempotency-Key" in asked.headers["Access-Control-Allow-Headers"]
    answer = client.get("/health", headers={"Origin": CRM})
    assert answer.headers["Access-Control-Allow-Origin"] == CRM
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(("allowed", "origin"), [
    ((CRM,), "https://evil.example"), ((CRM,), "null"), ((CRM,), "http://crm.example.com"), ((), CRM),
    ((CRM,), f"{CRM}.evil.example"),
])
def test_another_page_may_not(database: Database, allowed: tuple[str, ...], origin: str):
    app, _ = create_app("callback", database=database)
    cross_origin.allow(app, allowed)
    for answer in (app.test_client().options("/health", headers={"Origin": origin, **PREFLIGHT}),
                   app.test_client().get("/health", headers={"Origin": origin})):
        assert "Access-Control-Allow-Origin" not in answer.headers
