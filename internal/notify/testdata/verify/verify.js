// Verifies a webhook as a receiver would, and prints the folio or why it is refused.
const { Webhook } = require("standardwebhooks");

const { secret, body, headers } = JSON.parse(require("fs").readFileSync(0, "utf8"));
try {
  console.log(new Webhook(secret).verify(body, headers).data.remote_id);
} catch (refused) {
  console.log(refused.message);
}
