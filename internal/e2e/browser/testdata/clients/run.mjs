// Runs the call that each line on stdin describes, and prints what the client tells.
import { createInterface } from "node:readline";
import { fromNPM } from "./clients.mjs";

for await (const line of createInterface({ input: process.stdin })) {
  const { client, relay, site, fields } = JSON.parse(line);
  console.log(JSON.stringify(await fromNPM[client](relay, site, fields)));
}
