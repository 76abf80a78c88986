-- Orders of the shop. The time of an order is the timestamp of its Kafka record, `$rowtime`.
CREATE TABLE orders (
  order_id   STRING NOT NULL,
  user_id    STRING NOT NULL,
  product_id STRING NOT NULL,
  quantity   INT NOT NULL,
  price      DECIMAL(10, 2) NOT NULL,
  `comment`  STRING
) DISTRIBUTED BY HASH(user_id) INTO ${buckets} BUCKETS
WITH ('changelog.mode' = 'append');
