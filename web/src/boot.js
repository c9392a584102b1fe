// What every thread of a machine does first: an instance of the module over the memory that it is given.

export const isNode = typeof process !== 'undefined' && Boolean(process.versions?.node);

/**
 * Instantiates the module on the calling thread. The first thread, which has no `thread`, lays out the memory.
 *
 * @param {{ module: WebAssembly.Module, memory: WebAssembly.Memory, begin: number, processors: number, thread?: { tls: number, stack: number } }} with_
 * @param {{ functions: import('./functions.js').Functions, takeEvents?: () => void }} here the functions of scripts on this thread, and
 *   what is called where the module wants its events taken at once
 */
export function boot({ module, memory, begin, processors, thread }, { functions, takeEvents = () => {} }) {
  const utf8 = new TextDecoder();
  // Every thread's own clock counts from another moment.
  const offset = performance.timeOrigin - begin;
  const tgvm = {
    now: () => performance.now() + offset,
    processors: () => processors,
    take_events: takeEvents,
    call_function: (number, frame, output) => functions.call(number, frame, output),
    fail(at, length) {
      throw new Error(`the machine has failed: ${utf8.decode(new Uint8Array(memory.buffer, at, length).slice())}`);
    },
  };
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, tgvm });
  if (thread) {
    // In this order, and before anything else.
    exports.__stack_pointer.value = thread.stack;
    exports.__wasm_init_tls(thread.tls);
  }
  functions.attach(memory, exports);
  return exports;
}

/** The way to whoever has started this worker: `onMessage` is called with each message, and the result posts one. */
export async function connect(onMessage) {
  if (isNode) {
    const { parentPort } = await import('node:worker_threads');
    parentPort.on('message', onMessage);
    return (message, transfer) => parentPort.postMessage(message, transfer);
  }
  self.onmessage = (event) => onMessage(event.data);
  return (message, transfer) => self.postMessage(message, transfer ?? []);
}
