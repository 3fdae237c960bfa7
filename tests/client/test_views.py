"""The ready-made views: queries that Temporal takes, and links that carry them unchanged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import pytest
from temporalio.client import Client

from holdfast_client import SummaryStatus
from holdfast_client.cli.views import View, ready_made_views
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.summaries import CheckoutFilter
from holdfast_client.transport.listing import visibility_query

NOW = datetime(2031, 3, 14, 9, 26, 53, tzinfo=UTC)


def views(**about: str) -> dict[str, View]:
    return {view.name: view for view in ready_made_views(NOW, **about)}


@pytest.mark.parametrize("name", views())
async def test_temporal_takes_the_query_of_each_view(temporal_client: Client, name: str) -> None:
    view = views(sku="it's MUG-01", customer_id="o'neil")[name]
    assert (await temporal_client.count_workflows(view.query)).count == 0


def test_a_view_that_lasts_is_the_same_whenever_it_is_printed() -> None:
    now, later = (
        {view.name: view for view in ready_made_views(at)} for at in (NOW, NOW + timedelta(days=3))
    )
    assert {name for name in now if now[name] != later[name]} == {"open too long"}
    assert [name for name, view in now.items() if not view.lasts] == ["open too long"]
    assert "do not keep it" in now["open too long"].shows


def test_the_day_before_is_counted_from_one_moment_wherever_it_is_printed() -> None:
    here = NOW.astimezone(timezone(timedelta(hours=-10)))
    assert ready_made_views(here) == ready_made_views(NOW)


def test_what_is_held_no_more_because_its_workflow_was_terminated_is_not_held() -> None:
    assert "ExecutionStatus = 'Running'" in views()["held"].query


@pytest.mark.parametrize("status", ["held", "fulfilled", "unavailable", "interrupted"])
def test_a_view_and_the_list_find_a_status_by_the_same_conditions(status: SummaryStatus) -> None:
    name = "paid" if status == "fulfilled" else status
    wanted = visibility_query(CheckoutFilter(status=status))
    assert set(views()[name].query.split(" AND ")) <= set(wanted.split(" AND "))


def test_a_link_carries_its_query_through_quotes_and_spaces() -> None:
    view = views(customer_id="a b & c+d'e#f%")["all"]
    link = urlsplit(view.url("https://temporal.example/", "shop/eu 1"))
    assert link.path == "/namespaces/shop%2Feu%201/workflows"
    assert parse_qs(link.query) == {"query": [view.query]}
    assert view.query.endswith("CustomerId = 'a b & c+d''e#f%'")


@pytest.mark.parametrize(
    ("about", "field"), [({"sku": ' MUG"'}, "sku"), ({"customer_id": 'a"b'}, "customer_id")]
)
def test_what_cannot_be_searched_for_is_refused(about: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        views(**about)
    assert refused.value.field == field
