-- The ten most clicked products of each category in the last hour, computed every five minutes.
INSERT INTO top_products
WITH counted AS (
  SELECT window_start, window_end, category, product_id, COUNT(*) AS click_count
  FROM TABLE(HOP(TABLE clicks_enriched, DESCRIPTOR(clicked_at), INTERVAL '5' MINUTE, INTERVAL '1' HOUR))
  WHERE product_id IS NOT NULL
  GROUP BY window_start, window_end, category, product_id
)
SELECT window_start, window_end, category, place, product_id, click_count
FROM (
  SELECT
    window_start, window_end, category, product_id, click_count,
    ROW_NUMBER() OVER (PARTITION BY window_start, window_end, category ORDER BY click_count DESC) AS place
  FROM counted
)
WHERE place <= 10;
