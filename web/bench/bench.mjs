// What there is to be measured of the package: `npm run bench`, or `npm run bench -- study kernels` for some of it. The figures mean
// something on an idle machine only; each is a ratio to a peer in the same run, or of the best of several runs.

import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';

import { serve } from '../scripts/server.mjs';
import { Tgvm } from '../src/index.js';
import { openBrowser } from '../test/browser.mjs';
import { conclude, least, microseconds, table, target } from './figures.mjs';
import { runStudy } from './study.js';
import { measureWake } from './wake.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const web = join(root, 'web');
const RUNS = 5;

const read = (...path) => readFileSync(join(root, ...path), 'utf8');

/** The native machine, built once. */
function native() {
  const { status } = spawnSync('cargo', ['build', '--release', '--quiet'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error('the native machine could not be built');
  const binary = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release', 'tgvm');
  return (...args) => {
    const begin = performance.now();
    const { status, stdout } = spawnSync(binary, ['run', ...args], { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${args.join(' ')} failed`);
    return { milliseconds: performance.now() - begin, output: stdout };
  };
}

function size() {
  const wasm = readFileSync(join(web, 'dist', 'tgvm.wasm'));
  const scripts = ['index.js', 'service.js', 'thread.js'];
  const all = [wasm, ...scripts.map((name) => readFileSync(join(web, 'dist', name)))];
  const kib = (compress) => all.map((bytes) => compress(bytes).length).reduce((sum, length) => sum + length) / 1024;
  const [brotli, gzip] = [kib(brotliCompressSync), kib((bytes) => gzipSync(bytes, { level: 9 }))];
  table('Download, KiB: the module and the scripts', ['', 'KiB'], [
    ['as they are', (all.reduce((sum, bytes) => sum + bytes.length, 0) / 1024).toFixed(0)],
    ['gzip', gzip.toFixed(0)],
    ['brotli', brotli.toFixed(0)],
  ]);
  target('compressed download (brotli)', brotli, 'at most', 700, ' KiB');
}

/** The interpreter in order: the same kernels as text, natively and on wasm, in turns. */
async function kernels() {
  const run = native();
  const vm = await Tgvm.start({ workers: 1 });
  const hello = join(root, 'programs', 'hello.tg');
  const start = least(Array.from({ length: 9 }, () => run('--workers', '1', hello).milliseconds));
  const names = readdirSync(join(root, 'benches', 'kernels')).filter((name) => name.endsWith('.tg'));
  const rows = [];
  const ratios = [];
  for (const file of names) {
    const source = read('benches', 'kernels', file);
    const [natively, onWasm] = [[], []];
    for (let i = 0; i < RUNS; i++) {
      const { milliseconds, output } = run('--workers', '1', join('benches', 'kernels', file));
      const result = await vm.run(source);
      if (result.output !== output) throw new Error(`${file} gives something else on wasm: ${JSON.stringify(result)}`);
      natively.push(milliseconds - start);
      onWasm.push(result.stats.milliseconds);
    }
    const ratio = least(onWasm) / least(natively);
    ratios.push(ratio);
    rows.push([file.replace('.tg', ''), least(natively).toFixed(0), least(onWasm).toFixed(0), ratio.toFixed(2)]);
  }
  vm.terminate();
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  rows.push(['geometric mean', '', '', mean.toFixed(2)]);
  table('Kernels on one worker, ms', ['', 'native', 'wasm', 'wasm over native'], rows);
  target('wasm over native on the kernels', mean, 'at most', 1.6);
}

/** Each has at least half a second of work for one worker. */
const PARALLEL = [
  ['fib', 36],
  ['nqueens', 12],
  ['merge_sort', 1_000_000],
  ['cholesky', 640],
  ['smith_waterman', 3600],
  ['mandelbrot', 700],
];
/** What a program has to reach natively for something to be asked of it here. */
const SCALES = 1.9;

/** One worker against two, in turns, natively and on wasm. */
async function speedUp() {
  const run = native();
  const vm = await Tgvm.start({ workers: 2 });
  const rows = [];
  for (const [name, ...args] of PARALLEL) {
    const path = join('benches', 'parallel', `${name}.tg`);
    const source = read(path);
    const times = { native: { 1: [], 2: [] }, wasm: { 1: [], 2: [] } };
    for (let i = 0; i < RUNS; i++) {
      for (const workers of [1, 2]) {
        times.native[workers].push(run('--workers', String(workers), path, ...args.map(String)).milliseconds);
        const { result, stats } = await vm.run(source, { args, workers });
        if (result !== 'done') throw new Error(`${name} does not run: ${result}`);
        times.wasm[workers].push(stats.milliseconds);
      }
    }
    const [natively, onWasm] = [times.native, times.wasm].map((of) => least(of[1]) / least(of[2]));
    rows.push([name, least(times.wasm[1]).toFixed(0), least(times.wasm[2]).toFixed(0), onWasm.toFixed(2), natively.toFixed(2)]);
    if (natively >= SCALES) target(`speed-up of ${name} on 2 workers, natively ${natively.toFixed(2)}`, onWasm, 'at least', 1.8);
  }
  vm.terminate();
  table('Speed-up on two workers, ms on wasm', ['', 'one', 'two', 'speed-up', 'natively'], rows);
}

/** Each is a step of a loop; the first is the loop itself, and the second the peer. */
const STEPS = [
  ['the loop', 'x = x + 1.0'],
  ['an `fn` of the program: Float', 'x = bytecode(x)'],
  ['a script: Float', 'x = plusFloat(x)'],
  ['a script: Int, as a bigint', 'n = plusInt(n)'],
  ['a script: Int, as a number', 'n = plusNumber(n)'],
  ['a script: 16 Floats in place', 'scale(&xs, 1.0)'],
];

/** What a call of a script's function costs, beside one of the program's own. */
async function calls() {
  const vm = await Tgvm.start({ workers: 1 });
  await vm.register(new URL('./functions.js', import.meta.url));
  const count = 1_000_000;
  const times = STEPS.map(() => []);
  for (let i = 0; i < RUNS; i++) {
    for (const [index, [, step]] of STEPS.entries()) {
      const { result, stats } = await vm.run(`
        extern fn plusFloat(x: Float) -> Float
        extern fn plusInt(x: Int) -> Int
        extern fn plusNumber(x: Int) -> Int
        extern fn scale(inout xs: [Float], k: Float)
        fn bytecode(x: Float) -> Float {
            // Not so simple that it would be inlined.
            if x < 0.0 { return 0.0 }
            return x + 1.0
        }
        fn main() {
            var x = 0.0
            var n = 0
            var xs = [Float](16, fill: 1.0)
            for i in 0..${count} { ${step} }
            print("{x} {n} {xs[0]} {bytecode(x)} {plusFloat(x)} {plusInt(n)} {plusNumber(n)}")
            scale(&xs, 2.0)
        }`);
      if (result !== 'done') throw new Error(`${step} does not run: ${result}`);
      times[index].push(stats.milliseconds);
    }
  }
  vm.terminate();
  const [loop, ...rest] = times.map((each) => (least(each) * 1e6) / count);
  const rows = rest.map((each, index) => {
    return [STEPS[index + 1][0], (each - loop).toFixed(0), ((each - loop) / (rest[0] - loop)).toFixed(1)];
  });
  table('A call, one worker, in order', ['', 'ns', 'over a call of an `fn`'], rows);
}

const WAYS = {
  index: 'a message with an index into shared memory',
  clone: 'a message with the arguments, cloned',
  awake: 'shared memory, to a worker that is awake',
  asleep: 'shared memory, to a worker that sleeps',
  queue: 'a shared queue',
};

function tell(where, { sizes, trips, streams, grains }) {
  const head = ['', ...sizes.map((size) => (size < 1024 ? `${size} B` : size < 1 << 20 ? `${size >> 10} KiB` : '1 MiB'))];
  const rows = (of) => Object.entries(of).map(([way, values]) => [WAYS[way], ...values.map(microseconds)]);
  table(`${where}: there and back, µs`, head, rows(trips));
  table(`${where}: a stream of empty tasks to two workers, µs each`, head, rows(streams));
  table(`${where}: smallest grain with a speed-up of 1.5 on two workers, µs (– is none up to 4096)`, head, rows(grains));
  target(`${where}: hand-off to an awake worker`, trips.awake[0] / 2, 'at most', 0.5, ' µs');
}

/** How long a browser that has been opened is busy with itself, in milliseconds. */
const SETTLING = 3000;

/** A page of the package in Chromium, over loopback. */
async function inChromium(body) {
  const server = await serve(web);
  const { page, close } = await openBrowser();
  try {
    await page.waitForTimeout(SETTLING);
    return await body(page, server.url);
  } finally {
    await close();
    await server.stop();
  }
}

/** What it takes to wake a worker of the machine that sleeps. */
async function wake() {
  const inNode = await measureWake(WebAssembly.compile(readFileSync(join(web, 'dist', 'tgvm.wasm'))));
  const inPage = await inChromium(async (page, url) => {
    await page.goto(`${url}bench/page.html`);
    return page.evaluate(async () => {
      const { measureWake } = await import('./wake.js');
      return measureWake(WebAssembly.compileStreaming(fetch('../dist/tgvm.wasm')));
    });
  });
  const rows = [];
  for (const [where, { bare, parked }] of [['Node', inNode], ['Chromium', inPage]]) {
    rows.push([where, microseconds(bare), microseconds(parked), (parked / bare).toFixed(2)]);
    target(`${where}: waking a worker over a bare wait and notify`, parked / bare, 'at most', 1.5);
  }
  table('To a worker that sleeps, µs', ['', 'wait and notify', 'the machine', 'ratio'], rows);
}

async function study() {
  tell('Node', await runStudy());
  const results = await inChromium(async (page, url) => {
    await page.goto(`${url}bench/page.html`);
    return page.evaluate(async () => (await import('./study.js')).runStudy());
  });
  tell('Chromium', results);
}

/** From opening a page to the output of its first program, and from opening the playground to where one may press Run. */
async function firstRun() {
  await import('../scripts/playground.mjs');
  const times = { output: [], run: [] };
  /** What a page says of its beginning. */
  const opened = (path, mark) => async (page, url) => {
    // Whoever opens a page has a browser that runs, and has been to the site.
    await page.goto(`${url}bench/empty.html`);
    await page.goto(url + path);
    await page.waitForFunction((mark) => performance.getEntriesByName(mark).length > 0, mark);
    return page.evaluate((mark) => performance.getEntriesByName(mark)[0].startTime, mark);
  };
  for (let i = 0; i < RUNS; i++) {
    times.output.push(await inChromium(opened('bench/page.html?run', 'first output')));
    times.run.push(await inChromium(opened('dist/playground/?workers=2', 'ready')));
  }
  table('Chromium, over loopback: from opening a page', ['', 'ms'], [
    ['to the first output of a program', least(times.output).toFixed(0)],
    ['to where the playground runs programs', least(times.run).toFixed(0)],
  ]);
  target('first run of a page', least(times.output), 'at most', 300, ' ms');
  target('the playground ready to run', least(times.run), 'at most', 300, ' ms');
}

/** A program that keeps all workers busy, and prints. */
const BUSY = `
task work(n: Int) -> Int {
    var x = n
    for i in 0..1_000_000 { x = (x *% 31) +% i }
    return x
}
fn main() {
    while true { print(max(work(n) for n in 0..64)) }
}`;

/** The longest task of a page's main thread while all workers are busy; those of up to 50 ms a browser does not tell. */
async function responsive() {
  const { longest, printed } = await inChromium(async (page, url) => {
    await page.goto(`${url}bench/page.html`);
    return page.evaluate(async (source) => {
      const { Tgvm } = await import('../src/index.js');
      const vm = await Tgvm.start();
      let [longest, printed] = [0, 0];
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
      }).observe({ type: 'longtask' });
      await vm.run(source, { timeout: 3000, onOutput: () => printed++ });
      vm.terminate();
      return { longest, printed };
    }, BUSY);
  });
  if (printed === 0) throw new Error('the program did not come to print');
  table('Chromium: while all workers are busy for 3 s', ['', 'ms'], [['longest task above 50 ms', longest || 'none']]);
  target('longest task of the main thread', longest, 'at most', 50, ' ms');
}

const ALL = { size, kernels, calls, 'speed-up': speedUp, 'first-run': firstRun, responsive, wake, study };
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in ALL));
if (unknown.length > 0) throw new Error(`there is no ${unknown}: ${Object.keys(ALL).join(', ')}`);
for (const [name, measure] of Object.entries(ALL)) if (wanted.length === 0 || wanted.includes(name)) await measure();
process.exit(conclude() ? 0 : 1);
