INSERT INTO sessions
SELECT user_id, window_start, window_end, COUNT(*), MAX(CASE WHEN url = '/checkout/done' THEN 1 ELSE 0 END) = 1
FROM TABLE(SESSION(TABLE clicks PARTITION BY user_id, DESCRIPTOR(clicked_at), INTERVAL '30' MINUTE))
GROUP BY user_id, window_start, window_end;
