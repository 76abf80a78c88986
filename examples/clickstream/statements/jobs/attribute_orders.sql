-- Every click on a product in the hour before the product was ordered.
INSERT INTO orders_attributed
SELECT
  o.order_id,
  o.user_id,
  c.referrer,
  TIMESTAMPDIFF(MINUTE, c.clicked_at, o.`$rowtime`)
FROM orders AS o
JOIN clicks AS c
  ON o.user_id = c.user_id
  AND o.product_id = c.product_id
  AND c.clicked_at BETWEEN o.`$rowtime` - INTERVAL '1' HOUR AND o.`$rowtime`;
