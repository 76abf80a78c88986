CREATE TABLE page_views_per_minute (
  window_start TIMESTAMP(3) NOT NULL,
  window_end   TIMESTAMP(3) NOT NULL,
  url          STRING NOT NULL,
  `views`      BIGINT NOT NULL,
  visitors     BIGINT NOT NULL
) DISTRIBUTED BY HASH(url) INTO ${buckets} BUCKETS
WITH ('changelog.mode' = 'append');
