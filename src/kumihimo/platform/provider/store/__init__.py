"""The provider's rows, in the platform's scope: a client id comes alone, before anybody knows of which tenant it is."""

from kumihimo.storage.database import Schema

SCHEMA = Schema("provider", "kumihimo.platform.provider", "platform")
