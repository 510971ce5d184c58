/** What the page must do, on each transport. Every wait is for a condition and bounded by the time-out. */

export const PHONE = { width: 390, height: 844 };
const TRANSPORTS = ['ws', 'sse', 'poll'];

export const checks = [
  ...TRANSPORTS.map((transport) => ({
    name: transport,
    pages: (page, url) => onTransport(page, url, transport),
  })),
  { name: 'switching', pages: switching },
];

function onTransport(page, url, transport) {
  return [
    ['the page opens and goes live', () => open(page, url, transport)],
    ['the price changes', () => changes(page, textOf('price'))],
    ['candles are drawn', () => candlesDrawn(page)],
    ['the last candle changes', () => changes(page, textOf('last-candle'))],
    ['the book and the trades are there', () => bookAndTape(page)],
    ['a score changes', () => changes(page, scores)],
    ['plays are listed', () => page.waitForFunction(() => document.querySelectorAll('#plays li').length > 0)],
    ['dropped, it resumes without a gap', () => dropAndResume(page)],
    ['after that the price goes on changing', () => changes(page, textOf('price'))],
  ];
}

/** All three on one page: the connection goes on from its cursor. */
function switching(page, url) {
  return [
    ['the page opens and goes live', () => open(page, url, 'ws')],
    ...['sse', 'poll', 'ws'].map((transport) => [
      `it goes on over ${transport}`,
      () => switchTo(page, transport),
    ]),
    ['another symbol has candles and a price', () => otherSymbol(page)],
    ['a score changes', () => changes(page, scores)],
    ['a phone shows it without scrolling sideways', () => fitsPhone(page)],
  ];
}

async function open(page, url, transport) {
  await page.goto(`${url}?transport=${transport}`);
  await live(page);
  await page.waitForFunction(() => document.querySelector('[data-testid="symbol"]').options.length > 0);
}

const live = (page) => page.locator('[data-testid="status"][data-status="live"]').waitFor();

/** For the page: what one element says. */
const textOf = (testId) => ({ read: 'text', testId });
/** For the page: the goals of all games. */
const scores = { read: 'scores' };

/** Waits until there is something and it becomes something else. */
async function changes(page, what) {
  const before = await page.waitForFunction(readPage, { what }).then((handle) => handle.jsonValue());
  await page.waitForFunction(readPage, { what, before });
}

/** Runs in the page: the value, once there is one and it differs from `before`. */
function readPage({ what, before }) {
  const cards = () =>
    [...document.querySelectorAll('[data-score]')].map(({ dataset }) => dataset.score).join(' ');
  const text = () => document.querySelector(`[data-testid="${what.testId}"]`).textContent;
  const now = what.read === 'scores' ? cards() : text();
  const known = /\d/.test(now);
  return known && now !== before ? now : false;
}

async function candlesDrawn(page) {
  await page.waitForFunction(
    () => Number(document.querySelector('[data-testid="candle-count"]').textContent) > 0,
  );
  await page.waitForFunction(colouredPixels);
}

/** Runs in the page: true if a canvas of the chart shows the colours of candles. */
function colouredPixels() {
  for (const canvas of document.querySelectorAll('#chart canvas')) {
    const { width, height } = canvas;
    if (width * height === 0) continue;
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
    let coloured = 0;
    for (let at = 0; at < data.length; at += 4)
      if (Math.abs(data[at] - data[at + 1]) > 90 && data[at + 3] > 200) coloured++;
    if (coloured > 20) return true;
  }
  return false;
}

async function bookAndTape(page) {
  await page.waitForFunction(() => {
    const filled = (side) => document.querySelector(`.${side} .at`)?.textContent !== '';
    return filled('bids') && filled('asks') && document.querySelectorAll('#tape li').length > 0;
  });
}

async function dropAndResume(page) {
  const resumes = await count(page, 'resumes');
  await page.getByTestId('drop').click();
  await page.locator('[data-testid="status"]:not([data-status="live"])').waitFor();
  await resumed(page, resumes);
}

async function switchTo(page, transport) {
  const resumes = await count(page, 'resumes');
  await page.getByTestId(`transport-${transport}`).check({ force: true });
  await resumed(page, resumes);
  await changes(page, textOf('price'));
}

async function resumed(page, before) {
  await page.waitForFunction(
    (n) => Number(document.querySelector('[data-testid="resumes"]').textContent) > n,
    before,
  );
  await live(page);
  const told = await page.getByTestId('resume').textContent();
  if (!/^Resumed from .+: .*(entry|entries) replayed/.test(told))
    throw new Error(`the page tells of no resume: ${told}`);
  for (const name of ['gaps', 'lost']) {
    const n = await count(page, name);
    if (n !== 0) throw new Error(`${name}: ${n}`);
  }
}

async function otherSymbol(page) {
  const symbol = page.getByTestId('symbol');
  const chosen = await symbol.inputValue();
  const others = await symbol.locator('option').evaluateAll((options) => options.map(({ value }) => value));
  const other = others.find((value) => value !== chosen && value.startsWith(chosen.split('.')[0]));
  if (!other) return;
  await symbol.selectOption(other);
  await changes(page, textOf('price'));
  await candlesDrawn(page);
}

async function fitsPhone(page) {
  const before = page.viewportSize();
  await page.setViewportSize(PHONE);
  await page.waitForFunction(() => document.documentElement.scrollWidth <= window.innerWidth);
  await page.setViewportSize(before);
}

async function count(page, testId) {
  return Number((await page.getByTestId(testId).textContent()).replaceAll(',', ''));
}
