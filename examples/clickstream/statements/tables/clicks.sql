-- Events reported by the web site. Producers write to the topic `clicks`.
CREATE TABLE clicks (
  click_id   STRING NOT NULL,
  user_id    STRING NOT NULL,
  url        STRING NOT NULL,
  product_id STRING,
  user_agent STRING,
  clicked_at TIMESTAMP_LTZ(3) NOT NULL,
  WATERMARK FOR clicked_at AS clicked_at - INTERVAL '5' SECOND
) DISTRIBUTED BY HASH(user_id) INTO ${buckets} BUCKETS
WITH (
  'changelog.mode' = 'append',
  'kafka.retention.time' = '7 d'
);
