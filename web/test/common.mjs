// What the tests share: the sample programs, and a machine that ends with the test.

import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Tgvm } from '../src/index.js';

const folder = fileURLToPath(new URL('../../programs', import.meta.url));
const withScripts = fileURLToPath(new URL('../samples', import.meta.url));

/** `programs/data` as virtual files. */
export const data = Object.fromEntries(
  readdirSync(join(folder, 'data')).map((name) => [`programs/data/${name}`, readFileSync(join(folder, 'data', name))]),
);

function samplesIn(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.tg'))
    .map((file) => {
      const name = basename(file, '.tg');
      const read = (end) => readFileSync(join(folder, `${name}${end}`), 'utf8');
      return { name, source: read('.tg'), expected: read('.expected') };
    });
}

/** Name, text and expected output of each sample; of each that calls functions of the script beside it, too, and where that is. */
export const samples = samplesIn(folder);
export const samplesWithScripts = samplesIn(withScripts).map((sample) => {
  return { ...sample, script: join(withScripts, `${sample.name}.js`) };
});

/** Starts a machine, and ends it after the test. */
export async function started(t, options = { workers: 2 }) {
  const vm = await Tgvm.start(options);
  t.after(() => vm.terminate());
  return vm;
}

export const ENDLESS = 'fn main() {\n    var x = 0\n    while true { x = x +% 1 }\n}\n';
/** Endless tasks, which issue and complete all the time, and print now and then. */
export const TASKS = `task work(n: Int) -> Int {
    var x = n
    for i in 0..1_000_000 { x = (x *% 31) +% i }
    return x
}
fn main() {
    while true { print(max(work(n) for n in 0..16)) }
}
`;
export const HELLO = 'fn main() { print("hello") }\n';
