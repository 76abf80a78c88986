INSERT INTO comments_classified
SELECT order_id, `comment`, topic
FROM orders, LATERAL TABLE(ML_PREDICT('comment_topic', `comment`))
WHERE `comment` IS NOT NULL;
