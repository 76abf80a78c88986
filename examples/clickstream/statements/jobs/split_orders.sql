EXECUTE STATEMENT SET
BEGIN
  INSERT INTO orders_europe
  SELECT order_id, user_id, country, region, revenue, ordered_at
  FROM orders_enriched WHERE region = 'europe';

  INSERT INTO orders_elsewhere
  SELECT order_id, user_id, country, region, revenue, ordered_at
  FROM orders_enriched WHERE region IS NULL OR region <> 'europe';
END;
