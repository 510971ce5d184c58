/**
 * A small stand-in for the gateway, for the tests of the SDK and for work on the page.
 *
 *     node test/mock-gateway.mjs [--port 7400] [--silent]
 *
 * It prints the address it listens on. `--silent`: states are there, but nothing ever changes.
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Hockey } from './mock/hockey.mjs';
import { Log } from './mock/log.mjs';
import { Market } from './mock/market.mjs';
import { Server } from './mock/server.mjs';

const MARKET_STEP_MS = 120;
const HOCKEY_STEP_MS = 1500;
const SEED = 7;

/** `feeds: false`: an empty gateway, whose `log` the caller fills. */
export async function startGateway({
  port = 0,
  silent = false,
  feeds = true,
  epoch = newEpoch(),
  entriesMax,
} = {}) {
  const gateway = { log: new Log(epoch, entriesMax), history: () => undefined };
  const timers = feeds ? startFeeds(gateway, silent) : [];
  const server = new Server(gateway);
  const url = await server.listen(port);
  /** As after an unclean restart: all cursors and seqs are void. */
  const restart = (name = newEpoch()) => {
    gateway.log = new Log(name, entriesMax);
    server.cutAll();
    return gateway.log;
  };
  const close = () => {
    for (const timer of timers) clearInterval(timer);
    return server.close();
  };
  return { url, gateway, restart, cutAll: () => server.cutAll(), close };
}

function startFeeds(gateway, silent) {
  const random = seeded(SEED);
  const market = new Market(gateway.log, random);
  const hockey = new Hockey(gateway.log, random);
  gateway.history = (topic, limit) => market.history(topic, limit);
  if (silent) return [];
  let n = 0;
  return [
    setInterval(() => market.step(), MARKET_STEP_MS),
    setInterval(() => hockey.step(n++), HOCKEY_STEP_MS),
  ];
}

function newEpoch() {
  return Math.random().toString(36).slice(2, 6);
}

/** mulberry32 */
function seeded(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '0' }, silent: { type: 'boolean', default: false } },
  });
  const { url } = await startGateway({ port: Number(values.port), silent: values.silent });
  console.log(`mock gateway listens on ${url}`);
}
