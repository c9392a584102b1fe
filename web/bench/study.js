// Starts the workers of the study, in a page or in Node, and gives its results.

import { isNode } from '../src/boot.js';
import { startWorker } from '../src/workers.js';
import { ROOM, SLOTS_AT } from './tasks.js';

async function start(name, onMessage, onFailure) {
  let loaded;
  const isLoaded = new Promise((resolve) => (loaded = resolve));
  const url = new URL(name, import.meta.url);
  const worker = await startWorker(url, (message) => (message.loaded ? loaded() : onMessage(message)), onFailure);
  await isLoaded;
  return worker;
}

export async function runStudy() {
  const { MessageChannel } = isNode ? await import('node:worker_threads') : globalThis;
  const memory = new SharedArrayBuffer(SLOTS_AT + ROOM);
  const workers = [];
  try {
    return await new Promise((resolve, reject) => {
      const fail = (reason) => reject(new Error(reason));
      const all = async () => {
        const ports = [];
        for (let i = 0; i < 2; i++) {
          const { port1, port2 } = new MessageChannel();
          const worker = await start('./worker.js', () => {}, fail);
          worker.post({ memory, port: port1 }, [port1]);
          workers.push(worker);
          ports.push(port2);
        }
        const coordinator = await start('./coordinator.js', ({ results }) => resolve(results), fail);
        workers.push(coordinator);
        coordinator.post({ memory, ports }, ports);
      };
      all().catch(reject);
    });
  } finally {
    workers.forEach((worker) => worker.terminate());
  }
}
