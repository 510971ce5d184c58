/** `@fanwire/client`: one connection to a gateway, whatever the transport, and the state of every topic on it. */

export type { ClientEvents, ConnectOptions, Counters, Status } from './api.ts';
export { Client, connect } from './client.ts';
export { type Cursor, formatCursor, parseCursor } from './cursor.ts';
export { fetchHistory, fetchSnapshot, fetchTopics, type HistoryRange, HttpError } from './http.ts';
export type { ResumeReport } from './join.ts';
export * from './message.ts';
export { mergePatch } from './patch.ts';
export { matches } from './pattern.ts';
export { type Outcome, type TopicState, TopicStore } from './store.ts';
export type { Environment, StreamOptions, Transport } from './transport/link.ts';
