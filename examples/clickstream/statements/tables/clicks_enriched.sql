CREATE TABLE clicks_enriched (
  click_id   STRING NOT NULL,
  user_id    STRING NOT NULL,
  country    STRING,
  product_id STRING,
  category   STRING,
  device     STRING,
  referrer   STRING,
  clicked_at TIMESTAMP_LTZ(3) NOT NULL,
  WATERMARK FOR clicked_at AS clicked_at - INTERVAL '5' SECOND
) DISTRIBUTED BY HASH(user_id) INTO ${buckets} BUCKETS
WITH ('changelog.mode' = 'append');
