// Wakes workers of the machine, and beside it by a bare wait and notify, in a page or in Node: microseconds of each.

import { Machine } from '../src/machine.js';

/** @param {Promise<WebAssembly.Module>} module */
export async function measureWake(module) {
  const script = (name) => new URL(`../src/${name}.js`, import.meta.url);
  let tell;
  const told = new Promise((resolve) => (tell = resolve));
  const machine = new Machine(module, { service: script('service'), thread: script('thread') }, tell);
  machine.use(true);
  await machine.start(true);
  await machine.grow(2);
  await machine.request({ request: 'hand-over' });
  const { bare, parked } = await told;
  machine.fail('that is all');
  return { bare, parked };
}
