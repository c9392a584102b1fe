// The package as it is shipped, by its name.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Tgvm } from 'tgvm';

import { HELLO } from './common.mjs';

for (const options of [{ workers: 2 }, { shared: false }]) {
  test(`the package runs a program and functions of scripts with ${JSON.stringify(options)}`, async (t) => {
    const vm = await Tgvm.start(options);
    t.after(() => vm.terminate());
    assert.equal((await vm.run(HELLO)).output, 'hello\n');
    assert.ok((await vm.register(new URL('./functions/all.js', import.meta.url))).includes('next'));
    assert.equal((await vm.run('extern fn next(x: Int) -> Int\nfn main() { print(next(41)) }')).output, '42\n');
  });
}
