// What the ways of handing tasks over have in common: the work of a task, and where things lie in the shared memory.

/** Words at the beginning of the shared memory. */
export const HEAD = 0;
export const TAIL = 1;
export const DONE = 2;
export const STOP = 3;
export const FLAG = 4;
export const ANSWER = 5;
export const GRAIN = 6;
export const SIZE = 7;
export const COUNT = 8;
/** The largest payload, and where payloads lie: in a ring of slots, as many as messages may be on their way, if there is room. */
export const LARGEST = 1 << 20;
export const SLOTS_AT = 256;
export const ROOM = 8 * LARGEST;
export const slots = (size) => Math.min(64, ROOM / size);

/** A task: so many rounds of arithmetic, and a look at each word of its payload. */
export function work(rounds, payload) {
  let x = 1;
  for (let i = 0; i < rounds; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  for (let i = 0; i < payload.length; i++) x = (x + payload[i]) | 0;
  return x;
}

/** The payload in a slot, as words. */
export function slot(memory, index, size) {
  return new Int32Array(memory, SLOTS_AT + (index % slots(size)) * size, size >> 2);
}
