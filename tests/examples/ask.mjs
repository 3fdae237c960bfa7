// Asks the client of the TypeScript example, in whose folder it runs: each line is a JSON
// [METHOD, ARGUMENT, ...], and is answered with {"answer"} or {"error": NAME, "kind", "details",
// "message"}.
import { createInterface } from "node:readline";
import { Client, Connection } from "@temporalio/client";
import { Reservations } from "./dist/holdfast.js";

const connection = await Connection.connect({ address: process.env.TEMPORAL_ADDRESS });
const reservations = new Reservations(new Client({ connection }), 60_000);
for await (const line of createInterface({ input: process.stdin })) {
  const [method, ...argumentsOfIt] = JSON.parse(line);
  try {
    console.log(JSON.stringify({ answer: await reservations[method](...argumentsOfIt) }));
  } catch (error) {
    const { kind, details, message } = error;
    console.log(JSON.stringify({ error: error.constructor.name, kind, details, message }));
  }
}
await connection.close();
