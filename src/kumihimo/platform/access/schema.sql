-- version 1
-- Grows with every change of what follows, so that another process sees that it must look again.
CREATE TABLE access_revision (
  id BIGINT PRIMARY KEY,
  revision BIGINT NOT NULL
);
CREATE TABLE access_member (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  role TEXT NOT NULL,
  since BIGINT NOT NULL,
  until BIGINT,
  made_by TEXT NOT NULL,
  why TEXT NOT NULL,
  ended_at BIGINT,
  ended_by TEXT NOT NULL,
  ended_why TEXT NOT NULL
);
CREATE INDEX access_member_actor ON access_member (actor, kind);
CREATE INDEX access_member_since ON access_member (since);
-- The highest number of a name stands; an empty text says that the document was taken away.
CREATE TABLE access_policy (
  name TEXT NOT NULL,
  number BIGINT NOT NULL,
  text TEXT NOT NULL,
  at BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (name, number)
);
-- In the platform's scope: both tenants read the same row.
CREATE TABLE access_agreement (
  id TEXT PRIMARY KEY,
  giver TEXT NOT NULL,
  taker TEXT NOT NULL,
  role TEXT NOT NULL,
  purpose TEXT NOT NULL,
  text TEXT NOT NULL,
  starts_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  offered_at BIGINT NOT NULL,
  offered_by TEXT NOT NULL,
  accepted_at BIGINT,
  accepted_by TEXT NOT NULL,
  ended_at BIGINT,
  ended_by TEXT NOT NULL,
  ended_why TEXT NOT NULL
);
CREATE INDEX access_agreement_offered ON access_agreement (offered_at);
CREATE TABLE access_emergency (
  id TEXT PRIMARY KEY,
  reason TEXT NOT NULL,
  hours BIGINT NOT NULL,
  asked_at BIGINT NOT NULL,
  asked_by TEXT NOT NULL,
  opened_at BIGINT,
  opened_by TEXT NOT NULL,
  ends_at BIGINT,
  ended_at BIGINT,
  ended_by TEXT NOT NULL
);
CREATE INDEX access_emergency_asked ON access_emergency (asked_at);
-- version 2
-- In the platform's scope: in which tenants somebody was ever given a role, and which have policies that name strangers
-- (kind anonymous, actor empty). Written before the tenant's own rows, so that it may name one too many.
CREATE TABLE access_place (
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  tenant TEXT NOT NULL,
  PRIMARY KEY (kind, actor, tenant)
);
-- The tenants whose rows from before this index are in it.
CREATE TABLE access_indexed (
  tenant TEXT PRIMARY KEY
);
-- version 3
-- Every start compares the index with the tenants' rows, so that none needs to be noted as done.
DROP TABLE access_indexed;
