// Asks as it is told: each line of the input is one call of Ollama's official client, each line of
// the output what came of it, {"parts": [...]} with {"error": {...}} where it failed.

const readline = require("node:readline");
const { Ollama } = require("ollama");

// A call that hangs ends the process, which the reader of the output notices.
const PATIENCE_MS = 10_000;

async function ask({ config, method, request, abortAfter }, parts) {
  const answer = await new Ollama(config)[method](request);
  if (!request?.stream) {
    parts.push(answer);
    return;
  }
  for await (const part of answer) {
    parts.push(part);
    if (parts.length === abortAfter) answer.abort();
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const told = { parts: [] };
    const patience = setTimeout(() => process.exit(1), PATIENCE_MS);
    try {
      await ask(JSON.parse(line), told.parts);
    } catch ({ name, message, status_code }) {
      told.error = { name, message, status: status_code };
    }
    clearTimeout(patience);
    process.stdout.write(JSON.stringify(told) + "\n");
  }
}

main();
