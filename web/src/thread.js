// A thread of the machine: it enters the module, and stays there.

import { boot, connect } from './boot.js';

const post = await connect((message) => {
  const exports = boot(message);
  post({ ready: true });
  exports.tgvm_serve();
});
post({ loaded: true });
