// Runs `terrain.tg` in Node with the functions of `terrain.js`: node web/samples/terrain.mjs [size [picture.png]]

import { readFile, writeFile } from 'node:fs/promises';

import { Tgvm } from '../src/index.js';

const beside = (name) => new URL(name, import.meta.url);
const vm = await Tgvm.start();
await vm.register(beside('terrain.js'));
const { exitCode, diagnostics, trap, stop, files } = await vm.run(await readFile(beside('terrain.tg'), 'utf8'), {
  args: process.argv.slice(2),
  onOutput: (text) => process.stdout.write(text),
});
for (const wrong of [...diagnostics, trap, stop]) if (wrong) console.error(wrong.message);
for (const [path, bytes] of Object.entries(files)) await writeFile(path, bytes);
vm.terminate();
process.exitCode = exitCode;
