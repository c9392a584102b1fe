// The conformance suite of the platform trait, on Node's workers.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Machine } from '../src/machine.js';

test('workers conform', async (t) => {
  let tell;
  const told = new Promise((resolve) => (tell = resolve));
  const module = WebAssembly.compile(readFileSync(new URL('../dist/tgvm.wasm', import.meta.url)));
  const script = (name) => new URL(`../src/${name}.js`, import.meta.url);
  const machine = new Machine(module, { service: script('service'), thread: script('thread') }, tell);
  t.after(() => machine.fail('the test has ended'));
  machine.use(true);
  await machine.start(true);
  await machine.grow(5);
  await machine.request({ request: 'conform' });
  assert.deepEqual(await told, { event: 'conforms', broken: null });
});
