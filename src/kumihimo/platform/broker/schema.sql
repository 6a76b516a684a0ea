-- version 1
-- INTEGER PRIMARY KEY is the row id of SQLite: 64 bits, and no index beside the table.
-- number is the seq of the log record that created the entity: a paging order that never changes.
CREATE TABLE entity (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  doc TEXT NOT NULL
);
CREATE TABLE entity_type (
  type TEXT NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (type, number)
);
CREATE INDEX entity_type_number ON entity_type (number);
-- extent is 0 for a geometry whose box is a point, so that points are found by a range on both sides.
CREATE TABLE entity_geo (
  number BIGINT NOT NULL,
  attribute TEXT NOT NULL,
  extent BIGINT NOT NULL,
  min_lon DOUBLE PRECISION NOT NULL,
  min_lat DOUBLE PRECISION NOT NULL,
  max_lon DOUBLE PRECISION NOT NULL,
  max_lat DOUBLE PRECISION NOT NULL,
  geometry TEXT NOT NULL
);
CREATE INDEX entity_geo_number ON entity_geo (number);
CREATE INDEX entity_geo_box ON entity_geo (attribute, extent, min_lat, min_lon);
CREATE TABLE log (
  seq INTEGER PRIMARY KEY,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  entity TEXT NOT NULL,
  changed TEXT NOT NULL,
  deleted TEXT NOT NULL,
  previous TEXT NOT NULL,
  actor TEXT NOT NULL,
  purpose TEXT NOT NULL,
  cause TEXT NOT NULL,
  request_id TEXT NOT NULL,
  key_id TEXT NOT NULL,
  version BIGINT NOT NULL
);
CREATE TABLE log_position (
  reader TEXT PRIMARY KEY,
  seq BIGINT NOT NULL
);
-- version 2
-- The first moment at which an entity, or something of it, expires.
CREATE TABLE entity_expiry (
  number INTEGER PRIMARY KEY,
  at BIGINT NOT NULL
);
CREATE INDEX entity_expiry_at ON entity_expiry (at);
-- version 3
-- Which entities have an attribute, so that one may be asked for without naming a type.
CREATE TABLE entity_attribute (
  attribute TEXT NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (attribute, number)
) WITHOUT ROWID;
CREATE INDEX entity_attribute_number ON entity_attribute (number);
INSERT INTO entity_attribute (attribute, number) SELECT DISTINCT a.key, e.number FROM entity e, json_each(e.doc, '$.attrs') a;
