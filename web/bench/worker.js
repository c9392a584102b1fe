// A worker of the study. Tasks come as messages, or from the queue in shared memory while it is told to look there.

import { connect } from '../src/boot.js';
import { ANSWER, COUNT, DONE, FLAG, GRAIN, HEAD, SIZE, STOP, TAIL, slot, work } from './tasks.js';

const NOTHING = new Int32Array(0);

const post = await connect(({ memory, port }) => {
  const words = memory && new Int32Array(memory);
  const does = {
    /** How long so many tasks take without being handed over. */
    alone({ count, rounds, payload }) {
      const begin = performance.now();
      let sum = 0;
      for (let i = 0; i < count; i++) sum ^= work(rounds, payload ?? NOTHING);
      return { milliseconds: performance.now() - begin, sum };
    },
    /** A message that carries an index into shared memory. */
    index: ({ at, rounds, size }) => work(rounds, slot(memory, at, size)),
    /** A message that carries the arguments themselves. */
    clone: ({ rounds, payload }) => work(rounds, payload ?? NOTHING),
    /** Takes tasks from the queue until there will be no more. */
    queue() {
      const [rounds, size] = [Atomics.load(words, GRAIN), Atomics.load(words, SIZE)];
      for (;;) {
        const tail = Atomics.load(words, TAIL);
        const head = Atomics.load(words, HEAD);
        if (head >= tail) {
          if (Atomics.load(words, STOP)) return 0;
          // Looks for a while before it sleeps.
          for (let look = 0; look < 2000 && Atomics.load(words, TAIL) === tail && !Atomics.load(words, STOP); look++);
          if (!Atomics.load(words, STOP)) Atomics.wait(words, TAIL, tail, 1);
          continue;
        }
        if (Atomics.compareExchange(words, HEAD, head, head + 1) !== head) continue;
        work(rounds, size ? slot(memory, head, size) : NOTHING);
        // Who hands over sleeps until so many are done.
        if (Atomics.add(words, DONE, 1) + 1 === Atomics.load(words, COUNT)) Atomics.notify(words, DONE);
      }
    },
    /** Answers so many tasks that are handed over through one word. */
    serve({ count, sleeps }) {
      const [rounds, size] = [Atomics.load(words, GRAIN), Atomics.load(words, SIZE)];
      for (let next = 1; next <= count; next++) {
        while (Atomics.load(words, FLAG) !== next) if (sleeps) Atomics.wait(words, FLAG, next - 1);
        work(rounds, size ? slot(memory, 0, size) : NOTHING);
        Atomics.store(words, ANSWER, next);
        if (sleeps) Atomics.notify(words, ANSWER);
      }
      return 0;
    },
  };
  port.onmessage = ({ data }) => port.postMessage(does[data.does](data));
});
post({ loaded: true });
