// The workers of one machine, from their start to their end: the service, and the threads. If one of them fails, all end, and who
// waits for an answer is told.

import { isNode } from './boot.js';
import { seal, open } from './envelope.js';
import { processors, startWorker } from './workers.js';

/** How long a worker may take to start. */
const PATIENCE = 60_000;
/** How long after the service all threads but the first are started, in milliseconds. */
const LATER = 60;

/** The machine failed, or a worker of it: what it was doing is lost, and the next call starts it anew. */
export class MachineError extends Error {
  name = 'MachineError';
}

export class Machine {
  #module;
  #begin;
  #scripts;
  #onEvent;
  #service;
  #memory = null;
  #workers = [];
  #threads = 0;
  /** Threads that hear of modules, and all that they have been told of. */
  #told = [];
  #modules = [];
  #started;
  #growing = Promise.resolve();
  #asked = new Map();
  #number = 0;
  #failure = null;
  #uses = 0;

  /** @param {Promise<WebAssembly.Module>} module */
  constructor(module, scripts, onEvent) {
    this.#module = module;
    this.#scripts = scripts;
    this.#onEvent = onEvent;
    this.#failed.catch(() => {});
    this.#begin = performance.timeOrigin + performance.now();
  }

  /** Starts the service. Its script is loaded while the module is compiled, and so are those of threads. */
  start(shared) {
    this.#started = this.#startService(shared);
    return this.#started;
  }

  async #startService(shared) {
    this.#service = await this.#start(this.#scripts.service, (message) => {
      if (message.events) return this.#take(message.events);
      const asked = this.#asked.get(message.number);
      if (!asked) return;
      this.#asked.delete(message.number);
      if (message.error === undefined) asked.resolve(message.result);
      else {
        asked.reject(new MachineError(message.error));
        this.fail(message.error);
      }
    });
    const module = await this.#module;
    const { memory } = await this.#ask('start', { module, begin: this.#begin, processors: await processors(), shared });
    this.#memory = memory;
  }

  get failure() {
    return this.#failure;
  }

  /** In use, Node's process stays alive for its workers. Calls are counted. */
  use(is) {
    this.#uses += is ? 1 : -1;
    this.#workers.forEach((worker) => worker.idle(this.#uses === 0));
  }

  /**
   * Sees to it that there will be so many threads; what is to run on them may be started as soon as the first of the new ones has been
   * loaded. The others are started a little later: what is asked of the service at once has the processors until then.
   */
  grow(count) {
    const missing = Math.max(count - this.#threads, 0);
    this.#threads += missing;
    const places = this.#started.then(() => this.#ask('threads', { count: missing }));
    const first = missing > 0 && this.#startThread(places, 0);
    const others = () => {
      for (let index = 1; index < missing; index++) this.#startThread(places, index).catch(() => {});
    };
    if (missing > 1) places.then(() => setTimeout(others, LATER)).catch(() => {});
    this.#growing = Promise.all([this.#growing, places, first]);
    return this.#growing;
  }

  /** Starts a thread, and waits until its script has been loaded. */
  async #startThread(places, index) {
    if (this.#failure) throw this.#failure;
    let ready;
    const isReady = new Promise((resolve) => (ready = resolve));
    const worker = await this.#start(this.#scripts.thread, (message) => message.ready && ready());
    const enter = async () => {
      const thread = (await places)[index];
      const shared = { module: await this.#module, memory: this.#memory, processors: await processors() };
      worker.post({ ...shared, begin: this.#begin, thread, modules: this.#modules });
      this.#told.push(worker);
      await this.#inTime(isReady, this.#scripts.thread);
    };
    // If it does not, the machine fails, which tells all who wait for it.
    enter().catch(() => {});
  }

  /** Makes a request; the answer's JSON, and a function for its bytes. */
  async request(json, parts) {
    const envelope = seal(json, parts);
    const answer = open(await this.#ask('request', { envelope }, [envelope.buffer]));
    if (answer.json.error !== undefined) throw new Error(answer.json.error);
    return answer;
  }

  /** Loads a module of functions in the service, and lets threads hear of it; its number, and what it exports. One after the other. */
  async load(url, data) {
    const module = { number: this.#modules.length + 1, url, data };
    const { functions, failed } = await this.#ask('load', { module });
    if (failed !== undefined) throw new Error(failed);
    this.#modules.push(module);
    this.#told.forEach((worker) => worker.post({ load: module }));
    return { number: module.number, functions };
  }

  async #ask(to, message, transfer) {
    if (this.#failure) throw this.#failure;
    const number = ++this.#number;
    this.#service.post({ to, number, ...message }, transfer);
    const answer = new Promise((resolve, reject) => this.#asked.set(number, { resolve, reject }));
    this.use(true);
    return answer.finally(() => this.use(false));
  }

  #take(bytes) {
    const { json, take } = open(bytes);
    json.forEach((event) => this.#onEvent(event, take));
  }

  async #start(url, onMessage) {
    let loaded;
    let failed;
    const isLoaded = new Promise((resolve, reject) => ([loaded, failed] = [resolve, reject]));
    const worker = await startWorker(
      url,
      (message) => (message.loaded ? loaded() : onMessage(message)),
      (reason) => {
        const error = new MachineError(`a worker of the machine has failed: ${reason}`);
        failed(error);
        this.fail(error.message);
      },
    );
    this.#workers.push(worker);
    if (this.#failure) worker.terminate();
    worker.idle(this.#uses === 0);
    isLoaded.catch(() => {});
    await this.#inTime(isLoaded, url);
    return worker;
  }

  /** What does not come in time, or before the machine fails, is a failure. */
  async #inTime(promise, url) {
    let timer;
    const late = new Promise((_, reject) => {
      const seconds = PATIENCE / 1000;
      timer = setTimeout(() => {
        const error = new MachineError(`a worker has not started within ${seconds} s: ${url}`);
        reject(error);
        this.fail(error.message);
      }, PATIENCE);
    });
    try {
      return await Promise.race([promise, late, this.#failed]);
    } finally {
      clearTimeout(timer);
    }
  }

  #reject;
  #failed = new Promise((_, reject) => (this.#reject = reject));

  /** Ends all workers, and tells those who wait. */
  fail(reason) {
    if (this.#failure) return;
    this.#failure = new MachineError(reason);
    this.#reject(this.#failure);
    this.#workers.forEach((worker) => worker.terminate());
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    asked.forEach(({ reject }) => reject(this.#failure));
    this.#onEvent({ event: 'machine failed', error: this.#failure });
  }
}

/** Whether threads may share memory here. */
export function canShare() {
  return isNode || globalThis.crossOriginIsolated === true;
}
