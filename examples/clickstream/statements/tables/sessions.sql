CREATE TABLE sessions (
  user_id       STRING NOT NULL,
  session_start TIMESTAMP(3) NOT NULL,
  session_end   TIMESTAMP(3) NOT NULL,
  clicks        BIGINT NOT NULL,
  bought        BOOLEAN
) DISTRIBUTED BY HASH(user_id) INTO ${buckets} BUCKETS
WITH ('changelog.mode' = 'append');
