-- version 1
CREATE TABLE subscription (
  id TEXT PRIMARY KEY,
  document TEXT NOT NULL,
  context TEXT NOT NULL,
  terms TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  start_seq BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  modified_at BIGINT NOT NULL
);
CREATE INDEX subscription_created ON subscription (created_at, id);
CREATE TABLE subscription_revision (
  name TEXT PRIMARY KEY,
  revision BIGINT NOT NULL
);
CREATE TABLE subscription_state (
  id TEXT PRIMARY KEY,
  times_sent BIGINT NOT NULL,
  times_failed BIGINT NOT NULL,
  last_notification BIGINT NOT NULL,
  last_success BIGINT NOT NULL,
  last_failure BIGINT NOT NULL,
  last_queued BIGINT NOT NULL
);
CREATE TABLE subscription_held (
  subscription TEXT NOT NULL,
  entity TEXT NOT NULL,
  seq BIGINT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (subscription, entity)
);
CREATE TABLE outbox (
  id TEXT PRIMARY KEY,
  seq BIGINT NOT NULL,
  subscription TEXT NOT NULL,
  entity TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  at BIGINT NOT NULL,
  body TEXT NOT NULL,
  headers TEXT NOT NULL,
  attempts BIGINT NOT NULL
);
CREATE INDEX outbox_lane ON outbox (subscription, entity, seq);
CREATE INDEX outbox_endpoint ON outbox (endpoint, seq);
CREATE INDEX outbox_waiting ON outbox (endpoint, subscription);
CREATE UNIQUE INDEX outbox_seq ON outbox (seq);
CREATE TABLE dead_letter (
  id TEXT PRIMARY KEY,
  seq BIGINT NOT NULL,
  subscription TEXT NOT NULL,
  entity TEXT NOT NULL,
  at BIGINT NOT NULL,
  body TEXT NOT NULL,
  headers TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  buried_at BIGINT NOT NULL,
  reason TEXT NOT NULL
);
CREATE INDEX dead_letter_subscription ON dead_letter (subscription, seq);
CREATE TABLE delivery_attempt (
  number BIGINT PRIMARY KEY,
  subscription TEXT NOT NULL,
  notification TEXT NOT NULL,
  entity TEXT NOT NULL,
  at BIGINT NOT NULL,
  took BIGINT NOT NULL,
  status BIGINT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX delivery_attempt_subscription ON delivery_attempt (subscription, number);
-- version 2
-- entities: which ones a notification tells of, as a JSON array, where it may tell of several; '' where it is of one.
ALTER TABLE outbox ADD COLUMN entities TEXT NOT NULL DEFAULT '';
ALTER TABLE dead_letter ADD COLUMN entities TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery_attempt ADD COLUMN entities TEXT NOT NULL DEFAULT '';
-- A place in the outbox is given once, so that a reader can go on behind the last that it saw.
INSERT INTO subscription_revision (name, revision) SELECT 'outbox', coalesce(max(seq), 0) FROM outbox;
DROP INDEX outbox_lane;
DROP INDEX outbox_waiting;
CREATE INDEX outbox_subscription ON outbox (subscription, seq);
CREATE INDEX subscription_state_queued ON subscription_state (last_queued) WHERE last_queued > 0;
-- revision: of all subscriptions, when this one was last changed, so that the others need not be read again.
ALTER TABLE subscription ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
CREATE INDEX subscription_changed ON subscription (revision);
-- version 3
-- scopes: what its maker's token was limited to, as a JSON array; '' where it was not limited.
ALTER TABLE subscription ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
-- version 4
-- application: by which one a person made it; '' where by none.
ALTER TABLE subscription ADD COLUMN application TEXT NOT NULL DEFAULT '';
