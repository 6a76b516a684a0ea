-- version 1
-- The packs that a tenant runs. archive is the pack as it was installed (a .zip), so that an upgrade can tell what the
-- town changed, and the pack's screens do not depend on a file that lies elsewhere.
CREATE TABLE pack_install (
  id TEXT PRIMARY KEY,
  version TEXT NOT NULL,
  state TEXT NOT NULL,
  origin TEXT NOT NULL,
  trust TEXT NOT NULL,
  signer TEXT NOT NULL,
  sample BIGINT NOT NULL,
  at BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  revision BIGINT NOT NULL,
  archive BLOB NOT NULL
);
-- What installing made, and as what: the canonical text of each thing. Noted before it is made.
CREATE TABLE pack_item (
  pack TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  ref TEXT NOT NULL,
  shipped TEXT NOT NULL,
  PRIMARY KEY (kind, name)
);
-- The town's own values of a pack's parameters, as JSON; they outlive the pack unless it is purged.
CREATE TABLE pack_parameter (
  pack TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  at BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  PRIMARY KEY (pack, name)
);
CREATE TABLE pack_event (
  seq BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  pack TEXT NOT NULL,
  version TEXT NOT NULL,
  what TEXT NOT NULL,
  made_by TEXT NOT NULL
);
-- What the town says of itself; one row at most.
CREATE TABLE pack_town (
  id BIGINT PRIMARY KEY,
  population BIGINT NOT NULL,
  traits TEXT NOT NULL,
  listed BIGINT NOT NULL
);
-- version 2
-- In the platform's own scope: tenants that are older than what tells where a wing runs, and still to be looked at; the
-- row "" says that they were noted.
CREATE TABLE pack_before (tenant TEXT PRIMARY KEY);
