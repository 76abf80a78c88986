CREATE VIEW page_views AS
SELECT user_id, url, clicked_at
FROM clicks
WHERE url NOT LIKE '/assets/%';
