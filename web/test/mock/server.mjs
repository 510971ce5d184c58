/** The mock's transports: WebSocket, SSE, long-poll and the plain requests, and the built page at `/`. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { matches } from './log.mjs';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const HEARTBEAT_MS = 15_000;
const GATHER_MS = 20;

export class Server {
  constructor(gateway) {
    this.gateway = gateway;
    this.cuts = new Set();
    this.http = createServer((request, response) => this.answer(request, response));
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'fanwire.v1' });
    this.http.on('upgrade', (request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, (ws) => this.webSocket(ws)),
    );
  }

  get log() {
    return this.gateway.log;
  }

  listen(port) {
    return new Promise((resolve) => {
      this.http.listen(port, '127.0.0.1', () => resolve(`http://127.0.0.1:${this.http.address().port}/`));
    });
  }

  /** Breaks every connection at once, as a network does. */
  cutAll() {
    for (const cut of [...this.cuts]) cut();
    this.cuts.clear();
  }

  close() {
    this.cutAll();
    this.http.closeAllConnections();
    return new Promise((resolve) => this.http.close(resolve));
  }

  answer(request, response) {
    const url = new URL(request.url, 'http://localhost');
    const handlers = {
      '/v1/sse': () => this.sse(request, response, url.searchParams),
      '/v1/poll': () => this.poll(response, url.searchParams),
      '/v1/snapshot': () => json(response, this.round(topicsOf(url.searchParams))),
      '/v1/history': () => this.history(response, url.searchParams),
      '/v1/topics': () => this.catalogue(response, url.searchParams),
    };
    const handler = handlers[url.pathname] ?? (() => file(response, url.pathname));
    handler();
  }

  hello() {
    const { epoch } = this.log;
    return { t: 'hello', v: 1, id: 'c-1', epoch, heartbeat_ms: HEARTBEAT_MS, now: Date.now() };
  }

  /** Sends what comes from now on; returns what ends it. */
  follow(patterns, send) {
    const { log } = this;
    const reader = (entry) => patterns.some((p) => matches(p, entry.topic)) && send(entry);
    log.readers.add(reader);
    return () => log.readers.delete(reader);
  }

  webSocket(ws) {
    const patterns = [];
    const send = (message) => ws.send(JSON.stringify(message));
    send(this.hello());
    const stop = this.follow(patterns, (entry) => ws.send(entry.text));
    const beat = setInterval(() => send({ t: 'at', cursor: this.log.cursor }), HEARTBEAT_MS);
    const cut = () => ws.terminate();
    this.cuts.add(cut);
    ws.on('message', (text) => this.operate(JSON.parse(text), patterns, send));
    ws.on('close', () => {
      stop();
      clearInterval(beat);
      this.cuts.delete(cut);
    });
  }

  operate(op, patterns, send) {
    if (op.op === 'sub') {
      send({ t: 'ok', id: op.id });
      patterns.push(...op.topics);
      for (const message of this.log.since(op.topics, op.cursor)) send(message);
    } else if (op.op === 'unsub') {
      patterns.splice(0, patterns.length, ...patterns.filter((p) => !op.topics.includes(p)));
      send({ t: 'ok', id: op.id });
    } else if (op.op === 'ping') {
      send({ t: 'pong', id: op.id });
    } else {
      send({ t: 'error', id: op.id, code: 'unknown_op' });
    }
  }

  sse(request, response, query) {
    const patterns = topicsOf(query);
    const cursor = request.headers['last-event-id'] ?? query.get('cursor') ?? undefined;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const write = (text, id) => response.write(`${id ? `id: ${id}\n` : ''}data: ${text}\n\n`);
    write(JSON.stringify(this.hello()));
    for (const message of this.log.since(patterns, cursor)) write(JSON.stringify(message), message.cursor);
    const stop = this.follow(patterns, (entry) => write(entry.text, `${this.log.epoch}:${entry.o}`));
    const cut = () => response.destroy();
    this.cuts.add(cut);
    response.on('close', () => {
      stop();
      this.cuts.delete(cut);
    });
  }

  poll(response, query) {
    const patterns = topicsOf(query);
    const cursor = query.get('cursor') ?? undefined;
    const first = this.round(patterns, cursor);
    if (!cursor || first.messages.length > 0) return json(response, first);
    const stop = this.follow(patterns, () => finish(GATHER_MS));
    const cut = () => response.destroy();
    this.cuts.add(cut);
    let timer;
    const finish = (ms) => {
      stop();
      clearTimeout(timer);
      timer = setTimeout(() => json(response, this.round(patterns, cursor)), ms);
    };
    timer = setTimeout(() => finish(0), Number(query.get('wait') ?? 25) * 1000);
    response.on('close', () => {
      stop();
      clearTimeout(timer);
      this.cuts.delete(cut);
    });
  }

  /** As a body: the closing `at` becomes the cursor, unless it says more. */
  round(patterns, cursor) {
    const messages = this.log.since(patterns, cursor);
    return { cursor: this.log.cursor, messages: messages.filter(({ t, full }) => t !== 'at' || full) };
  }

  history(response, query) {
    const topic = query.get('topic');
    const data = this.gateway.history(topic, Number(query.get('limit') ?? 500));
    if (!data) return json(response, { code: 'unknown_topic' }, 404);
    json(response, { cursor: this.log.cursor, topic, seq: this.log.topics.get(topic).seq, data });
  }

  catalogue(response, query) {
    const held = this.log.matching([query.get('match') ?? '>']);
    const line = ({ topic, kind, seq, ts }) => ({ topic, kind, seq, age_ms: Date.now() - ts });
    json(response, { topics: held.map(line) });
  }
}

function topicsOf(query) {
  return (query.get('topics') ?? '').split(',').filter(Boolean);
}

function json(response, body, status = 200) {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

async function file(response, path) {
  const name = normalize(path === '/' ? '/index.html' : path);
  try {
    const body = await readFile(join(DIST, name));
    response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}
