/**
 * A seeded storm: topics change, die and are born again while links break, transports and topics change and the
 * gateway forgets its log or restarts. In the end the client must hold exactly what the gateway holds, without a gap.
 */

import { EventSource } from 'eventsource';
import { expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { startGateway } from '../../test/mock-gateway.mjs';
import { type Client, type ConnectOptions, connect, type Transport } from '../src/index.ts';

const SEEDS = Array.from({ length: 8 }, (_, n) => n + 1);
const STEPS = 150;
/** So few that a reader who was away finds some of its entries gone. */
const ENTRIES_MAX = 25;
const STATES = ['quote.x.A', 'quote.x.B', 'book.x.A'];
const EVENTS = ['trade.x.A', 'trade.x.B'];
const PATTERNS = ['quote.>', 'book.>', 'trade.x.A', 'trade.>'];
const TRANSPORTS: Transport[] = ['ws', 'sse', 'poll'];

const environment = { WebSocket, EventSource } as unknown as ConnectOptions['environment'];

test.each(SEEDS)('seed %i', async (seed) => {
  const below = dice(seed);
  const pick = <T>(list: T[]): T => list[below(list.length)]!;
  const mock = await startGateway({ feeds: false, entriesMax: ENTRIES_MAX });
  const client = connect({ url: mock.url, topics: ['quote.>'], transport: pick(TRANSPORTS), environment });
  let wanted = ['quote.>'];
  let number = 0;

  const steps: [number, () => unknown][] = [
    [30, () => mock.gateway.log.publish(pick(STATES), { [pick(['a', 'b', 'c'])]: below(5), n: ++number })],
    [30, () => mock.gateway.log.event(pick(EVENTS), { id: String(++number) })],
    [6, () => mock.gateway.log.mark(pick(STATES), below(2) === 0)],
    [4, () => mock.gateway.log.retire(pick([...STATES, ...EVENTS]))],
    [6, () => client.drop(below(15))],
    [3, () => mock.cutAll()],
    [4, () => client.use(pick(TRANSPORTS))],
    [6, () => (wanted = changeTopics(client, wanted, pick(PATTERNS), pick(PATTERNS)))],
    [1, () => mock.restart()],
  ];
  const deck = steps.flatMap(([weight, act]) => Array<() => unknown>(weight).fill(act));

  for (let n = 0; n < STEPS; n++) {
    pick(deck)();
    if (below(3) === 0) await new Promise((resolve) => setTimeout(resolve, below(6)));
  }

  client.drop(1);
  await vi.waitFor(() => expect(client.status).toBe('live'), { timeout: 8000, interval: 10 });
  await vi.waitFor(() => expect(picture(client)).toEqual(truth(mock, wanted)), {
    timeout: 4000,
    interval: 20,
  });
  expect(client.counters.gaps).toBe(0);
  client.close();
  await mock.close();
});

function changeTopics(client: Client, wanted: string[], add: string, remove: string): string[] {
  client.change([add], [remove]);
  return [...new Set([...wanted.filter((pattern) => pattern !== remove || pattern === add), add])];
}

type Picture = Record<string, { seq: number; stale: boolean; data: unknown }>;

function picture(client: Client): Picture {
  return Object.fromEntries(
    // The newest event only: the client may hold more than the gateway's snapshot does.
    [...client.topics()].map(({ topic, kind, seq, stale, data, events }) => [
      topic,
      { seq, stale, data: kind === 'state' ? data : events.at(-1) },
    ]),
  );
}

function truth(mock: Awaited<ReturnType<typeof startGateway>>, wanted: string[]): Picture {
  return Object.fromEntries(
    mock.gateway.log
      .matching(wanted)
      .map(({ topic, kind, seq, stale, data }) => [
        topic,
        { seq, stale, data: kind === 'state' ? data : (data as unknown[]).at(-1) },
      ]),
  );
}

/** mulberry32 */
function dice(seed: number): (below: number) => number {
  let a = seed;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / (4294967296 / below));
  };
}
