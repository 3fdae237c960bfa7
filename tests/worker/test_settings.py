"""A wrong setting is named, and its value, which may be a secret, is not."""

from __future__ import annotations

import pytest

from worker.settings import Settings, SettingsInvalid, load_settings

URL = "postgresql://holdfast:geheim@db/holdfast"


def test_a_missing_database_url_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HOLDFAST_DATABASE_URL", raising=False)
    with pytest.raises(SettingsInvalid, match=r"^HOLDFAST_DATABASE_URL is not set$"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HOLDFAST_DATABASE_URL", "mysql://holdfast:geheim@db/holdfast"),
        ("HOLDFAST_DATABASE_URL", "geheim"),
        ("HOLDFAST_ACTIVITY_SLOTS", "0"),
        ("HOLDFAST_ACTIVITY_SLOTS", "many"),
        ("HOLDFAST_CACHED_WORKFLOWS", "99"),
        ("HOLDFAST_EXPIRIES_PER_SECOND", "0"),
        ("HOLDFAST_HOLD_SECONDS_CAP", "-1"),
        ("HOLDFAST_RECONCILE_INTERVAL_SECONDS", "0"),
        ("HOLDFAST_LOG_LEVEL", "loud"),
        ("HOLDFAST_LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_setting_is_named_and_no_password_is_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
):
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", URL)
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid) as raised:
        load_settings()
    assert str(raised.value).startswith(variable)
    assert "geheim" not in str(raised.value)


def test_several_wrong_settings_are_named_together(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", URL)
    monkeypatch.setenv("HOLDFAST_ACTIVITY_SLOTS", "0")
    monkeypatch.setenv("HOLDFAST_LOG_LEVEL", "loud")
    with pytest.raises(SettingsInvalid) as raised:
        load_settings()
    assert len(str(raised.value).splitlines()) == 2


def test_the_database_password_is_in_no_representation_of_the_settings():
    assert "geheim" not in repr(Settings(database_url=URL))


def test_there_is_a_connection_for_every_ledger_call_that_can_run_at_once():
    settings = Settings(database_url=URL, activity_slots=7)
    assert settings.connections_max == 14
