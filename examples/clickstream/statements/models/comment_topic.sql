CREATE MODEL comment_topic
INPUT (`text` STRING)
OUTPUT (topic STRING)
WITH (
  'provider' = 'openai',
  'task' = 'classification',
  'openai.connection' = 'openai',
  'openai.model_version' = 'gpt-4o-mini',
  'openai.system_prompt' = 'Is this comment about delivery, price, quality or something else? Answer with that one word.'
);
