"""Every setting, once: its name, its meaning, its default. `docs/reference/settings.md` is made from this file.

A setting is read from (later wins): its default, the TOML file, the environment (`KUMIHIMO_<NAME>`), the
command line. Pure: the caller hands in the file's text and the environment.
"""

from __future__ import annotations

import difflib
import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

PREFIX = "KUMIHIMO_"
FOREIGN_PREFIXES = ("KUMIHIMO_TEST_",)
NO_SETTINGS = ("KUMIHIMO_CONFIG", "KUMIHIMO_KEY")
"""Variables beside the settings: the file that holds them, and the API key of the commands that pages show."""
MAX_DRAIN = 3600
MAX_RATE = 1_000_000
MAX_REFRESH = 180 * 24 * 3600
MAX_SESSION_EXPIRY = 366 * 24 * 3600
MAX_LOGIN = 30 * 24 * 3600
DATA = "data"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SettingsError(Exception):
    """A setting is unknown, has no such value, or contradicts another; the message says which and what to do."""


def _setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a running platform."""

    data: str = _setting(DATA, "Folder that holds everything the platform keeps (SQLite files, socket, lock).")
    host: str = _setting("localhost", "Address that HTTP and MQTT listen on.")
    port: int = _setting(
        8080, "Port of the HTTP listener; 0 takes any free one, -1 starts none beside that of `https_port`."
    )
    https_port: int = _setting(
        -1, "Port of HTTP with TLS, usually 443 or 8443; needs `tls_certificate` and `tls_key`; -1 starts none."
    )
    https_device_port: int = _setting(
        -1,
        "Port of HTTP with TLS for devices: as `https_port`, and a client may show a certificate of its own there "
        "(browsers, which would ask their users for one, are better off at `https_port`); -1 starts none.",
    )
    tls_certificate: str = _setting(
        "",
        "PEM file of the certificate, with its chain, that HTTP with TLS shows, and MQTT with TLS where "
        "`mqtt_certificate` is empty; read again when it is renewed.",
    )
    tls_key: str = _setting("", "PEM file of the key of `tls_certificate`.")
    acme_hosts: tuple[str, ...] = _setting(
        (),
        "Host names for which a certificate is had by ACME (RFC 8555, http-01) and renewed, in place of "
        "`tls_certificate`; needs `kumihimo[acme]`, and port 80 of each host must lead to `port`. By naming them you "
        "agree to the terms of the authority behind `acme_directory`.",
    )
    acme_directory: str = _setting(
        "https://acme-v02.api.letsencrypt.org/directory", "The directory of the ACME authority."
    )
    acme_email: str = _setting("", "Address to which the ACME authority may write of certificates that run out.")
    device_certificate_days: int = _setting(
        365, "Days for which a device's certificate is good; it renews itself with the one that it has."
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Addresses or CIDR blocks of proxies that are believed in what they say of a request's way (Forwarded, or "
        "X-Forwarded-For, -Proto and -Host, which they must write themselves); from all others it is ignored.",
    )
    mqtt_port: int = _setting(1883, "Port of the MQTT listener; 0 takes any free one, -1 starts none.")
    mqtt_tls_port: int = _setting(
        -1,
        "Port of MQTT with TLS, usually 8883; needs `mqtt_certificate` and `mqtt_key`, or `tls_certificate` and "
        "`tls_key`; a client may show a certificate of its own; -1 starts none.",
    )
    mqtt_ws_port: int = _setting(-1, "Port of MQTT over WebSocket, at /mqtt; -1 starts none.")
    mqtt_wss_port: int = _setting(
        -1, "Port of MQTT over WebSocket with TLS, at /mqtt, as `mqtt_tls_port`; -1 starts none."
    )
    mqtt_certificate: str = _setting(
        "", "PEM file of the certificate, with its chain, that MQTT with TLS shows; read again when it is renewed."
    )
    mqtt_key: str = _setting("", "PEM file of the key of `mqtt_certificate`.")
    mqtt_max_clients: int = _setting(
        10_000, "MQTT clients that may be connected at once; each takes one open file of this process."
    )
    mqtt_keep_alive: int = _setting(
        3600, "Longest keep-alive in seconds; an MQTT 5 client that asks for more, or for none, is given this."
    )
    mqtt_session_expiry: int = _setting(
        7 * 24 * 3600,
        "Longest time in seconds that an MQTT session, with what waits for it, outlasts its connection; 0 keeps none.",
    )
    mqtt_closed_topics: tuple[str, ...] = _setting(
        (), "Topic filters that clients without a key may neither publish nor subscribe to under `open`."
    )
    mqtt_url: str = _setting(
        "",
        "mqtt://user:password@host:1883 (mqtts:// with TLS) of an outside MQTT 5 broker whose devices are taken in "
        "too; empty is none. No device logs in to the platform then: whoever may publish to kumihimo/… at that broker "
        "speaks for any device, so let the broker check who writes to which topic.",
    )
    mqtt_client_id: str = _setting(
        "kumihimo", "Name under which the outside broker of `mqtt_url` keeps our session; one for each platform."
    )
    open: bool = _setting(
        False,
        "Serves without log-in, for tests and closed networks; refused on any address but loopback. "
        "Tenants are made on demand and MQTT outside device topics is open.",
    )
    login_idle: float = _setting(3600.0, "Seconds after which a log-in that nobody uses ends.")
    login_absolute: float = _setting(12 * 3600.0, "Seconds after which every log-in ends, used or not.")
    database_url: str = _setting(
        "", "postgresql://user:password@host/name chooses PostgreSQL with PostGIS; empty is SQLite in `data`."
    )
    context_preload: str = _setting(
        "", "Folder of @context files with an index.toml (URL = file name), so that none is fetched."
    )
    context_hosts: tuple[str, ...] = _setting(
        (), "Hosts from which a remote @context may be fetched; empty fetches none."
    )
    public_address: str = _setting(
        "",
        "Address under which others reach the platform, such as https://data.example.jp behind a proxy; @contexts "
        "that it hosts are named by it. Empty is the listener's own address.",
    )
    outbound_private: bool = _setting(
        False, "Lets notifications and fetches go to private and loopback addresses (closed networks)."
    )
    outbound_hosts: tuple[str, ...] = _setting(
        (), "Single hosts (host:port or CIDR) that outbound requests may reach although they are private."
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (), "Host header names that are answered beside localhost and `host` (against DNS rebinding)."
    )
    max_body: int = _setting(8 * 1024 * 1024, "Largest HTTP body in bytes.")
    http_device_rate: float = _setting(
        100.0,
        "Messages that one device may send over HTTP each second, on average over ten seconds; what is more is "
        "answered 429 with Retry-After. 0 sets no limit. (Over MQTT a client is read more slowly instead.)",
    )
    http_tenant_rate: float = _setting(
        0.0,
        "HTTP requests that may concern one tenant each second, on average over ten seconds; what is more is answered "
        "429 with Retry-After. 0 sets no limit.",
    )
    http_client_rate: float = _setting(
        0.0,
        "HTTP requests that may come from one address each second, as `http_tenant_rate`. 0 sets no limit, as it must "
        "where a proxy stands before the platform that is not in `trusted_proxies`: all clients have its address then.",
    )
    token_seconds: int = _setting(
        600, "Seconds for which an access token is good, 60 to 3600; what was revoked is refused before that."
    )
    refresh_seconds: int = _setting(
        30 * 24 * 3600,
        "Seconds for which an application may refresh the tokens of a person's log-in, from an hour to 180 days.",
    )
    command_hold: float = _setting(
        600.0, "Seconds for which a graver message on a sign is held against a lesser one, unless override is said."
    )
    temporal_instances: int = _setting(
        10_000, "Instances of one attribute in an answer about the past; beyond it the answer is a part (206)."
    )
    order_collation: str = _setting(
        "und",
        "Language tag (RFC 6067) of the collation by which texts are ordered where a query names none: und is the "
        "specification's, ja puts kanji in the order of JIS, und-u-co-direct orders by code points.",
    )
    map_tiles: str = _setting(
        "",
        "URL template of raster tiles shown under the map, for example 国土地理院's "
        "https://cyberjapandata.gsi.go.jp/xyz/pale/{z}/{x}/{y}.png; empty uses the offline base map.",
    )
    map_credit: str = _setting("国土地理院", "Credit shown with `map_tiles`.")
    smtp_url: str = _setting(
        "",
        "smtp://user:password@host:587 (smtps:// with TLS from the first byte) of the mail server by which notices go "
        "to people; STARTTLS is needed but to this machine itself. Empty sends no mail.",
    )
    mail_folder: str = _setting(
        "",
        "Folder (Maildir) into which letters are put instead of being sent: for a mail system that takes them from "
        "there, or to try notices out. The demo uses one in its data folder.",
    )
    smtp_from: str = _setting(
        "", "Address from which notices come, as address or `name <address>`; `smtp_url` and `mail_folder` need it."
    )
    smtp_password_file: str = _setting("", "File that holds the password for `smtp_url` in place of the address.")
    log_level: str = _setting("INFO", "DEBUG, INFO, WARNING or ERROR.")
    log_format: str = _setting("text", "text for people, json for machines.")
    drain_seconds: float = _setting(10.0, "How long SIGTERM waits for requests under way.")

    def __post_init__(self) -> None:
        """Contradictions are refused here, so that no listener ever starts with them."""
        if self.open and self.host not in LOOPBACK:
            raise SettingsError(
                f"--open serves without log-in and is refused on {self.host!r}: "
                "listen on localhost, or leave --open away"
            )
        if self.log_format not in ("text", "json"):
            raise SettingsError(f"log_format is {self.log_format!r}; use text or json")
        if self.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise SettingsError(f"log_level is {self.log_level!r}; use DEBUG, INFO, WARNING or ERROR")
        if self.public_address and not self.public_address.startswith(("http://", "https://")):
            raise SettingsError("public_address must begin with http:// or https://")
        if self.database_url and not self.database_url.startswith(("postgresql://", "postgres://")):
            raise SettingsError("database_url must begin with postgresql://")
        if self.smtp_url and not self.smtp_url.startswith(("smtp://", "smtps://")):
            raise SettingsError("smtp_url must begin with smtp:// or smtps://")
        if self.smtp_url and self.mail_folder:
            raise SettingsError("smtp_url and mail_folder are two ways for the same letters: name one")
        if (self.smtp_url or self.mail_folder) and "@" not in self.smtp_from:
            which = "smtp_url" if self.smtp_url else "mail_folder"
            raise SettingsError(f"{which} needs smtp_from, the address from which notices come")
        self._check_mqtt_url()
        self._check_numbers()
        self._check_certificate()
        self._check_proxies()
        self._check_tokens()
        self._check_rates()
        self._check_logins()

    def _check_certificate(self) -> None:
        for name in ("mqtt_tls_port", "mqtt_wss_port"):
            if getattr(self, name) >= 0 and not (self.mqtt_certificate or self.tls_certificate or self.acme_hosts):
                raise SettingsError(f"{name} needs mqtt_certificate and mqtt_key, the PEM files of a certificate")
        for name in ("https_port", "https_device_port"):
            if getattr(self, name) >= 0 and not (self.tls_certificate or self.acme_hosts):
                raise SettingsError(f"{name} needs tls_certificate and tls_key, the PEM files of a certificate")
        self._check_acme()
        for kind in ("tls", "mqtt"):
            given = (getattr(self, f"{kind}_certificate"), getattr(self, f"{kind}_key"))
            if bool(given[0]) != bool(given[1]):
                raise SettingsError(f"{kind}_certificate and {kind}_key belong together: give both, or neither")
        if self.port < 0 and self.https_port < 0:
            raise SettingsError("port is -1, and so is https_port; one of them is needed")

    def _check_acme(self) -> None:
        if not self.acme_hosts:
            return
        if self.tls_certificate:
            raise SettingsError("acme_hosts and tls_certificate contradict each other: give one of them")
        if self.port < 0:
            raise SettingsError("acme_hosts needs port: the authority asks there, without TLS")
        if not self.acme_directory.startswith("https://"):
            raise SettingsError("acme_directory must begin with https://")

    def _check_proxies(self) -> None:
        for one in self.trusted_proxies:
            try:
                ipaddress.ip_network(one, strict=False)
            except ValueError as problem:
                raise SettingsError(f"trusted_proxies: {problem}; use addresses or CIDR blocks") from problem

    def _check_mqtt_url(self) -> None:
        if not self.mqtt_url:
            return
        if not self.mqtt_url.startswith(("mqtt://", "mqtts://")):
            raise SettingsError("mqtt_url must begin with mqtt:// or mqtts://")
        if not self.mqtt_client_id:
            raise SettingsError("mqtt_client_id is empty; the outside broker needs a name to keep our session under")

    def _check_logins(self) -> None:
        for name, seconds in (("login_idle", self.login_idle), ("login_absolute", self.login_absolute)):
            if not 60 <= seconds <= MAX_LOGIN:  # false also for what is no number
                raise SettingsError(f"{name} is {seconds:g}; use 60 to {MAX_LOGIN} seconds")

    def _check_rates(self) -> None:
        for name in ("http_device_rate", "http_tenant_rate", "http_client_rate"):
            if not 0 <= (rate := getattr(self, name)) <= MAX_RATE:  # false also for what is no number
                raise SettingsError(f"{name} is {rate:g}; use 0 to {MAX_RATE}")

    def _check_tokens(self) -> None:
        for name, number, low, high in (
            ("token_seconds", self.token_seconds, 60, 3600),
            ("refresh_seconds", self.refresh_seconds, 3600, MAX_REFRESH),
        ):
            if not low <= number <= high:
                raise SettingsError(f"{name} is {number}; use {low} to {high} seconds")

    def _check_numbers(self) -> None:
        ports = (
            ("port", self.port, -1),
            ("https_port", self.https_port, -1),
            ("https_device_port", self.https_device_port, -1),
            ("mqtt_port", self.mqtt_port, -1),
            ("mqtt_tls_port", self.mqtt_tls_port, -1),
            ("mqtt_ws_port", self.mqtt_ws_port, -1),
            ("mqtt_wss_port", self.mqtt_wss_port, -1),
        )
        for name, value, low in ports:
            if not low <= value <= 65535:
                raise SettingsError(f"{name} is {value}; use {low} to 65535")
        if not 1 <= self.temporal_instances <= 100_000:
            raise SettingsError(f"temporal_instances is {self.temporal_instances}; use 1 to 100000")
        if not 0 <= self.drain_seconds <= MAX_DRAIN:  # false also for what is no number
            raise SettingsError(f"drain_seconds is {self.drain_seconds:g}; use 0 to {MAX_DRAIN}")
        for name, number, high in (
            ("mqtt_max_clients", self.mqtt_max_clients, 1_000_000),
            ("mqtt_keep_alive", self.mqtt_keep_alive, 65_535),
            ("device_certificate_days", self.device_certificate_days, 3650),
        ):
            if not 1 <= number <= high:
                raise SettingsError(f"{name} is {number}; use 1 to {high}")
        if not 0 <= self.mqtt_session_expiry <= MAX_SESSION_EXPIRY:
            raise SettingsError(
                f"mqtt_session_expiry is {self.mqtt_session_expiry}; use 0 to {MAX_SESSION_EXPIRY} seconds"
            )
        if self.max_body < 1:
            raise SettingsError(f"max_body is {self.max_body}; use 1 or more bytes")


def read_settings(
    *, toml: str = "", where: str = "", environ: Mapping[str, str] | None = None, given: Mapping[str, Any] | None = None
) -> Settings:
    """The settings from a TOML text, an environment and the command line's own (None means not given).

    Raises SettingsError naming the setting and where it stood.
    """
    values: dict[str, Any] = {}
    try:
        table = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as problem:
        raise SettingsError(f"{where}: not TOML: {problem}") from problem
    for given_name, value in table.items():
        name = _known(given_name, where)
        values[name] = _typed(name, value, where)
    for variable, text in (environ or {}).items():
        if not variable.startswith(PREFIX) or variable.startswith(FOREIGN_PREFIXES) or variable in NO_SETTINGS:
            continue
        name = _known(variable.removeprefix(PREFIX).lower(), "the environment")
        values[name] = _typed(name, _from_text(name, text, variable), variable)
    values.update({name: value for name, value in (given or {}).items() if value is not None})
    return Settings(**values)


_TYPES: dict[str, type] = {one.name: type(one.default) for one in fields(Settings)}


def _known(name: str, where: str) -> str:
    if name in _TYPES:
        return name
    near = difflib.get_close_matches(name, _TYPES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise SettingsError(f"{where}: there is no setting {name!r}{hint}")


def _from_text(name: str, text: str, where: str) -> Any:
    kind = _TYPES[name]
    if kind is bool:
        return _flag(text, where)
    if kind is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError as problem:
            raise SettingsError(f"{where} is {text!r}; a number is needed") from problem
    return text


def _flag(text: str, where: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off", ""):
        return False
    raise SettingsError(f"{where} is {text!r}; use true or false")


def _typed(name: str, value: Any, where: str) -> Any:
    kind = _TYPES[name]
    if kind is tuple and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise SettingsError(f"{where}: {name} must be {kind.__name__}, not {value!r}")
    return value


def reference() -> list[tuple[str, str, str, str]]:
    """Name, environment variable, default and meaning of every setting, for the reference page."""
    rows = []
    for one in fields(Settings):
        default = ", ".join(one.default) if isinstance(one.default, tuple) else str(one.default)
        rows.append((one.name, PREFIX + one.name.upper(), default, str(one.metadata["meaning"])))
    return rows
