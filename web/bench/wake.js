// Wakes workers of the machine, and beside it by a bare wait and notify, in a page or in Node: microseconds of each, the median of three
// measurements, since much depends on which processors the system puts the two threads on.

import { Machine } from '../src/machine.js';

/** @param {Promise<WebAssembly.Module>} module */
export async function measureWake(module) {
  const script = (name) => new URL(`../src/${name}.js`, import.meta.url);
  let tell;
  const machine = new Machine(module, { service: script('service'), thread: script('thread') }, (event) => tell(event));
  machine.use(true);
  await machine.start(true);
  await machine.grow(2);
  const all = [];
  for (let i = 0; i < 3; i++) {
    const told = new Promise((resolve) => (tell = resolve));
    await machine.request({ request: 'hand-over' });
    all.push(await told);
  }
  machine.fail('that is all');
  const median = (of) => all.map(of).sort((a, b) => a - b)[all.length >> 1];
  return { bare: median(({ bare }) => bare), parked: median(({ parked }) => parked) };
}
