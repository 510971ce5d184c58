/** How long to wait before the next attempt. Randomness is an argument, so that tests hold it still. */

const BASE_MS = 300;
const CAP_MS = 20_000;
/** A returning crowd that was told the same moment is still spread over this share of it. */
const SPREAD = 0.2;

export function backoffMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 16));
  return ceiling * (0.5 + random() / 2);
}

/** What the gateway asked for is the least; never earlier. */
export function advisedMs(retryMs: number, random: () => number): number {
  return retryMs * (1 + random() * SPREAD);
}
