export const f = () => 1;
export const tgvm = { g: { pure: true } };
