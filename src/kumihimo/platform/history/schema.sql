-- version 1
-- Append-only. (seq, ordinal) names an instance for good. A row with a target overrides that instance (kind 0) or
-- marks its deletion (kind 2); an instance that no row of kind 0 targets is the one that counts.
CREATE TABLE history (
  seq BIGINT NOT NULL,
  ordinal BIGINT NOT NULL,
  kind BIGINT NOT NULL,
  entity_id TEXT NOT NULL,
  attribute TEXT NOT NULL,
  dataset TEXT NOT NULL,
  observed_at BIGINT,
  created_at BIGINT NOT NULL,
  modified_at BIGINT NOT NULL,
  target_seq BIGINT,
  target_ordinal BIGINT,
  number DOUBLE PRECISION,
  instance TEXT NOT NULL,
  PRIMARY KEY (seq, ordinal)
);
CREATE INDEX history_observed ON history (entity_id, attribute, observed_at);
CREATE INDEX history_modified ON history (entity_id, modified_at);
CREATE INDEX history_target ON history (target_seq, target_ordinal) WHERE target_seq IS NOT NULL;
CREATE TABLE history_entity (
  entity_id TEXT PRIMARY KEY,
  types TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  modified_at BIGINT NOT NULL,
  deleted_at BIGINT
);
-- version 2
-- apart is 1 for an entity that was written into the past alone and never stood among the current ones.
ALTER TABLE history_entity ADD COLUMN apart BIGINT NOT NULL DEFAULT 0;
ALTER TABLE history_entity ADD COLUMN scope TEXT NOT NULL DEFAULT '[]';
CREATE INDEX history_entity_apart ON history_entity (entity_id) WHERE apart = 1;
-- version 3
-- A scope over time is an attribute like the others (clause 4.5.6). expires_at is when an instance counts no more.
INSERT INTO history (seq, ordinal, kind, entity_id, attribute, dataset, created_at, modified_at, instance)
  SELECT 0, (SELECT coalesce(max(ordinal), -1) FROM history WHERE seq = 0) + row_number() OVER (ORDER BY entity_id), 0,
    entity_id, 'https://uri.etsi.org/ngsi-ld/scope', '', created_at, modified_at,
    '{"type":"Property","value":' || scope || '}'
  FROM history_entity WHERE scope <> '[]';
ALTER TABLE history_entity DROP COLUMN scope;
ALTER TABLE history ADD COLUMN expires_at BIGINT;
CREATE INDEX history_entity_deleted ON history_entity (entity_id) WHERE deleted_at IS NOT NULL;
