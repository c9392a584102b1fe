// Another module, with one function that `all.js` has, too.

export const next = (x) => x + 100n;
export const twice = (x) => 2n * x;
export const tgvm = { next: { pure: true }, twice: { pure: true } };
