/** The plain requests: a snapshot, a history, the catalogue. Each rejects with `HttpError` on a refusal. */

import type { Bar, Batch, History, TopicLine } from './message.ts';

export interface HistoryRange {
  /** Unix ms, inclusive. */
  from?: number;
  /** Unix ms, exclusive. */
  to?: number;
  /** Items at most, the newest ones. */
  limit?: number;
}

export class HttpError extends Error {
  constructor(
    readonly status: number,
    url: URL,
  ) {
    super(`HTTP ${status} from ${url.pathname}`);
  }
}

export async function fetchSnapshot(
  url: string | URL,
  topics: string[],
  signal?: AbortSignal,
): Promise<Batch> {
  return fetchJson(url, 'v1/snapshot', { topics: topics.join(',') }, signal);
}

export async function fetchHistory<T = Bar>(
  url: string | URL,
  topic: string,
  range: HistoryRange = {},
  signal?: AbortSignal,
): Promise<History<T>> {
  return fetchJson(url, 'v1/history', { topic, ...range }, signal);
}

export async function fetchTopics(
  url: string | URL,
  match: string,
  signal?: AbortSignal,
): Promise<TopicLine[]> {
  const body = await fetchJson<{ topics: TopicLine[] }>(url, 'v1/topics', { match }, signal);
  return body.topics;
}

async function fetchJson<T>(
  base: string | URL,
  path: string,
  query: Record<string, string | number | undefined>,
  signal?: AbortSignal,
): Promise<T> {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const response = await fetch(url, { signal });
  if (!response.ok) throw new HttpError(response.status, url);
  return (await response.json()) as T;
}
