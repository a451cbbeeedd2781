"""Broker URLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from claimx_pipeline.broker.url import kafka_hosts, sqlite_path
from claimx_pipeline.errors import SettingsError


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("kafka://localhost:9092", ("localhost:9092",)),
        ("kafka://a:1,b:2", ("a:1", "b:2")),
        ("kafka://a,b/", ("a:9092", "b:9092")),
        ("kafka://[::1]:9093", ("[::1]:9093",)),
        ("kafka://[::1]", ("[::1]:9092",)),
    ],
)
def test_kafka_hosts_are_read(url, hosts):
    assert kafka_hosts(url) == hosts


@pytest.mark.parametrize(
    "url",
    [
        "kafka://",
        "kafka:/a:1",
        "kafka://a:x",
        "kafka://a:0",
        "kafka://a:65536",
        "kafka://a:1,",
        "kafka://:9092",
        "kafka://a:",
        "kafka://a:1/topic",
        "kafka://a:1?x=1",
        "kafka://[::1",
        "kafka://[::1]x",
        "sqlite:///x",
    ],
)
def test_a_malformed_kafka_url_is_refused_naming_the_setting(url):
    with pytest.raises(SettingsError, match=r"^broker\.url: "):
        kafka_hosts(url)


def test_credentials_in_a_url_are_refused_without_showing_them():
    with pytest.raises(SettingsError, match=r"broker\.kafka\.password") as refused:
        kafka_hosts("kafka://me:hush@host:9092")
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///./claimx-data/broker.db", Path("claimx-data/broker.db")),
        ("sqlite:///broker.db", Path("broker.db")),
        ("sqlite:////var/lib/broker.db", Path("/var/lib/broker.db")),
        ("sqlite:///~/broker.db", Path("~/broker.db").expanduser()),
    ],
)
def test_the_file_of_the_embedded_broker_is_read(url, path):
    assert sqlite_path(url) == path


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite://broker.db", "sqlite:///dir/"])
def test_a_malformed_sqlite_url_is_refused_naming_the_setting(url):
    with pytest.raises(SettingsError, match=r"^broker\.url: "):
        sqlite_path(url)
