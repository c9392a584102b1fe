// The types as one uses them: this is compiled, and not run.

import { MachineError, SubmissionError, Tgvm } from 'tgvm';
import type { GridView, Inout, Output, RunResult, Says, Session, Value } from 'tgvm';

// A module that is registered.
export const scale = (xs: Float64Array, k: number, grid: GridView<BigInt64Array>) => xs.forEach((x, i) => (xs[i] = x * k * grid.cols));
export const bump = (x: Inout<bigint>, out: Output) => out.write(`${++x.value}`);
export const tgvm: Says = { scale: { pure: true }, bump: { prints: true, writes: ['log'], ints: 'bigint' } };
// @ts-expect-error there is no such class of effect
export const wrong: Says = { scale: { pur: true } };

export async function use(): Promise<RunResult> {
  const vm = await Tgvm.start({ workers: 2 });
  const found = await vm.check('fn main() { }');
  const first: number | undefined = found[0]?.labels[0]?.from;
  const result = await vm.run('fn main() { }', {
    args: [1, 'two'],
    files: { a: 'text', b: new Uint8Array(1) },
    onOutput: (text, stream) => text.concat(stream),
    signal: AbortSignal.timeout(1000),
    onProgress: ({ time, awake, events }) => time + awake.length + events.length,
    issue: 'eager',
    record: true,
  });
  for (const event of result.record?.events ?? []) {
    if (event.what === 'issued') event.needs.map(({ order }) => order);
  }
  const names: string[] = await vm.register('./types.js', { data: new SharedArrayBuffer(8) });
  names.push('other');
  const value: Value | Value[] | undefined = await vm.submit('fn f(x: Int) -> Int { return x }', 'f', [first ?? 1n]);
  const session: Session = await vm.session({ onEnded: ({ value }) => value });
  const { entered } = await session.enter('let a = 1');
  for (const one of entered) if ('statement' in one) await session.wait(one.statement);
  await session.close();
  // @ts-expect-error there is no such option
  await vm.run('', { worker: 1 });
  // @ts-expect-error nor such an argument
  await vm.submit('', 'f', [undefined]);
  vm.terminate();
  if (value instanceof MachineError || value instanceof SubmissionError) throw value;
  return result;
}
