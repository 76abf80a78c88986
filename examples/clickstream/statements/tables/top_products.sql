CREATE TABLE top_products (
  window_start TIMESTAMP(3) NOT NULL,
  window_end   TIMESTAMP(3) NOT NULL,
  category     STRING,
  place        BIGINT NOT NULL,
  product_id   STRING,
  clicks       BIGINT NOT NULL
) DISTRIBUTED INTO ${buckets} BUCKETS
WITH ('changelog.mode' = 'append');
