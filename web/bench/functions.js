// Functions of a script whose calls are measured.

export const plusFloat = (x) => x + 1;
export const plusInt = (x) => x + 1n;
export const plusNumber = (x) => x + 1;
export function scale(xs, k) {
  for (let i = 0; i < xs.length; i++) xs[i] *= k;
}
export const tgvm = {
  plusFloat: { pure: true },
  plusInt: { pure: true },
  plusNumber: { pure: true, ints: 'number' },
  scale: { pure: true },
};
