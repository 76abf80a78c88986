CREATE TABLE user_activity (
  user_id      STRING NOT NULL,
  clicks       BIGINT,
  last_seen_at TIMESTAMP_LTZ(3),
  PRIMARY KEY (user_id) NOT ENFORCED
) DISTRIBUTED BY HASH(user_id) INTO ${buckets} BUCKETS
WITH ('changelog.mode' = 'upsert', 'kafka.cleanup-policy' = 'compact');
