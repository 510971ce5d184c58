/** Starts a gateway by a command and finds out where it listens. */

import { spawn } from 'node:child_process';

const ADDRESS = /(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1?\]):(\d+)/g;
const PROBE_MS = 200;
const END_MS = 10_000;

/** The address is the first one printed that answers as a gateway: a demo may print those of its providers too. */
export async function spawnGateway(command, timeoutMs) {
  const child = spawn(command, { shell: true, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const ports = new Set();
  let output = '';
  const read = (chunk) => {
    output = (output + chunk).slice(-4000);
    for (const [, port] of output.matchAll(ADDRESS)) ports.add(port);
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const exited = new Promise((resolve) => child.on('exit', resolve));
  const end = () => endGroup(child, exited);
  const url = await findGateway(ports, child, timeoutMs);
  if (url) return { url, end };
  await end();
  throw new Error(`no gateway came up from: ${command}\n${output}`);
}

async function findGateway(ports, child, timeoutMs) {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline && child.exitCode === null) {
    for (const port of ports) {
      const url = `http://127.0.0.1:${port}/`;
      if (await answers(url)) return url;
    }
    await new Promise((resolve) => setTimeout(resolve, PROBE_MS));
  }
  return undefined;
}

async function answers(url) {
  try {
    const response = await fetch(new URL('v1/topics?match=quote.%3E', url), {
      signal: AbortSignal.timeout(2000),
    });
    return response.ok && Array.isArray((await response.json()).topics);
  } catch {
    return false;
  }
}

/** The shell and what it started, and nothing else: they are a process group of their own. */
async function endGroup(child, exited) {
  if (child.exitCode !== null) return;
  signal(child, 'SIGTERM');
  const timer = setTimeout(() => signal(child, 'SIGKILL'), END_MS);
  await exited;
  clearTimeout(timer);
}

function signal(child, name) {
  try {
    process.kill(-child.pid, name);
  } catch {
    // It is gone already.
  }
}
