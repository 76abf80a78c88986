INSERT INTO page_views_per_minute
SELECT window_start, window_end, url, COUNT(*), COUNT(DISTINCT user_id)
FROM TABLE(TUMBLE(TABLE page_views, DESCRIPTOR(clicked_at), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, url;
