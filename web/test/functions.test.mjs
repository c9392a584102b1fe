// Functions of scripts: what crosses, what they do wrong, and that every worker has them, whenever they are registered.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { MachineError } from '../src/index.js';
import { serve } from '../scripts/server.mjs';
import { openBrowser } from './browser.mjs';
import { ENDLESS, HELLO, started } from './common.mjs';

const url = (name) => new URL(`./functions/${name}.js`, import.meta.url);
const ALL = url('all');
const ON = [{ workers: 1 }, { workers: 2 }, { workers: 4 }, { shared: false }];

/** Runs a program that is to end well; its output. */
async function output(vm, source, options) {
  const result = await vm.run(source, options);
  assert.equal(result.result, 'done', JSON.stringify(result));
  return result.output;
}

const CROSSING = `
extern fn nothing()
extern fn next(x: Int) -> Int
extern fn half(x: Float) -> Float
extern fn not(x: Bool) -> Bool
extern fn shout(text: Str) -> Str
extern fn reversed(xs: [Int]) -> [Int]
extern fn total(xs: [Float]) -> Float
extern fn flipped(flags: [Bool]) -> [Bool]
extern fn turned(grid: Grid[Int]) -> Grid[Int]
extern fn add(x: Int, y: Int) -> Int
extern fn bump(inout a: Int, inout b: Float, inout c: Bool, inout d: Str)
extern fn scale(inout xs: [Float], k: Float)
extern fn invert(inout flags: [Bool])
extern fn shade(inout grid: Grid[Float], more: Float)

fn main() {
    nothing()
    print("{next(9007199254740993)} {half(5.0)} {not(true)} {shout("grüße")} {add(40, 2)}")
    print("{reversed([1, 2, 3])} {reversed([Int](0, fill: 0))} {total([0.5, 1.5])} {flipped([true, false])}")
    var grid = Grid[Int](2, 3, fill: 1)
    grid[0, 2] = 7
    let t = turned(grid[.., 1..3])
    print("{t.rows()} {t.cols()} {t[0, 0]} {t[1, 0]}")
    var a = 1
    var b = 1.0
    var c = true
    var d = "ä"
    bump(&a, &b, &c, &d)
    print("{a} {b} {c} {d}")
    var xs = [1.0, 2.0, 3.0]
    scale(&xs[1..3], 10.0)
    var flags = [true, false]
    invert(&flags)
    var shades = Grid[Float](2, 3, fill: 0.5)
    shade(&shades[0..2, 1..3], 1.0)
    print("{xs} {flags} {flags[1] == true} {shades[1, 0]} {shades[1, 2]}")
}`;

test('every type crosses in every mode', async (t) => {
  for (const options of ON) {
    const vm = await started(t, options);
    const names = await vm.register(ALL);
    assert.ok(names.includes('shade') && !names.includes('tgvm'));
    assert.equal(
      await output(vm, CROSSING),
      `9007199254740994 2.5 false GRÜSSE! 42
[3, 2, 1] [] 2.0 [false, true]
2 2 1 7
2 0.5 false ä…
[1.0, 20.0, 30.0] [false, true] true 0.5 1.5
`,
    );
  }
});

const WORK = `
extern task collatz(n: Int) -> Int
extern task scale(inout xs: [Float], k: Float)
extern task say(n: Int)
extern task note(n: Int)
extern fn noted(at: Int) -> Int

fn main() {
    let steps = [collatz(n) for n in 1..300]
    var xs = [Float](1000, fill: 1.0)
    for k in 0..20 {
        for lo in 0..xs.len() by 100 { scale(&xs[lo..lo + 100], 1.0 + Float(k) / 10.0) }
        say(k)
        note(k)
    }
    print("{sum(s for s in steps)} {sum(x for x in xs)}")
    print([noted(at) for at in 0..20])
}`;

test('tasks of scripts give on all workers what they give in order', async (t) => {
  let wanted;
  for (const workers of [1, 2, 4]) {
    const vm = await started(t, { workers });
    const data = new SharedArrayBuffer(4 * 500);
    await vm.register(ALL, { data });
    for (const options of [{ issue: 'in-order' }, { issue: 'lazy' }, { issue: 'eager' }, { issue: 'eager', window: 4 }]) {
      new Int32Array(data).fill(0);
      const result = await vm.run(WORK, options);
      assert.equal(result.result, 'done', JSON.stringify(result));
      wanted ??= [result.output, result.errors];
      assert.deepEqual([result.output, result.errors], wanted, `${workers} workers, ${JSON.stringify(options)}`);
    }
  }
  assert.equal(wanted[1], '0!10!');
  assert.match(wanted[0], /^0 1 2 .* 19 .*\n\[0, 1, 2, .*, 19\]\n$/);
});

