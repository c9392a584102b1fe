// Functions that the tests register.

export const nothing = () => {};
export const next = (x) => x + 1n;
export const half = (x) => x / 2;
export const not = (x) => !x;
export const shout = (text) => `${text.toUpperCase()}!`;
export const reversed = (xs) => xs.slice().reverse();
export const total = (xs) => xs.reduce((sum, x) => sum + x, 0);
export const flipped = (flags) => [...flags].map((flag) => flag === 0n);
export const turned = (grid) => {
  const cells = new BigInt64Array(grid.rows * grid.cols);
  for (let row = 0; row < grid.rows; row++) grid.row(row).forEach((x, col) => (cells[col * grid.rows + row] = x));
  return { rows: grid.cols, cols: grid.rows, cells };
};

export function add(x, y) {
  return x + y;
}

export function bump(int, float, bool, text) {
  int.value += 1n;
  float.value /= 2;
  bool.value = !bool.value;
  text.value += '…';
}

export function scale(xs, k) {
  for (let i = 0; i < xs.length; i++) xs[i] *= k;
}

export function invert(flags) {
  // Any bits but 0n are true.
  for (let i = 0; i < flags.length; i++) flags[i] = flags[i] === 0n ? 7n : 0n;
}

export function shade(grid, by) {
  for (let row = 0; row < grid.rows; row++) grid.row(row).forEach((x, col, all) => (all[col] = x + by));
}

/** Takes a while, so that workers get something to do. */
export function collatz(n) {
  let steps = 0;
  for (let x = n; x !== 1; steps++) x = x % 2 === 0 ? x / 2 : 3 * x + 1;
  return steps;
}

export function say(n, out) {
  out.write(`${n} `);
  if (n % 10n === 0n) out.writeError(`${n}!`);
}

let kept;
export function keep(out) {
  kept ??= out;
  kept.write('kept\n');
}

export function fails(x) {
  if (x > 2n) throw new RangeError(`${x} is too much`);
  return x;
}
export const throwsNothing = () => {
  throw null;
};
export const later = async (x) => x;
export const laterNothing = async () => {};
export const wrongNumber = () => 1;
export const wrongText = () => [1];
export const wrongElements = () => [1, 'two'];
export const wrongShape = () => ({ rows: 2, cols: 2, cells: [1n] });
export const wrongNothing = () => undefined;
export const tooLarge = () => 1n << 63n;
export const wrongInout = (x) => (x.value = 'text');

let log;
/** Notes a number in a log that all workers share. */
export function note(n) {
  log[1 + Atomics.add(log, 0, 1)] = n;
}
export const noted = (at) => log[1 + at];

export const tgvm = (data) => {
  log = data && new Int32Array(data);
  const pure = { pure: true };
  const all = { nothing, next, half, not, shout, reversed, total, flipped, turned, bump, scale, invert, shade, fails };
  return {
    ...Object.fromEntries(Object.keys(all).map((name) => [name, pure])),
    add: { pure: true, ints: 'number' },
    collatz: { pure: true, ints: 'number' },
    say: { prints: true },
    keep: { prints: true },
    note: { writes: ['log'], ints: 'number' },
    noted: { reads: ['log'], ints: 'number' },
  };
};
