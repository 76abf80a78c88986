CREATE TABLE comments_classified (
  order_id  STRING NOT NULL,
  `comment` STRING,
  topic     STRING
) DISTRIBUTED BY HASH(order_id) INTO ${buckets} BUCKETS
WITH ('changelog.mode' = 'append');