/** How a call of a function ends, whose declaration is given after its name. */
async function trapped(vm, name, declaration, call) {
  const source = `extern fn ${name}${declaration}\nfn main() {\n    print("before")\n    ${call}\n    print("after")\n}\n`;
  const { result, output, trap } = await vm.run(source);
  assert.deepEqual([result, output, trap?.code], ['trap', 'before\n', 'T0021'], name);
  assert.equal(source.slice(trap.labels[0].from, trap.labels[0].to).startsWith(name), true);
  return trap.message;
}

test('what a script does wrong is a trap of the program, and of nothing else', async (t) => {
  for (const options of [{ workers: 2 }, { shared: false }]) {
    const vm = await started(t, options);
    await vm.register(ALL);
    const is = async (pattern, ...call) => assert.match(await trapped(vm, ...call), pattern);
    await is(/3 is too much$/, 'fails', '(x: Int) -> Int', 'fails(3)');
    await is(/null$/, 'throwsNothing', '()', 'throwsNothing()');
    await is(/a bigint is expected, and it gave a promise: functions have to answer at once/, 'later', '(x: Int) -> Int', 'later(1)');
    await is(/nothing is expected, and it gave a promise/, 'laterNothing', '()', 'laterNothing()');
    await is(/a bigint is expected, and it gave number/, 'wrongNumber', '() -> Int', 'wrongNumber()');
    await is(/a string is expected, and it gave an object \(Array\)/, 'wrongText', '() -> Str', 'wrongText()');
    await is(/a number as an element is expected, and it gave string/, 'wrongElements', '() -> [Float]', 'wrongElements()');
    await is(/a grid of 2 rows and 2 columns has not 1 elements/, 'wrongShape', '() -> Grid[Int]', 'wrongShape()');
    await is(/a grid .* is expected, and it gave undefined/, 'wrongNothing', '() -> Grid[Int]', 'wrongNothing()');
    await is(/an array or a Float64Array is expected, and it gave undefined/, 'wrongNothing', '() -> [Float]', 'wrongNothing()');
    await is(/9223372036854775808 does not fit into an Int/, 'tooLarge', '() -> Int', 'tooLarge()');
    await is(/a number is expected, and it gave string/, 'wrongInout', '(inout x: Float)', 'var x = 1.0; wrongInout(&x)');
    await is(/9007199254740993 does not fit into a number/, 'add', '(x: Int, y: Int) -> Int', 'add(9007199254740993, 1)');
    assert.equal(await output(vm, HELLO), 'hello\n');
  }
});

test('what prints can do so until it returns', async (t) => {
  const vm = await started(t, { workers: 1 });
  await vm.register(ALL);
  const { output, trap } = await vm.run('extern fn keep()\nfn main() {\n    keep()\n    keep()\n}\n');
  assert.equal(output, 'kept\n');
  assert.match(trap.message, /the call that could print has ended/);
});

test('what is not there, or not so, is said before the program runs', async (t) => {
  const vm = await started(t);
  const [missing] = await vm.check('extern fn half(x: Float) -> Float\nfn main() { print(half(1.0)) }');
  assert.deepEqual([missing.code, missing.message], ['E0701', 'the host has no function `half`']);
  await vm.register(ALL);
  assert.deepEqual(await vm.check('extern fn half(x: Float) -> Float\nfn main() { print(half(1.0)) }'), []);
  const result = await vm.run('extern fn add(x: Int) -> Int\nfn main() { print(add(1)) }');
  assert.equal(result.result, 'rejected');
  assert.deepEqual(result.diagnostics[0].help, ["the script's `add` takes 2 arguments, and gets 1"]);
});

test('a module that does not load, or says what makes no sense, is refused', async (t) => {
  for (const options of [{ workers: 2 }, { shared: false }]) {
    const vm = await started(t, options);
    await assert.rejects(vm.register(url('nowhere')), /nowhere\.js could not be loaded: .*nowhere/);
    await assert.rejects(vm.register(url('throws')), /throws\.js could not be loaded: it does not want to/);
    await assert.rejects(vm.register(url('bad')), /it says something of `g`, which is no function that it exports/);
    await assert.rejects(vm.register(ALL, { data: () => {} }), { name: 'DataCloneError' });
    await vm.register(ALL);
    assert.equal(await output(vm, 'extern fn half(x: Float) -> Float\nfn main() { print(half(1.0)) }'), '0.5\n');
  }
});

