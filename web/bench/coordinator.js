// Who hands tasks over, and measures. It is a worker, too, since a page's main thread must not wait.

import { connect } from '../src/boot.js';
import { ANSWER, COUNT, DONE, FLAG, GRAIN, HEAD, LARGEST, SIZE, STOP, TAIL, slot, slots } from './tasks.js';

/** Tasks on their way to one worker. */
const WINDOW = 32;
const SIZES = [0, 64, 1 << 10, 16 << 10, 256 << 10, LARGEST];
const GRAINS = Array.from({ length: 17 }, (_, index) => 2 ** (index - 4));

/** What tasks of one measurement carry. */
const MOST_BYTES = 256 << 20;

let memory;
let words;
let ports;

/** One message, and its answer. */
function ask(port, message) {
  return new Promise((resolve) => {
    port.onmessage = ({ data }) => resolve(data);
    port.postMessage(message);
  });
}

const least = async (times, measure) => {
  let best = Infinity;
  for (let i = 0; i < times; i++) best = Math.min(best, await measure());
  return best;
};

function reset(rounds, size) {
  for (const word of [HEAD, TAIL, DONE, STOP, FLAG, ANSWER, COUNT]) Atomics.store(words, word, 0);
  Atomics.store(words, GRAIN, rounds);
  Atomics.store(words, SIZE, size);
}

/** The message for task `at` by that way; what it needs is in its place. */
function message(way, at, rounds, payload) {
  const size = payload.byteLength;
  if (way === 'clone') return { does: 'clone', rounds, payload: size ? payload : undefined };
  if (size) slot(memory, at, size).set(payload);
  return { does: 'index', at, rounds, size };
}

/** Microseconds from handing one task over to its answer, by that way. */
async function roundTrip(way, payload) {
  const count = payload.byteLength > 100_000 ? 100 : 1000;
  if (way === 'index' || way === 'clone') {
    const begin = performance.now();
    for (let i = 0; i < count; i++) await ask(ports[0], message(way, 0, 0, payload));
    return ((performance.now() - begin) * 1e3) / count;
  }
  const sleeps = way === 'asleep';
  reset(0, payload.byteLength);
  const served = ask(ports[0], { does: 'serve', count, sleeps });
  await new Promise((resolve) => setTimeout(resolve, 5));
  const begin = performance.now();
  for (let next = 1; next <= count; next++) {
    if (payload.byteLength) slot(memory, 0, payload.byteLength).set(payload);
    Atomics.store(words, FLAG, next);
    if (sleeps) Atomics.notify(words, FLAG);
    while (Atomics.load(words, ANSWER) !== next) if (sleeps) Atomics.wait(words, ANSWER, next - 1);
  }
  const elapsed = performance.now() - begin;
  await served;
  return (elapsed * 1e3) / count;
}

/** Waits until so many tasks of the queue are done. */
function whenDone(count) {
  Atomics.store(words, COUNT, count);
  for (let done; (done = Atomics.load(words, DONE)) < count; ) Atomics.wait(words, DONE, done);
}

/** Milliseconds for so many tasks on two workers. */
async function stream(way, count, rounds, payload) {
  if (way === 'queue') {
    reset(rounds, payload.byteLength);
    const ended = ports.map((port) => ask(port, { does: 'queue' }));
    await new Promise((resolve) => setTimeout(resolve, 2));
    const begin = performance.now();
    if (payload.byteLength === 0) {
      Atomics.store(words, TAIL, count);
      Atomics.notify(words, TAIL);
    } else {
      for (let at = 0; at < count; at++) {
        // A slot is free when what was in it is done; tasks end about in order, so that one more makes it sure. When there is none,
        // it waits for half of them, so as not to be woken for each.
        const ring = slots(payload.byteLength);
        if (Atomics.load(words, DONE) < at - ring + 2) whenDone(at - (ring >> 1));
        slot(memory, at, payload.byteLength).set(payload);
        Atomics.store(words, TAIL, at + 1);
        Atomics.notify(words, TAIL, 1);
      }
    }
    whenDone(count);
    const elapsed = performance.now() - begin;
    Atomics.store(words, STOP, 1);
    Atomics.notify(words, TAIL);
    await Promise.all(ended);
    return elapsed;
  }
  const begin = performance.now();
  await new Promise((resolve) => {
    let [sent, done] = [0, 0];
    const send = (port) => {
      if (sent < count) port.postMessage(message(way, sent++, rounds, payload));
    };
    for (const port of ports) {
      port.onmessage = () => {
        send(port);
        if (++done === count) resolve();
      };
    }
    for (let i = 0; i < WINDOW; i++) ports.forEach(send);
  });
  return performance.now() - begin;
}

/** Rounds of work in a microsecond. */
async function calibrate() {
  const rounds = 2_000_000;
  const milliseconds = await least(5, async () => {
    return (await ask(ports[0], { does: 'alone', count: 1, rounds })).milliseconds;
  });
  return rounds / (milliseconds * 1e3);
}

/** The smallest grain in microseconds at which two workers are 1.5 times as fast as one that is handed nothing over. */
async function smallestGrain(way, perMicrosecond, payload) {
  let smallest = null;
  for (const grain of GRAINS.toReversed()) {
    const count = Math.min(Math.max(Math.round(30_000 / grain), 32), 20_000, MOST_BYTES / Math.max(payload.byteLength, 1));
    const rounds = Math.round(grain * perMicrosecond);
    let best = 0;
    // A pair of runs each, so that both meet the same noise.
    for (let i = 0; i < 4 && best < 1.5; i++) {
      const given = payload.byteLength ? payload : undefined;
      const { milliseconds } = await ask(ports[0], { does: 'alone', count, rounds, payload: given });
      best = Math.max(best, milliseconds / (await stream(way, count, rounds, payload)));
    }
    if (best < 1.5) break;
    smallest = grain;
  }
  return smallest;
}

async function study() {
  const perMicrosecond = await calibrate();
  const results = { sizes: SIZES, trips: {}, streams: {}, grains: {} };
  for (const way of ['index', 'clone', 'awake', 'asleep']) {
    results.trips[way] = [];
    for (const size of SIZES) results.trips[way].push(await least(5, () => roundTrip(way, new Int32Array(size >> 2))));
  }
  for (const way of ['index', 'clone', 'queue']) {
    results.streams[way] = [];
    results.grains[way] = [];
    for (const size of SIZES) {
      const payload = new Int32Array(size >> 2);
      const count = size > 100_000 ? 100 : 2000;
      results.streams[way].push(((await least(5, () => stream(way, count, 0, payload))) * 1e3) / count);
      results.grains[way].push(await smallestGrain(way, perMicrosecond, payload));
    }
  }
  return results;
}

const post = await connect(async (given) => {
  ({ memory, ports } = given);
  words = new Int32Array(memory);
  post({ results: await study() });
});
post({ loaded: true });
