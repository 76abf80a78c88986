INSERT INTO orders_enriched
SELECT
  o.order_id,
  o.user_id,
  u.country,
  n.region,
  CAST(o.quantity * o.price AS DECIMAL(12, 2)),
  o.`$rowtime`
FROM orders AS o
LEFT JOIN users FOR SYSTEM_TIME AS OF o.`$rowtime` AS u ON o.user_id = u.user_id
LEFT JOIN countries FOR SYSTEM_TIME AS OF o.`$rowtime` AS n ON u.country = n.code;
