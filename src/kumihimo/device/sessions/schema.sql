-- version 1
-- Sessions that outlast their connection. left_at is NULL while the client is connected; packets are PUBLISH of MQTT 5.0.
CREATE TABLE mqtt_session (
  device TEXT NOT NULL,
  client_id TEXT NOT NULL,
  expiry BIGINT NOT NULL,
  left_at BIGINT,
  will BLOB NOT NULL,
  will_delay BIGINT NOT NULL,
  PRIMARY KEY (device, client_id)
);
CREATE TABLE mqtt_subscription (
  device TEXT NOT NULL,
  client_id TEXT NOT NULL,
  topic_filter TEXT NOT NULL,
  options BIGINT NOT NULL,
  identifier BIGINT NOT NULL,
  PRIMARY KEY (device, client_id, topic_filter)
);
-- What a client has not acknowledged; an empty packet is one that it has and is to be told PUBREL.
CREATE TABLE mqtt_message (
  device TEXT NOT NULL,
  client_id TEXT NOT NULL,
  number BIGINT NOT NULL,
  packet_id BIGINT NOT NULL,
  packet BLOB NOT NULL,
  expires_at BIGINT,
  PRIMARY KEY (device, client_id, number)
);
-- Identifiers of a client's messages that were taken at QoS 2 and not released.
CREATE TABLE mqtt_received (
  device TEXT NOT NULL,
  client_id TEXT NOT NULL,
  packet_id BIGINT NOT NULL,
  PRIMARY KEY (device, client_id, packet_id)
);
-- is_own: published by the platform itself.
CREATE TABLE mqtt_retained (
  topic TEXT NOT NULL,
  is_own BIGINT NOT NULL,
  packet BLOB NOT NULL,
  expires_at BIGINT,
  PRIMARY KEY (topic, is_own)
);
