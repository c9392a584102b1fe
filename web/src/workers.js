// Workers of a page and of Node behind one face.

import { isNode } from './boot.js';

/** How many threads run at a time. */
export async function processors() {
  return globalThis.navigator?.hardwareConcurrency ?? (await import('node:os')).availableParallelism();
}

/**
 * Starts a worker.
 *
 * @param {URL} url its script
 * @param {(message: any) => void} onMessage called with each message
 * @param {(reason: string) => void} onFailure called when it does not start, or has thrown
 * @returns {Promise<{ post: (message: any, transfer?: any[]) => void, terminate: () => void }>}
 */
export async function startWorker(url, onMessage, onFailure) {
  if (isNode) {
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker(url);
    worker.on('message', onMessage);
    worker.on('error', (error) => onFailure(error.message));
    worker.on('messageerror', (error) => onFailure(error.message));
    return {
      post: (message, transfer) => worker.postMessage(message, transfer),
      terminate: () => void worker.terminate(),
      // A program that has nothing else to do may end.
      idle: (is) => (is ? worker.unref() : worker.ref()),
    };
  }
  const worker = new Worker(url, { type: 'module' });
  worker.onmessage = (event) => onMessage(event.data);
  worker.onerror = (event) => {
    event.preventDefault?.();
    onFailure(event.message || `its script ${url} could not be loaded`);
  };
  worker.onmessageerror = () => onFailure('a message could not be read');
  return {
    post: (message, transfer) => worker.postMessage(message, transfer ?? []),
    terminate: () => worker.terminate(),
    idle: () => {},
  };
}
