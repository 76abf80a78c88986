-- Each click with its user and product as of the time of the click.
INSERT INTO clicks_enriched
SELECT
  c.click_id,
  c.user_id,
  u.country,
  c.product_id,
  p.category,
  device_of(c.user_agent),
  c.referrer,
  c.clicked_at
FROM clicks AS c
LEFT JOIN users FOR SYSTEM_TIME AS OF c.clicked_at AS u ON c.user_id = u.user_id
LEFT JOIN products FOR SYSTEM_TIME AS OF c.clicked_at AS p ON c.product_id = p.product_id;
