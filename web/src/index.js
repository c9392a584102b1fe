// The package: a machine of which a script starts runs, sessions and submissions. All of it is asynchronous, and the calling thread
// never waits.

import { isNode } from './boot.js';
import { packFiles, packValue, unpackFiles, unpackValue } from './envelope.js';
import { Machine, MachineError, canShare } from './machine.js';
import { Session } from './session.js';
import { processors } from './workers.js';

export { MachineError };

/** What a function that was submitted failed with. */
export class SubmissionError extends Error {
  name = 'SubmissionError';
  constructor(message, reason, diagnostics = []) {
    super(message);
    this.reason = reason;
    this.diagnostics = diagnostics;
  }
}

/**
 * When a run is nudged, in milliseconds after its beginning. An engine compiles the interpreter's loop in a hurry first, and well while that
 * runs; but what is in the loop by then stays in the first code until it enters the loop anew.
 */
const NUDGES = [50, 100, 200, 400, 800, 1600, 3200];

/** How often a run is asked what it is at, in milliseconds. */
const PACE = 50;

/** How many characters of what is printed are kept for the result, if it is not said. */
const KEPT = 1 << 26;

const LIMITS = { issue: 'lazy', window: 64, maxMemory: 1 << 30, maxDepth: 256 << 20, maxSteps: null };

/** The address of a module, as this script's own would be. */
async function addressOf(url) {
  if (url instanceof URL) return url.href;
  if (URL.canParse(url)) return url;
  if (!isNode) return new URL(url, globalThis.document?.baseURI ?? globalThis.location.href).href;
  const { pathToFileURL } = await import('node:url');
  return pathToFileURL(url).href;
}

