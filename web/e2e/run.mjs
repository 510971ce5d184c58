/**
 * The page in a real browser, on each transport.
 *
 *     node e2e/run.mjs --url http://127.0.0.1:7400/
 *     node e2e/run.mjs --spawn "node test/mock-gateway.mjs" [--screenshot page.png] [--timeout 60]
 *
 * `--spawn` runs a command, reads the address it prints, and ends it afterwards. `--timeout` bounds each wait, in
 * seconds. The browser is $CHROMIUM, or /usr/bin/chromium. The last line counts what passed; the exit status is 1 if
 * anything failed.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { checks, PHONE } from './checks.mjs';
import { spawnGateway } from './spawn.mjs';

const BROWSER_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const DESK = { width: 1280, height: 800 };

const { values: options } = parseArgs({
  options: {
    url: { type: 'string' },
    spawn: { type: 'string' },
    screenshot: { type: 'string' },
    timeout: { type: 'string', default: '60' },
  },
});
try {
  process.exitCode = (await run(options)) === 0 ? 0 : 1;
} catch (error) {
  console.log(`FAIL start: ${error.message}\n0 passed, 1 failed`);
  process.exitCode = 1;
}

/** Returns how many checks failed. */
async function run({ url, spawn, screenshot, timeout }) {
  if (!url === !spawn) throw new Error('give either --url or --spawn');
  const timeoutMs = Number(timeout) * 1000;
  const gateway = spawn ? await spawnGateway(spawn, timeoutMs) : { url, end: async () => {} };
  const profile = await mkdtemp(join(tmpdir(), 'fanwire-e2e-'));
  try {
    return await inBrowser(profile, timeoutMs, (context) => runAll(context, gateway.url, screenshot));
  } finally {
    await gateway.end();
    await rm(profile, { recursive: true, force: true });
  }
}

async function inBrowser(profile, timeoutMs, act) {
  const context = await openBrowser(profile);
  try {
    context.setDefaultTimeout(timeoutMs);
    return await act(context);
  } finally {
    await context.close();
  }
}

function openBrowser(profile) {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  return chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: BROWSER_ARGS,
    viewport: DESK,
  });
}

/** Returns how many failed. */
async function runAll(context, url, screenshot) {
  let [passed, failed] = [0, 0];
  for (const { name, pages } of checks) {
    const page = await context.newPage();
    const complaints = listen(page);
    let broken = false;
    for (const [what, check] of pages(page, url)) {
      const problem = broken ? 'not tried' : await outcome(check, complaints);
      broken ||= problem !== undefined;
      if (problem === undefined) passed++;
      else failed++;
      console.log(
        `${problem === undefined ? 'ok  ' : 'FAIL'} ${name}: ${what}${problem ? `: ${problem}` : ''}`,
      );
    }
    if (screenshot && (broken || name === checks.at(-1).name)) await shoot(page, screenshot);
    await page.close();
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed;
}

/** What went wrong; `undefined` if nothing did. */
async function outcome(check, complaints) {
  try {
    await check();
    return complaints.length > 0 ? complaints.join('; ') : undefined;
  } catch (error) {
    return [String(error.message).split('\n')[0], ...complaints].join('; ');
  }
}

/** Errors of the page and of its console. */
function listen(page) {
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error')
      complaints.push(`console error: ${message.text()} ${message.location().url}`);
  });
  return complaints;
}

async function shoot(page, path) {
  await page.screenshot({ path });
  await page.setViewportSize(PHONE);
  await page.screenshot({ path: path.replace(/(\.png)?$/, '-phone.png'), fullPage: true });
  await page.setViewportSize(DESK);
}
