-- version 1
CREATE TABLE rule_set (
  name TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  is_on BIGINT NOT NULL,
  owner_kind TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  text TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  changed_by TEXT NOT NULL,
  stopped TEXT NOT NULL
);
CREATE TABLE rule_set_version (
  name TEXT NOT NULL,
  number BIGINT NOT NULL,
  text TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (name, number)
);
-- What a rule knows of an entity; it moves with the reader's position, in one transaction.
CREATE TABLE rule_memory (
  rule_set TEXT NOT NULL,
  rule TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  holds BIGINT NOT NULL,
  fired_at BIGINT NOT NULL,
  heard_at BIGINT NOT NULL,
  told BIGINT NOT NULL,
  PRIMARY KEY (rule_set, rule, entity_id)
);
CREATE TABLE rule_cost (
  rule_set TEXT NOT NULL,
  rule TEXT NOT NULL,
  judged BIGINT NOT NULL,
  fired BIGINT NOT NULL,
  unanswered BIGINT NOT NULL,
  micros BIGINT NOT NULL,
  slowest BIGINT NOT NULL,
  fired_at BIGINT NOT NULL,
  said TEXT NOT NULL,
  PRIMARY KEY (rule_set, rule)
);
CREATE TABLE rule_firing (
  number BIGINT PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  rule_set TEXT NOT NULL,
  rule TEXT NOT NULL,
  version BIGINT NOT NULL,
  kind TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  hop BIGINT NOT NULL,
  at BIGINT NOT NULL,
  made_at BIGINT NOT NULL,
  facts TEXT NOT NULL
);
CREATE INDEX rule_firing_by_set ON rule_firing (rule_set, number);
-- The outbox of firings: key is the firing's with the action's place; what is waiting is done from next_at on.
CREATE TABLE rule_action (
  key TEXT PRIMARY KEY,
  firing BIGINT NOT NULL,
  place BIGINT NOT NULL,
  rule_set TEXT NOT NULL,
  rule TEXT NOT NULL,
  kind TEXT NOT NULL,
  content TEXT NOT NULL,
  owner_kind TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  hop BIGINT NOT NULL,
  at BIGINT NOT NULL,
  made_at BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  state TEXT NOT NULL,
  words_ja TEXT NOT NULL,
  words_en TEXT NOT NULL,
  next_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX rule_action_by_state ON rule_action (state, next_at);
CREATE INDEX rule_action_by_firing ON rule_action (firing, place);
CREATE TABLE rule_task (
  id TEXT PRIMARY KEY,
  rule_set TEXT NOT NULL,
  rule TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  whom TEXT NOT NULL,
  text TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  done_at BIGINT,
  done_by TEXT NOT NULL,
  note TEXT NOT NULL
);
CREATE INDEX rule_task_by_state ON rule_task (done_at, due_at);