async function compile(source) {
  if (source instanceof WebAssembly.Module) return source;
  if (isNode) {
    // Earlier ones compile a wait wrongly at first.
    if (Number.parseInt(process.versions.v8, 10) < 12) (await import('node:v8')).setFlagsFromString('--no-liftoff');
    const { readFile } = await import('node:fs/promises');
    return WebAssembly.compile(await readFile(source));
  }
  const response = await fetch(source);
  if (!response.ok) throw new MachineError(`${source} could not be loaded: ${response.status} ${response.statusText}`);
  const streams = response.headers.get('content-type') === 'application/wasm';
  return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

export class Tgvm {
  /** How many workers run a program at most. */
  workers;
  /** Whether they share one memory. If not, a program runs on one worker with a memory of its own. */
  shared;

  #module;
  #scripts;
  #machine = null;
  #starting = null;
  #number = 0;
  /** What events are for, by number. */
  #watched = new Map();
  #sessions = new Map();
  #last = Promise.resolve();
  /** Modules whose functions programs may call, in order; and the last of their registrations. */
  #modules = [];
  #registered = Promise.resolve();
  #isTerminated = false;

  static async start(options = {}) {
    const { workers, shared = canShare(), wasm = new URL('../dist/tgvm.wasm', import.meta.url) } = options;
    if (shared && !canShare()) {
      throw new MachineError('workers can share no memory here: the page is not cross-origin isolated');
    }
    const wanted = workers ?? Math.min(await processors(), 60);
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > 60) throw new RangeError('workers are from 1 to 60');
    const vm = new Tgvm();
    vm.shared = shared;
    vm.workers = shared ? wanted : 1;
    vm.#scripts = {
      service: options.scripts?.service ?? new URL('./service.js', import.meta.url),
      thread: options.scripts?.thread ?? new URL('./thread.js', import.meta.url),
    };
    vm.#module = compile(wasm);
    // Whoever awaits it is told.
    vm.#module.catch(() => {});
    await vm.#ready();
    return vm;
  }

  /** The machine, started anew if it has failed. */
  async #ready() {
    if (this.#isTerminated) throw new MachineError('the machine has been terminated');
    if (this.#machine && !this.#machine.failure) return this.#machine;
    this.#starting ??= this.#begin().finally(() => (this.#starting = null));
    return this.#starting;
  }

  async #begin() {
    const machine = new Machine(this.#module, this.#scripts, (event, take) => this.#hear(event, take));
    machine.use(true);
    try {
      // An engine's threads are started when somebody needs it.
      await Promise.all([machine.start(this.shared), this.shared && machine.grow(this.workers + 1)]);
      for (const { url, data } of this.#modules) await this.#provide(machine, url, data);
    } catch (error) {
      machine.fail(error.message);
      throw error;
    } finally {
      machine.use(false);
    }
    this.#machine = machine;
    return machine;
  }

  /** Does something with the machine that keeps Node's process alive meanwhile. */
  async #using(body) {
    const machine = await this.#ready();
    machine.use(true);
    try {
      return await body(machine);
    } finally {
      machine.use(false);
    }
  }

  #hear(event, take) {
    if (event.event === 'machine failed') {
      const watched = [...this.#watched.values(), ...this.#sessions.values()];
      this.#watched.clear();
      this.#sessions.clear();
      watched.forEach((one) => one.fail(event.error));
    } else if (event.event === 'statement') {
      const files = unpackFiles(event.files, take);
      this.#sessions.get(event.session)?.ended({ ...event, files });
    } else if (event.event === 'printed') {
      const text = new TextDecoder().decode(take(event.size));
      this.#watched.get(event.of)?.print(text, event.stream);
    } else {
      const values = event.values?.map((value) => unpackValue(value, take));
      const files = event.files && unpackFiles(event.files, take);
      const watched = this.#watched.get(event.of);
      this.#watched.delete(event.of);
      watched?.end({ ...event, values, files });
    }
  }

  /** A number whose events go to these functions; a promise of the last. */
  #watch(print) {
    const id = ++this.#number;
    const ended = new Promise((resolve, reject) => {
      this.#watched.set(id, { print, end: resolve, fail: reject });
    });
    ended.catch(() => {});
    return { id, ended };
  }

  #limits(options) {
    const { issue, window, maxMemory, maxDepth, maxSteps } = { ...LIMITS, ...options };
    const workers = Math.min(options.workers ?? this.workers, this.workers);
    const { stats: count = false, record = false } = options;
    return { workers, issue, window, maxMemory, maxDepth, maxSteps, count, record };
  }

  async check(source, { name = 'main.tg' } = {}) {
    // A program that runs on the service's thread would have to end first.
    if (!this.shared) await this.#last;
    return this.#using(async (machine) => {
      return (await machine.request({ request: 'check', name, source })).json.diagnostics;
    });
  }

  run(source, options = {}) {
    const result = this.#last.then(() => this.#run(source, options));
    this.#last = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  async #run(source, options) {
    const { name = 'main.tg', args = [], input = '', files } = options;
    const { onOutput, onProgress, signal, timeout, maxOutput = KEPT } = options;
    const aborted = { result: 'stop', exitCode: 130, stop: { reason: 'abort', message: 'interrupted' } };
    const printed = { out: '', error: '' };
    let outputCut = false;
    const rest = () => ({ output: printed.out, errors: printed.error, outputCut });
    const nothing = { diagnostics: [], files: {}, stats: null, record: null };
    if (signal?.aborted) return { ...nothing, ...aborted, ...rest() };
    const { list, parts } = packFiles(files);
    return this.#using(async (machine) => {
      const { id, ended } = this.#watch((text, stream) => {
        const room = maxOutput - printed.out.length - printed.error.length;
        outputCut ||= text.length > room;
        printed[stream] += text.slice(0, room);
        onOutput?.(text, stream);
      });
      let stopped = null;
      const stop = (why) => {
        stopped ??= why;
        if (this.shared) machine.request({ request: 'stop', id, why }).catch(() => {});
        // Nobody could read a request.
        else machine.fail('stopped');
      };
      let nudges = [];
      const abort = () => stop('abort');
      signal?.addEventListener('abort', abort);
      const timer = timeout === undefined ? undefined : setTimeout(stop, timeout, 'time');
      try {
        const program = { id, name, source, args: args.map(String), input, files: list, limits: this.#limits(options) };
        const { json } = await machine.request({ request: 'run', ...program }, parts);
        if (json.diagnostics.length > 0) {
          return { ...nothing, result: 'rejected', exitCode: 2, diagnostics: json.diagnostics, ...rest() };
        }
        if (this.shared) {
          const nudge = () => void machine.request({ request: 'nudge', id }).catch(() => {});
          nudges = NUDGES.map((after) => setTimeout(nudge, after));
          if (onProgress) this.#follow(machine, id, onProgress);
        }
        const { event, of, values, ...result } = await ended;
        return { diagnostics: [], ...result, ...rest() };
      } catch (error) {
        if (!stopped || this.shared) throw error;
        const time = { result: 'stop', exitCode: 3, stop: { reason: 'time', message: 'the program ran for too long' } };
        return { ...nothing, ...(stopped === 'time' ? time : aborted), ...rest() };
      } finally {
        clearTimeout(timer);
        nudges.forEach(clearTimeout);
        signal?.removeEventListener('abort', abort);
        this.#watched.delete(id);
      }
    });
  }

  /** Tells what a run is at, now and then, for as long as it is under way. */
  async #follow(machine, id, onProgress) {
    while (this.#watched.has(id)) {
      const progress = await machine.request({ request: 'watch', id }).then(
        ({ json }) => json.progress,
        () => null,
      );
      if (progress && this.#watched.has(id)) onProgress(progress);
      await new Promise((resolve) => setTimeout(resolve, PACE));
    }
  }

  register(url, { data } = {}) {
    const names = this.#registered.then(() => this.#register(url, data));
    this.#registered = names.then(
      () => {},
      () => {},
    );
    return names;
  }

  async #register(url, data) {
    const address = await addressOf(url);
    // A program that runs on the service's thread would have to end first.
    if (!this.shared) await this.#last;
    return this.#using(async (machine) => {
      const names = await this.#provide(machine, address, data);
      this.#modules.push({ url: address, data });
      return names;
    });
  }

  /** Puts a module's functions into the table, once no thread can come across them that has not heard of the module. */
  async #provide(machine, url, data) {
    const { number, functions } = await machine.load(url, data);
    if (this.shared) {
      const { id, ended } = this.#watch();
      await machine.request({ request: 'relieve', id, heard: number });
      await ended;
    }
    await machine.request({ request: 'provide', module: number, functions });
    return functions.map(({ name }) => name);
  }

  #needsThreads(what) {
    if (!this.shared) {
      throw new MachineError(`${what} needs workers that share memory: the page is not cross-origin isolated`);
    }
  }

  async submit(source, name, args = [], { onOutput, signal, priority = 'normal', ...options } = {}) {
    this.#needsThreads('a submission');
    signal?.throwIfAborted();
    return this.#using(async (machine) => {
      // Those of a run, and the engine's.
      await machine.grow(2 * (this.workers + 1));
      const { id, ended } = this.#watch((text, stream) => onOutput?.(text, stream));
      const parts = [];
      const packed = args.map((value) => packValue(value, parts));
      const call = { id, name: 'main.tg', source, function: name, args: packed, limits: this.#limits(options) };
      const abort = () => machine.request({ request: 'stop', id, why: 'abort' }).catch(() => {});
      try {
        const background = priority === 'background';
        const { json } = await machine.request({ request: 'submit', background, ...call }, parts);
        if (json.diagnostics.length > 0) {
          const [{ code, message }] = json.diagnostics;
          throw new SubmissionError(`${code} ${message}`, 'rejected', json.diagnostics);
        }
        signal?.addEventListener('abort', abort);
        if (signal?.aborted) abort();
        const { event, values, reason, message } = await ended;
        if (event === 'failed') throw new SubmissionError(message, reason);
        return values.length === 1 ? values[0] : values.length === 0 ? undefined : values;
      } finally {
        signal?.removeEventListener('abort', abort);
        this.#watched.delete(id);
      }
    });
  }

  async session({ files, onEnded, ...options } = {}) {
    this.#needsThreads('a session');
    return this.#using(async (machine) => {
      await machine.grow(2 * (this.workers + 1));
      const id = ++this.#number;
      const { list, parts } = packFiles(files);
      const session = new Session(machine, id, onEnded, () => this.#sessions.delete(id));
      this.#sessions.set(id, session);
      await machine.request({ request: 'open', session: id, files: list, limits: this.#limits(options) }, parts);
      return session;
    });
  }

  terminate() {
    this.#isTerminated = true;
    this.#machine?.fail('the machine has been terminated');
  }
}
