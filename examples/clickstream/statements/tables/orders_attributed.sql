CREATE TABLE orders_attributed (
  order_id         STRING NOT NULL,
  user_id          STRING NOT NULL,
  referrer         STRING,
  minutes_to_order INT
) DISTRIBUTED BY HASH(user_id) INTO ${buckets} BUCKETS
WITH ('changelog.mode' = 'append');
