// @contextcompany/otel: a call of Vercel's AI SDK, with a model in place of a provider.
import { TCCSpanProcessor } from "@contextcompany/otel";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { generateText } from "ai";
import { MockLanguageModelV3 } from "ai/test";

const provider = new NodeTracerProvider({ spanProcessors: [new TCCSpanProcessor()] });
provider.register();
const model = new MockLanguageModelV3({
  doGenerate: async () => ({
    content: [{ type: "text", text: "It arrives today, around noon." }],
    finishReason: "stop",
    usage: { inputTokens: { total: 42 }, outputTokens: { total: 7 } },
    warnings: [],
  }),
});
const { text } = await generateText({
  model,
  prompt: "Where is order 1042?",
  experimental_telemetry: { isEnabled: true, metadata: { "tcc.runId": crypto.randomUUID() } },
});
console.log(text);
await provider.forceFlush();
await provider.shutdown();
