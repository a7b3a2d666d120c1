// Runs the calls that come on stdin, one after the other, and prints what the
// clients tell.
import { text } from "node:stream/consumers";
import { fromNPM } from "./clients.mjs";

const told = [];
for (const { client, relay, site, fields } of JSON.parse(await text(process.stdin))) {
  told.push(await fromNPM[client](relay, site, fields));
}
console.log(JSON.stringify(told));
