// Runs: what they give, and that whatever a program does leaves the machine alive and the next run unharmed.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { MachineError, Tgvm } from '../src/index.js';
import { ENDLESS, HELLO, TASKS, started } from './common.mjs';

async function isUnharmed(vm) {
  assert.equal((await vm.run(HELLO)).output, 'hello\n');
}

test('a program sees arguments, input, files and its clock; its output comes as it is printed', async (t) => {
  const vm = await started(t);
  const pieces = [];
  const result = await vm.run(
    `fn main() {
    let all = args()
    print("{all[0]} {read_lines().len()} {read_file("in.txt")} {clock() >= 0.0}")
    eprint("aside")
    write_file("out/made.txt", "größer")
    write_png("dot.png", Grid[Int](2, 3, fill: 0xFF0000))
}`,
    { args: ['one', 2], input: 'a\nb\n', files: { 'in.txt': 'text' }, onOutput: (text, to) => pieces.push([text, to]) },
  );
  assert.equal(result.result, 'done', JSON.stringify(result));
  assert.equal(result.output, 'one 2 text true\n');
  assert.equal(result.errors, 'aside\n');
  // It comes in as many pieces as there is time for, but in order.
  const order = pieces.map(([, to]) => to);
  assert.equal(order.lastIndexOf('out') + 1, order.indexOf('error'));
  assert.equal(new TextDecoder().decode(result.files['out/made.txt']), 'größer');
  assert.deepEqual([...result.files['dot.png'].subarray(1, 4)], [...Buffer.from('PNG')]);
});

test('what is printed first comes while the program runs', async (t) => {
  for (const options of [{ workers: 2 }, { shared: false }]) {
    const vm = await started(t, options);
    const stop = new AbortController();
    const first = new Promise((resolve) => {
      let all = '';
      const onOutput = (text) => (all += text).endsWith('\n') && resolve(all);
      vm.run('fn main() {\n print("now")\n var x = 0\n while true { x = x +% 1 }\n}', { onOutput, signal: stop.signal });
    });
    assert.equal(await first, 'now\n');
    stop.abort();
    await isUnharmed(vm);
  }
});

test('mistakes are diagnostics, with offsets as scripts count them', async (t) => {
  const vm = await started(t);
  const source = 'fn main() {\n    print("𝄞"); prin(1)\n}\n';
  const [diagnostic] = await vm.check(source);
  assert.equal(diagnostic.code, 'E0202');
  const [{ from, to, line }] = diagnostic.labels;
  assert.equal(source.slice(from, to), 'prin');
  assert.equal(line, 2);
  const result = await vm.run(source);
  assert.equal(result.result, 'rejected');
  assert.deepEqual(result.diagnostics, [diagnostic]);
  assert.deepEqual(await vm.check(HELLO), []);
});

test('a trap is a diagnostic with the chain of calls', async (t) => {
  const vm = await started(t);
  const source = 'fn at(xs: [Int], i: Int) -> Int { return xs[i] }\nfn main() {\n    print("before")\n    print(at([1, 2], args().len() + 5))\n}\n';
  const result = await vm.run(source);
  assert.equal(result.result, 'trap');
  assert.equal(result.exitCode, 1);
  assert.equal(result.output, 'before\n');
  assert.equal(result.trap.code, 'T0004');
  const [{ from, to }] = result.trap.labels;
  assert.equal(source.slice(from, to), 'xs[i]');
  assert.deepEqual(result.trap.calls.map((call) => [call.text, call.line]), [['main', 4]]);
  await isUnharmed(vm);
});

