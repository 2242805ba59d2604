// worker: takes orders from the queue and ships them. An order leaves the queue only when it is shipped: it waits in a
// second list meanwhile, and what a worker that died left there is taken up again at the next start. So one
// worker runs at a time.

import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Queue } from "./queue.mjs";

const WAIT_SECONDS = 1;
const LONGEST_PAUSE = 5000;
const REQUEST_MILLISECONDS = 5000;

const settings = {
  queue: variable("QUEUE_URL"),
  orders: variable("ORDERS_URL"),
  token: variable("WORKER_TOKEN"),
  port: Number(variable("PORT", "8080")),
  work: Number(variable("WORK_MILLISECONDS", "50")),
};
const stopping = new AbortController();
let connected = false;

function variable(name, fallback) {
  const value = process.env[name] || fallback;
  if (value) return value;
  log("error", "variable is not set", { variable: name });
  process.exit(78); // EX_CONFIG
}

function log(level, message, fields = {}) {
  console.log(JSON.stringify({ time: new Date().toISOString(), level, service: "worker", message, ...fields }));
}

async function ship(order) {
  await sleep(settings.work); // packing takes its time
  const response = await fetch(`${settings.orders}/orders/shipped`, {
    method: "POST",
    headers: { authorization: `Bearer ${settings.token}`, "content-type": "application/json" },
    body: JSON.stringify({ order }),
    signal: AbortSignal.timeout(REQUEST_MILLISECONDS),
  });
  if (!response.ok) throw new Error(`orders answered ${response.status}`);
}

/** Takes one order after the other until told to stop; throws when the queue or the orders do not answer. */
async function work(queue) {
  while ((await queue.call("RPOPLPUSH", "orders:taken", "orders")) !== null);
  while (!stopping.signal.aborted) {
    const item = await queue.call("BRPOPLPUSH", "orders", "orders:taken", WAIT_SECONDS);
    if (item === null) continue;
    const { order } = JSON.parse(item);
    await ship(order);
    await queue.call("LREM", "orders:taken", 1, item);
    log("info", "order shipped", { order });
  }
}

async function run() {
  for (let pause = 100; !stopping.signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    let queue;
    try {
      queue = await Queue.connect(settings.queue);
      connected = true;
      await work(queue);
    } catch (error) {
      log("warning", "will try again", { reason: error.message, milliseconds: pause });
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => {});
    } finally {
      connected = false;
      queue?.close();
    }
  }
}

const health = http.createServer((request, response) => {
  const known = { "/healthz": true, "/readyz": connected && !stopping.signal.aborted };
  const status = request.url in known ? (known[request.url] ? 200 : 503) : 404;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ status: status === 200 ? "ok" : "not ready" }));
});
for (const name of ["SIGTERM", "SIGINT"]) {
  process.on(name, () => {
    log("info", "stopping");
    stopping.abort();
  });
}
health.listen(settings.port, () => log("info", "started", { port: settings.port }));
await run(); // ends after the order in hand
health.close();
health.closeAllConnections();
log("info", "stopped");
