// A thread of the machine: it enters the module, and leaves it only to hear of modules whose functions programs may call.

import { boot, connect } from './boot.js';
import { Functions } from './functions.js';

const functions = new Functions();
/** How many modules have been heard of; and who waits for the next. */
let heard = 0;
let hear = () => {};
let loading = Promise.resolve();

/** Loads a module, after those before it. What fails is told by calls of its functions. */
function load(module) {
  const loaded = () => {
    heard = module.number;
    hear();
  };
  loading = loading.then(() => functions.load(module)).then(loaded, loaded);
}

async function serve({ modules, ...given }) {
  const exports = boot(given, { functions });
  modules.forEach(load);
  post({ ready: true });
  for (;;) {
    const wanted = exports.tgvm_serve(heard);
    while (heard < wanted) await new Promise((resolve) => (hear = resolve));
  }
}

let post;
// Not awaited: see `service.js`.
connect((message) => {
  if (message.load) return load(message.load);
  // What is thrown is to end the worker, and a promise's is not.
  serve(message).catch((error) => {
    setTimeout(() => {
      throw error;
    });
  });
}).then((way) => {
  post = way;
  post({ loaded: true });
});