test('an endless program is stopped by a signal, and by a limit of time or steps', async (t) => {
  for (const options of [{ workers: 2 }, { shared: false }]) {
    const vm = await started(t, options);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    const aborted = await vm.run(ENDLESS, { signal: stop.signal });
    assert.deepEqual([aborted.result, aborted.exitCode, aborted.stop.reason], ['stop', 130, 'abort']);
    assert.equal((await vm.run(HELLO, { signal: stop.signal })).stop.reason, 'abort', 'it has been raised already');
    const late = await vm.run(ENDLESS, { timeout: 50 });
    assert.deepEqual([late.result, late.exitCode, late.stop.reason], ['stop', 3, 'time']);
    const long = await vm.run(ENDLESS, { maxSteps: 1000 });
    assert.deepEqual([long.result, long.exitCode, long.stop.reason], ['stop', 3, 'steps']);
    await isUnharmed(vm);
  }
});

test('a program of endless tasks is stopped, on all workers', async (t) => {
  const vm = await started(t, { workers: 4 });
  const source = `task spin(n: Int) -> Int {\n    var x = n\n    while true { x = x +% 1 }\n    return x\n}
fn main() {\n    let all = [spin(n) for n in 0..100]\n    print(all.len())\n}\n`;
  for (const issue of ['lazy', 'eager']) {
    const result = await vm.run(source, { issue, timeout: 100 });
    assert.equal(result.stop?.reason, 'time', issue);
  }
  await isUnharmed(vm);
});

test('a program that exhausts memory, or recurses without end, ends by itself', async (t) => {
  for (const options of [{ workers: 2 }, { shared: false }]) {
    const vm = await started(t, options);
    const grows = 'fn main() {\n    var all = [0]\n    while true { all.push(1) }\n}\n';
    const full = await vm.run(grows, { maxMemory: 64 << 20 });
    assert.deepEqual([full.result, full.exitCode, full.stop.reason], ['stop', 3, 'memory']);
    const writes = 'fn main() {\n    while true { append_file("a", "0123456789") }\n}\n';
    assert.equal((await vm.run(writes, { maxMemory: 1 << 20 })).stop.reason, 'memory');
    const deep = await vm.run('fn down(n: Int) -> Int { return 1 + down(n + 1) }\nfn main() { print(down(0)) }\n', {
      maxDepth: 1 << 20,
    });
    assert.equal(deep.trap?.code, 'T0009', JSON.stringify(deep));
    await isUnharmed(vm);
  }
});

test('deeply nested text is refused or compiled, but does not end the machine', async (t) => {
  const vm = await started(t);
  const nested = `fn main() { print(${'('.repeat(20_000)}1${')'.repeat(20_000)}) }\n`;
  const result = await vm.run(nested);
  assert.ok(['done', 'rejected'].includes(result.result), result.result);
  await isUnharmed(vm);
});

test('runs are one after the other, and a check need not wait for them', async (t) => {
  const vm = await started(t);
  const stop = new AbortController();
  const endless = vm.run(ENDLESS, { signal: stop.signal });
  const next = vm.run(HELLO);
  assert.equal((await vm.check('fn main() { x }')).length, 1);
  stop.abort();
  assert.equal((await endless).stop.reason, 'abort');
  assert.equal((await next).output, 'hello\n');
});

test('much output comes whole and in order', async (t) => {
  for (const options of [{ workers: 2 }, { shared: false }]) {
    const vm = await started(t, options);
    let length = 0;
    const onOutput = (text) => (length += text.length);
    const result = await vm.run('fn main() {\n    for i in 0..200_000 { print("line {i} of many that are printed") }\n}\n', {
      onOutput,
    });
    const lines = result.output.split('\n');
    assert.equal(lines.length, 200_001);
    assert.ok(lines.slice(0, -1).every((line, index) => line === `line ${index} of many that are printed`));
    assert.equal(length, result.output.length);
  }
});

test('of what is printed so much is kept, and all is told', async (t) => {
  const vm = await started(t);
  const source = 'fn main() { for i in 0..1000 { print("0123456789") } }';
  let told = 0;
  const result = await vm.run(source, { maxOutput: 25, onOutput: (text) => (told += text.length) });
  assert.equal(result.output, '0123456789\n0123456789\n012');
  assert.deepEqual([result.result, result.outputCut, told], ['done', true, 11_000]);
  assert.equal((await vm.run(HELLO)).outputCut, false);
});

