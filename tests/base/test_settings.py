from typing import Any

import pytest

from kumihimo.base.settings import Settings, SettingsError, read_settings, reference


def test_later_sources_win() -> None:
    found = read_settings(
        toml='port = 1\nmqtt_port = 2\nlog_level = "DEBUG"',
        environ={"KUMIHIMO_PORT": "3", "KUMIHIMO_MQTT_PORT": "4", "OTHER": "x", "KUMIHIMO_TEST_REQUIRE_ALL": "1"},
        given={"port": 5, "host": None},
    )
    assert (found.port, found.mqtt_port, found.log_level, found.host) == (5, 4, "DEBUG", "localhost")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"toml": "prot = 1", "where": "k.toml"}, r"k\.toml.*'prot'.*'port'"),
        ({"toml": "port = ", "where": "k.toml"}, r"k\.toml: not TOML"),
        ({"toml": 'port = "80"', "where": "k.toml"}, "port must be int"),
        ({"environ": {"KUMIHIMO_PORT": "abc"}}, "KUMIHIMO_PORT is 'abc'"),
        ({"environ": {"KUMIHIMO_OPEN": "maybe"}}, "use true or false"),
        ({"environ": {"KUMIHIMO_NOPE": "1"}}, "no setting 'nope'"),
        ({"given": {"port": 70000}}, "port is 70000"),
        ({"given": {"open": True, "host": "0.0.0.0"}}, "refused on '0.0.0.0'"),
        ({"given": {"database_url": "mysql://x"}}, "postgresql://"),
        ({"given": {"mqtt_url": "http://x"}}, "mqtts://"),
        ({"given": {"mqtt_url": "mqtt://x", "mqtt_client_id": ""}}, "mqtt_client_id is empty"),
        ({"given": {"mqtt_tls_port": 8883, "mqtt_key": "k"}}, "mqtt_tls_port needs mqtt_certificate"),
        ({"given": {"mqtt_wss_port": 0}}, "mqtt_wss_port needs mqtt_certificate"),
        ({"given": {"mqtt_ws_port": -2}}, "mqtt_ws_port is -2"),
        ({"given": {"https_port": 8443}}, "https_port needs tls_certificate"),
        ({"given": {"https_device_port": 0, "tls_key": "k"}}, "https_device_port needs tls_certificate"),
        ({"given": {"https_port": 0, "tls_certificate": "c"}}, "tls_certificate and tls_key belong together"),
        ({"given": {"acme_hosts": ("a",), "tls_certificate": "c", "tls_key": "k"}}, "contradict each other"),
        ({"given": {"mail_folder": "mail"}}, "mail_folder needs smtp_from"),
        (
            {"given": {"mail_folder": "mail", "smtp_url": "smtp://localhost", "smtp_from": "a@example.jp"}},
            "name one",
        ),
        ({"given": {"acme_hosts": ("a",), "port": -1, "https_port": 443}}, "acme_hosts needs port"),
        ({"given": {"acme_hosts": ("a",), "acme_directory": "http://x"}}, "acme_directory must begin with https"),
        ({"given": {"port": -1}}, "port is -1, and so is https_port"),
        ({"given": {"trusted_proxies": ("10.0.0.0/8", "proxy.example")}}, "trusted_proxies: 'proxy.example'"),
        ({"given": {"mqtt_max_clients": 0}}, "mqtt_max_clients is 0"),
        ({"given": {"mqtt_keep_alive": 65_536}}, "mqtt_keep_alive is 65536"),
        ({"given": {"http_device_rate": -1.0}}, "http_device_rate is -1"),
        ({"given": {"http_tenant_rate": float("nan")}}, "http_tenant_rate is nan"),
        ({"given": {"http_client_rate": float("inf")}}, "http_client_rate is inf"),
        ({"given": {"mqtt_session_expiry": -1}}, "mqtt_session_expiry is -1"),
        ({"given": {"token_seconds": 59}}, "token_seconds is 59; use 60 to 3600"),
        ({"given": {"token_seconds": 3601}}, "token_seconds is 3601"),
        ({"given": {"refresh_seconds": 3599}}, "refresh_seconds is 3599; use 3600 to 15552000"),
    ],
)
def test_a_wrong_setting_says_which_and_where(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_settings(**options)


def test_one_certificate_does_for_http_and_mqtt() -> None:
    found = Settings(port=-1, https_port=443, mqtt_tls_port=8883, mqtt_wss_port=0, tls_certificate="c", tls_key="k")
    assert (found.tls_certificate, found.mqtt_certificate) == ("c", "")


def test_lists_come_from_commas() -> None:
    assert read_settings(environ={"KUMIHIMO_CONTEXT_HOSTS": "a.example, b.example,"}).context_hosts == (
        "a.example",
        "b.example",
    )


def test_the_key_of_the_commands_that_pages_show_is_no_setting() -> None:
    assert read_settings(environ={"KUMIHIMO_KEY": "kmh_x", "KUMIHIMO_CONFIG": "k.toml"}) == Settings()


def test_every_setting_has_a_meaning() -> None:
    rows = reference()
    assert len(rows) == len(Settings.__dataclass_fields__)
    assert all(meaning for *_, meaning in rows)


@pytest.mark.parametrize("name", ["login_idle", "login_absolute"])
@pytest.mark.parametrize("value", [0.0, 59.0, float("nan"), float("inf"), 1e9])
def test_a_log_in_lasts_a_minute_to_a_month(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings(given={name: value})
    assert getattr(read_settings(given={name: 60.0}), name) == 60.0
