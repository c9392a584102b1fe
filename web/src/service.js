// The service: the one thread that makes requests of the module, and takes its events. See `web/wasm/src/lib.rs`.

import { boot, connect } from './boot.js';
import { seal } from './envelope.js';
import { Functions } from './functions.js';

/** Pages of 64 KiB: what the module is linked for, and as much as the system lets it grow. */
const INITIAL = 256;
const MOST = [65536, 32768, 16384];
const STACK = 1 << 20;

const functions = new Functions();
let memory;
let exports;
/** Whether programs run on this thread. */
let alone = false;

function newMemory() {
  for (const maximum of MOST) {
    try {
      // Shared also where it can't be shared: the module is the same.
      return new WebAssembly.Memory({ initial: INITIAL, maximum, shared: true });
    } catch (error) {
      if (maximum === MOST.at(-1)) throw error;
    }
  }
}

/** Makes a request, in its envelope, and gives the response's. */
function request(envelope) {
  const at = exports.tgvm_allocate(envelope.length, 1);
  if (at === 0) throw new Error('there is no memory for the request');
  new Uint8Array(memory.buffer, at, envelope.length).set(envelope);
  const response = exports.tgvm_request(at, envelope.length) >>> 0;
  const [from, length] = new Uint32Array(memory.buffer, response, 2);
  const bytes = new Uint8Array(memory.buffer, from, length).slice();
  exports.tgvm_release(response);
  return bytes;
}

const EVENTS = seal({ request: 'events' });

function takeEvents() {
  const bytes = request(EVENTS);
  post({ events: bytes }, [bytes.buffer]);
}

/** Takes events whenever there are some, for ever. */
async function watch() {
  const at = exports.tgvm_signal() >>> 2;
  for (let seen = 0; ; ) {
    // The buffer is another one after the memory has grown.
    const words = new Int32Array(memory.buffer);
    if (typeof Atomics.waitAsync === 'function') {
      const waiting = Atomics.waitAsync(words, at, seen);
      if (waiting.async) await waiting.value;
    } else {
      while (Atomics.load(words, at) === seen) await new Promise((resolve) => setTimeout(resolve, 4));
    }
    seen = Atomics.load(words, at);
    takeEvents();
  }
}

const todo = {
  start({ shared, ...given }) {
    memory = newMemory();
    exports = boot({ ...given, memory }, { functions, takeEvents });
    alone = !shared;
    if (alone) request(seal({ request: 'alone' }));
    else watch();
    return { memory: shared ? memory : null };
  },
  /** Memory for so many more threads. */
  threads({ count }) {
    const { __tls_size: size, __tls_align: align } = exports;
    exports.tgvm_expect(count);
    return Array.from({ length: count }, () => ({
      tls: exports.tgvm_allocate(size.value, align.value) >>> 0,
      stack: (exports.tgvm_allocate(STACK, 16) >>> 0) + STACK,
    }));
  },
  request({ envelope }) {
    return request(envelope);
  },
};

/** Loads a module: what it exports and says of it, or why not. The machine goes on either way. */
async function load(number, module) {
  try {
    post({ number, result: { functions: await functions.load(module) } });
  } catch (error) {
    post({ number, result: { failed: error.message } });
  }
}

let post;
// No `await` at the top of a worker's script: V8 ends the whole process if the worker is terminated while that is evaluated.
connect(({ to, number, ...message }) => {
  if (to === 'load') return load(number, message.module);
  try {
    const result = todo[to](message);
    // Nobody is told of events then.
    if (to === 'request' && alone) takeEvents();
    post({ number, result });
  } catch (error) {
    // Whatever goes wrong here leaves the module in no state to go on.
    post({ number, error: error.message });
  }
}).then((way) => {
  post = way;
  post({ loaded: true });
});
