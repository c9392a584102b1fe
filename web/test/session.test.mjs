// Work that is submitted at run time: calls of functions, and the statements of a session.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MachineError, SubmissionError } from '../src/index.js';
import { HELLO, started } from './common.mjs';

const LIBRARY = `
struct Body { pos: Float, name: Str }
task fib(n: Int) -> Int {
    if n < 2 { return n }
    return fib(n - 1) + fib(n - 2)
}
task scale(inout xs: [Float], k: Float) -> Int {
    for i in 0..xs.len() { xs[i] = xs[i] * k }
    return xs.len()
}
fn largest() -> Int { return 9223372036854775807 }
fn turned(g: Grid[Int]) -> Grid[Int] {
    var t = Grid[Int](g.cols(), g.rows(), fill: 0)
    for r in 0..g.rows() { for c in 0..g.cols() { t[c, r] = g[r, c] } }
    return t
}
fn moved(b: Body) -> Body { return Body(pos: b.pos + 1.0, name: "{b.name}!") }
fn say(text: Str) { print("say {text}") }
fn fails(xs: [Int]) -> Int { return xs[xs.len()] }
fn endless() { while true { } }
`;

test('a submission takes values and gives some back', async (t) => {
  const vm = await started(t);
  assert.equal(await vm.submit(LIBRARY, 'fib', [20]), 6765n);
  assert.equal(await vm.submit(LIBRARY, 'largest'), 9223372036854775807n);
  assert.deepEqual(await vm.submit(LIBRARY, 'scale', [Float64Array.of(1, 2.5), 2]), [2n, Float64Array.of(2, 5)]);
  const grid = { rows: 2, cols: 3, cells: [1, 2, 3, 4, 5, 6] };
  const turned = { rows: 3, cols: 2, cells: BigInt64Array.of(1n, 4n, 2n, 5n, 3n, 6n) };
  assert.deepEqual(await vm.submit(LIBRARY, 'turned', [grid]), turned);
  assert.deepEqual(await vm.submit(LIBRARY, 'moved', [{ fields: [1.5, 'ä'] }]), { fields: [2.5, 'ä!'] });
  const pieces = [];
  assert.equal(await vm.submit(LIBRARY, 'say', ['it'], { onOutput: (text) => pieces.push(text) }), undefined);
  assert.equal(pieces.join(''), 'say it\n');
});

test('many submissions go on at once, beside a run', async (t) => {
  const vm = await started(t);
  const sizes = Array.from({ length: 60 }, (_, index) => index % 20);
  const run = vm.run(HELLO);
  const all = await Promise.all(sizes.map((n) => vm.submit(LIBRARY, 'fib', [n])));
  const fib = [0n, 1n];
  for (let n = 2; n < 20; n++) fib.push(fib[n - 1] + fib[n - 2]);
  assert.deepEqual(all, sizes.map((n) => fib[n]));
  assert.equal((await run).output, 'hello\n');
});

test('what goes wrong with a submission is its own affair', async (t) => {
  const vm = await started(t);
  await assert.rejects(vm.submit(LIBRARY, 'fails', [[1, 2]]), (error) => {
    return error instanceof SubmissionError && error.reason === 'trap' && /T0004.*index 2, length 2/.test(error.message);
  });
  await assert.rejects(vm.submit(LIBRARY, 'nothing'), /the module has no function `nothing`/);
  await assert.rejects(vm.submit(LIBRARY, 'fib', ['one']), /argument 1 of `fib`/);
  await assert.rejects(vm.submit(LIBRARY, 'fib', [{}]), TypeError);
  await assert.rejects(vm.submit('fn f() { x }', 'f'), (error) => error.diagnostics.length === 1);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  await assert.rejects(vm.submit(LIBRARY, 'endless', [], { signal: stop.signal }), { reason: 'abort' });
  assert.equal(await vm.submit(LIBRARY, 'fib', [10]), 55n);
});

test('statements of a session run side by side, and wait for what they need', async (t) => {
  const vm = await started(t);
  const session = await vm.session({ files: { 'a.txt': 'from a file' } });
  await session.enter('task slow(n: Int) -> Int { var x = n; while true { x = x +% 1 }; return x }');
  assert.deepEqual((await session.enter('let a = slow(1)')).entered, [{ statement: 1 }]);
  await session.enter('6 * 7');
  await session.enter('a % 10');
  assert.deepEqual(await session.wait(2), { number: 2, output: '', value: '42', failed: null, files: {} });
  const { statements, variables, items } = await session.scoreboard();
  assert.deepEqual(statements.map(({ number, waitsFor }) => [number, waitsFor]), [
    [1, []],
    [3, [{ on: 1, why: 'it writes `a`' }]],
  ]);
  assert.deepEqual(variables, [{ name: 'a', type: 'Int' }]);
  assert.deepEqual(items, ['slow']);
  assert.equal(await session.cancel(1), true);
  assert.equal((await session.wait(1)).failed, 'cancelled');
  assert.match((await session.wait(3)).failed, /`a` has no value, since \[1\] failed: cancelled/);
  await session.enter('print(read_file("a.txt"))');
  assert.equal((await session.wait(4)).output, 'from a file\n');
  await session.enter('write_file("b.txt", "made")');
  assert.equal(new TextDecoder().decode((await session.wait(5)).files['b.txt']), 'made');
  const wrong = await session.enter('let b = c');
  assert.equal(wrong.diagnostics.length, 1);
  await session.close();
  await assert.rejects(session.enter('1'), /the session has been closed/);
});

test('a session tells of each statement as it ends', async (t) => {
  const vm = await started(t);
  const told = [];
  let all;
  const done = new Promise((resolve) => (all = resolve));
  const onEnded = ({ number, value }) => {
    told.push([number, value]);
    if (told.length === 3) all();
  };
  const session = await vm.session({ onEnded });
  await session.enter('var x = 1\nx = x + 1\nx');
  await done;
  assert.deepEqual(told, [
    [1, null],
    [2, null],
    [3, '2'],
  ]);
});

test('where no memory is shared, sessions and submissions say that they can not be', async (t) => {
  const vm = await started(t, { shared: false });
  assert.deepEqual([vm.shared, vm.workers], [false, 1]);
  await assert.rejects(vm.session(), MachineError);
  await assert.rejects(vm.submit(LIBRARY, 'fib', [1]), /not cross-origin isolated/);
});
