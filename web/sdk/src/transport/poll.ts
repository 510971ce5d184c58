import { parseCursor } from '../cursor.ts';
import type { Batch } from '../message.ts';
import { address, type Environment, type Link, type Request, type Sink } from './link.ts';

/** How long the gateway may hold a poll, in seconds. */
const WAIT_S = 25;
/** The same where a resume waits to hear that nothing was missed. */
const RESUME_WAIT_S = 1;
/** Beyond that, how long an answer may take before the link counts as dead. */
const GRACE_MS = 15_000;

type Answer = Batch & { full?: boolean };

/** Asks again and again; each answer's cursor is the next request's. */
export function openPoll(request: Request, sink: Sink, env: Environment): Link {
  const abort = new AbortController();
  sink.open();
  void pollOn(request, sink, env, abort);
  return { close: () => abort.abort() };
}

async function pollOn(request: Request, sink: Sink, env: Environment, abort: AbortController): Promise<void> {
  let { cursor } = request;
  let wait = RESUME_WAIT_S;
  while (!abort.signal.aborted) {
    const answer = await ask({ ...request, cursor }, wait, env, abort).catch(refusal);
    if (abort.signal.aborted) return;
    if (answer instanceof Refusal) {
      abort.abort();
      sink.down(answer.message, answer.retryMs);
      return;
    }
    deliver(answer, cursor === undefined, sink, abort.signal);
    cursor = answer.cursor;
    wait = WAIT_S;
  }
}

async function ask(
  request: Request,
  wait: number,
  env: Environment,
  abort: AbortController,
): Promise<Answer> {
  const url = address(request, 'v1/poll', {
    topics: request.topics.join(','),
    cursor: request.cursor,
    wait: request.cursor === undefined ? undefined : wait,
  });
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), wait * 1000 + GRACE_MS);
  abort.signal.addEventListener('abort', () => limit.abort(), { signal: limit.signal });
  try {
    const response = await env.fetch(url, { signal: limit.signal, cache: 'no-store' });
    if (!response.ok) throw new Refusal(`HTTP ${response.status}`, retryAfterMs(response));
    return (await response.json()) as Answer;
  } finally {
    clearTimeout(timer);
    limit.abort();
  }
}

/** Without a cursor the answer holds a snapshot of every topic there is, so its end is the end of a full round. */
function deliver(answer: Answer, whole: boolean, sink: Sink, signal: AbortSignal): void {
  const epoch = parseCursor(answer.cursor)?.epoch;
  if (epoch !== undefined) sink.answer(epoch);
  for (const message of answer.messages) {
    if (signal.aborted) return;
    sink.message(message);
  }
  if (signal.aborted || answer.messages.at(-1)?.t === 'bye') return;
  sink.message({ t: 'at', cursor: answer.cursor, full: whole || answer.full === true });
}

class Refusal extends Error {
  constructor(
    reason: string,
    readonly retryMs?: number,
  ) {
    super(reason);
  }
}

function refusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal('connection lost');
}

function retryAfterMs(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}
