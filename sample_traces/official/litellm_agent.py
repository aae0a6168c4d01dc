"""contextcompany.litellm: a call of a model."""

import litellm
from contextcompany.litellm import TCCCallback
from fake_llm import serve

litellm.callbacks = [TCCCallback()]
model = {"model": "openai/gpt-4o", "api_base": serve(), "api_key": "none", "metadata": {"tcc.runId": "sample-litellm"}}
print(litellm.completion(messages=[{"role": "user", "content": "Where is order 1042?"}], **model))
