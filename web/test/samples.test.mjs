// All sample programs give, byte for byte, what they give natively: on one, two and four workers, and on one alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { data, samples, samplesWithScripts, started } from './common.mjs';

assert.ok(samples.length >= 19, 'the samples are found');

for (const options of [{ workers: 1 }, { workers: 2 }, { workers: 4 }, { shared: false }]) {
  test(`each sample with ${JSON.stringify(options)}`, async (t) => {
    const vm = await started(t, options);
    assert.equal(vm.shared, options.shared ?? true);
    for (const { name, source, expected } of samples) {
      const result = await vm.run(source, { name: `programs/${name}.tg`, files: data });
      assert.equal(result.errors, '', name);
      assert.equal(result.result, 'done', `${name}: ${JSON.stringify(result)}`);
      assert.equal(result.output, expected, name);
    }
    for (const { name, source, expected, script } of samplesWithScripts) {
      await vm.register(script);
      const result = await vm.run(source);
      assert.equal(result.result, 'done', `${name}: ${JSON.stringify(result)}`);
      assert.equal(result.output, expected, name);
    }
  });
}

test('eagerly issued, each sample gives the same', async (t) => {
  const vm = await started(t, { workers: 3 });
  for (const { name, source } of samples.filter(({ name }) => ['cholesky', 'heat', 'life', 'sudoku'].includes(name))) {
    const args = name === 'cholesky' ? [60] : [2];
    const [inOrder, eager] = [
      await vm.run(source, { args, files: data, issue: 'in-order' }),
      await vm.run(source, { args, files: data, issue: 'eager', window: 8 }),
    ];
    assert.equal(inOrder.result, 'done');
    assert.equal(eager.output, inOrder.output, name);
  }
});