test('a run tells what it took, and what happened', async (t) => {
  const vm = await started(t);
  const source = `task work(n: Int) -> Int {\n    var x = n\n    for i in 0..1000 { x = (x *% 31) +% i }\n    return x
}\nfn main() {\n    var total = 0\n    for n in 0..20 { total = total +% work(n) }\n    print(total)\n}\n`;
  const told = [];
  const { stats, record } = await vm.run(source, { issue: 'eager', record: true, onProgress: ({ events }) => told.push(...events) });
  assert.deepEqual(told, record.events.slice(0, told.length));
  assert.ok(stats.instructions > 20_000 && stats.milliseconds > 0 && stats.peakMemory > 0);
  assert.equal(stats.workers.length, 2);
  assert.equal(record.cut, false);
  const issued = record.events.filter(({ what, name }) => what === 'issued' && name === 'work');
  assert.equal(issued.length, 20);
  assert.ok(issued.every(({ line }) => line === 8));
  const ended = new Set(record.events.filter(({ what }) => what === 'completed').map(({ entry }) => entry));
  assert.ok(issued.every(({ entry }) => ended.has(entry)));
});

test('while a run is under way it tells what it is at', async (t) => {
  const vm = await started(t);
  const stop = new AbortController();
  const told = [];
  const onProgress = (progress) => {
    told.push(progress);
    const isSeen = ['issued', 'started', 'completed'].every((what) => told.some(({ events }) => events.some((event) => event.what === what)));
    if (isSeen && progress.awake.length === 2) stop.abort();
  };
  const { result, record } = await vm.run(TASKS, { issue: 'eager', record: true, onProgress, signal: stop.signal, timeout: 20_000 });
  assert.equal(result, 'stop');
  assert.ok(stop.signal.aborted, JSON.stringify(told.at(-1)));
  assert.ok(told.every(({ time }, index) => time > (told[index - 1]?.time ?? 0)));
  // None is missing, and none is told twice.
  const events = told.flatMap(({ events }) => events);
  assert.deepEqual(events, record.events.slice(0, events.length));
});

test('what is passed wrongly is said at once', async (t) => {
  const vm = await started(t);
  await assert.rejects(vm.run(HELLO, { files: { a: 1 } }), /the file `a` is neither text nor a Uint8Array/);
  await assert.rejects(Tgvm.start({ workers: 0 }), RangeError);
  await isUnharmed(vm);
});

test('a terminated machine says so', async () => {
  const vm = await Tgvm.start({ workers: 2 });
  const endless = vm.run(ENDLESS);
  setTimeout(() => vm.terminate(), 50);
  await assert.rejects(endless, MachineError);
  await assert.rejects(vm.run(HELLO), /the machine has been terminated/);
});

test('a worker that fails to start is said to', async () => {
  const broken = { thread: new URL('./broken.mjs', import.meta.url) };
  await assert.rejects(Tgvm.start({ workers: 2, scripts: broken }), /a worker of the machine has failed: it is broken/);
  const missing = { service: new URL('./missing.mjs', import.meta.url) };
  await assert.rejects(Tgvm.start({ workers: 2, scripts: missing }), /a worker of the machine has failed: .*missing\.mjs/);
  await assert.rejects(Tgvm.start({ wasm: new URL('./missing.wasm', import.meta.url) }), /missing\.wasm/);
});

test('after a worker has failed the machine starts anew', async (t) => {
  t.after(() => rmSync(join(tmpdir(), `tgvm-fails-once-${process.pid}`), { force: true }));
  const vm = await started(t, { workers: 2, scripts: { thread: new URL('./fails-once.mjs', import.meta.url) } });
  await assert.rejects(vm.run(ENDLESS), /a worker of the machine has failed: it fails once/);
  await isUnharmed(vm);
});
