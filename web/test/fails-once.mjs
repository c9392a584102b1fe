// A thread's script that fails in the first of all workers, a while after it has started, and is the real one in the others.

import { existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parentPort } from 'node:worker_threads';

const mark = join(tmpdir(), `tgvm-fails-once-${process.pid}`);
if (existsSync(mark)) {
  import('../src/thread.js');
} else {
  writeFileSync(mark, '');
  parentPort.on('message', () => {
    parentPort.postMessage({ ready: true });
    setTimeout(() => {
      throw new Error('it fails once');
    }, 300);
  });
  parentPort.postMessage({ loaded: true });
}
