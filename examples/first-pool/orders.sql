CREATE TABLE orders (order_id STRING, price DECIMAL(10, 2))
