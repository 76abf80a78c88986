CREATE TABLE orders_enriched (
  order_id   STRING NOT NULL,
  user_id    STRING NOT NULL,
  country    STRING,
  region     STRING,
  revenue    DECIMAL(12, 2) NOT NULL,
  ordered_at TIMESTAMP_LTZ(3) NOT NULL,
  WATERMARK FOR ordered_at AS ordered_at - INTERVAL '10' SECOND
) DISTRIBUTED BY HASH(user_id) INTO ${buckets} BUCKETS
WITH ('changelog.mode' = 'append');