const NEXT = 'extern fn next(x: Int) -> Int\nfn main() { print(next(1)) }\n';

test('a module can be registered while a program runs, and replaces functions of others', async (t) => {
  const vm = await started(t);
  const stop = new AbortController();
  const endless = vm.run(ENDLESS, { signal: stop.signal });
  await vm.register(ALL);
  stop.abort();
  assert.equal((await endless).stop.reason, 'abort');
  assert.equal(await output(vm, NEXT), '2\n');
  await Promise.all([vm.register(url('other')), vm.register(ALL), vm.register(url('other'))]);
  assert.equal(await output(vm, NEXT), '101\n');
  assert.equal(await output(vm, 'extern fn twice(x: Int) -> Int\nfn main() { print(twice(4)) }'), '8\n');
});

test('a machine that starts anew has the functions that it had', async (t) => {
  const vm = await started(t, { shared: false });
  await vm.register(ALL);
  const late = await vm.run(ENDLESS, { timeout: 50 });
  assert.equal(late.stop.reason, 'time');
  assert.equal(await output(vm, NEXT), '2\n');
});

test('sessions and submissions that are under way get functions, too', async (t) => {
  const vm = await started(t, { workers: 2 });
  const session = await vm.session();
  await session.enter('task slow(n: Int) -> Int { var x = n; while true { x = x +% 1 }; return x }');
  await session.enter('let a = slow(1)');
  await vm.register(ALL);
  await session.enter('extern task collatz(n: Int) -> Int');
  const { entered } = await session.enter('[collatz(n) for n in 1..6]');
  assert.equal((await session.wait(entered[0].statement)).value, '[0, 1, 7, 2, 5]');
  const library = 'extern task collatz(n: Int) -> Int\nfn steps(n: Int) -> Int { return sum(collatz(i) for i in 1..n) }';
  const all = await Promise.all(Array.from({ length: 40 }, () => vm.submit(library, 'steps', [200])));
  assert.ok(all.every((steps) => steps === all[0] && steps > 1000n));
  await assert.rejects(vm.submit('extern fn fails(x: Int) -> Int\nfn f() -> Int { return fails(3) }', 'f'), {
    reason: 'trap',
    message: /3 is too much/,
  });
  await vm.register(url('other'));
  assert.equal(await vm.submit('extern fn next(x: Int) -> Int\nfn f() -> Int { return next(1) }', 'f'), 101n);
  await session.cancel();
  await session.close();
});

test('a terminated machine registers nothing', async () => {
  const vm = await started({ after: () => {} });
  vm.terminate();
  await assert.rejects(vm.register(ALL), MachineError);
});

for (const isolated of [true, false]) {
  test(`in a page that is ${isolated ? '' : 'not '}isolated they do the same`, async (t) => {
    const server = await serve(fileURLToPath(new URL('..', import.meta.url)), { isolated });
    const { page, close } = await openBrowser();
    t.after(async () => {
      await close();
      await server.stop();
    });
    await page.goto(`${server.url}bench/page.html`);
    const found = await page.evaluate(
      async ([crossing, next]) => {
        const { Tgvm } = await import('../src/index.js');
        const vm = await Tgvm.start({ workers: 2 });
        await vm.register('../test/functions/all.js');
        const all = await vm.run(crossing);
        const refused = await vm.register('../test/functions/nowhere.js').catch(({ message }) => message);
        await vm.register(new URL('../test/functions/other.js', location.href));
        const other = await vm.run(next);
        const trap = await vm.run('extern fn fails(x: Int) -> Int\nfn main() { print(fails(3)) }');
        vm.terminate();
        return { shared: vm.shared, all, refused, other, trap };
      },
      [CROSSING, NEXT],
    );
    assert.equal(found.shared, isolated);
    assert.match(found.all.output, /GRÜSSE! 42\n\[3, 2, 1\]/, JSON.stringify(found.all));
    assert.match(found.refused, /nowhere\.js could not be loaded/);
    assert.equal(found.other.output, '101\n');
    assert.match(found.trap.trap.message, /3 is too much/);
  });
}
