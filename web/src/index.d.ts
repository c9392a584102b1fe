/** Offsets are in UTF-16 units, as scripts index text; line and column count from 1. */
export interface Place {
  from: number;
  to: number;
  line: number;
  column: number;
  text: string;
}

/** What is wrong with a program, or why one trapped. */
export interface Diagnostic {
  /** `E0202`, or `T0004` of a trap. */
  code: string;
  message: string;
  file: string;
  /** The places concerned; the first is the one at fault. */
  labels: Place[];
  help: string[];
}

/** A trap, with the chain of calls that led there, innermost first. */
export interface Trap extends Diagnostic {
  calls: (Place | { omitted: number })[];
}

/** The machine failed, or a worker of it: what it was doing is lost. The next call starts it anew. */
export class MachineError extends Error {}

/** What a function that was submitted failed with. */
export class SubmissionError extends Error {
  reason: 'rejected' | 'trap' | 'exit' | 'memory' | 'abort' | 'error';
  /** What is wrong with the program, if it was rejected. */
  diagnostics: Diagnostic[];
}

export interface StartOptions {
  /** 1 to 60; as many as there are cores, if it is not said. */
  workers?: number;
  /** Whether workers share one memory; if it is not said, wherever they can: in Node, and in pages that are cross-origin isolated. */
  shared?: boolean;
  /** Where the module is, or the module itself. */
  wasm?: URL | string | WebAssembly.Module;
  /** Scripts of workers that are not where they are in the package. */
  scripts?: { service?: URL; thread?: URL };
}

export interface Limits {
  /** When calls run out of order: when a worker has nothing to do, whenever they can, or never. */
  issue?: 'lazy' | 'eager' | 'in-order';
  /** How many calls of one function may be in flight. */
  window?: number;
  /** Bytes: 1 GiB, if it is not said. */
  maxMemory?: number;
  /** Bytes of frames: 8 a register and 64 a call. */
  maxDepth?: number;
}

export interface RunOptions extends Limits {
  /** What messages call the program. */
  name?: string;
  args?: (string | number)[];
  /** Standard input. */
  input?: string;
  /** Files that the program finds, by path. Nothing is ever read or written elsewhere. */
  files?: Record<string, string | Uint8Array>;
  /** Called with what is printed, in order, while the program runs. */
  onOutput?: (text: string, stream: 'out' | 'error') => void;
  /** How many characters of what is printed the result has at most: 64 Mi, if it is not said. `onOutput` is told all. */
  maxOutput?: number;
  /** Called some 20 times a second while the program runs, with what it is at; not where no memory is shared. */
  onProgress?: (progress: Progress) => void;
  /** Stops the program. */
  signal?: AbortSignal;
  /** Milliseconds after which it is stopped. */
  timeout?: number;
  maxSteps?: number;
  /** At most as many as the machine has. */
  workers?: number;
  /** Counts instructions and calls, which takes time. */
  stats?: boolean;
  /** Takes down what happens, which takes time and memory; not where no memory is shared. */
  record?: boolean;
}

export interface RunResult {
  result: 'done' | 'exit' | 'trap' | 'stop' | 'rejected';
  /** What `tgvm run` would exit with. */
  exitCode: number;
  /** What was printed on standard output. */
  output: string;
  /** What was printed on standard error. */
  errors: string;
  /** More was printed than is kept: `maxOutput`. */
  outputCut: boolean;
  /** Why it was rejected; otherwise empty. */
  diagnostics: Diagnostic[];
  trap?: Trap;
  stop?: { reason: 'memory' | 'steps' | 'time' | 'abort' | 'output'; message: string };
  /** Those that the program has written. */
  files: Record<string, Uint8Array>;
  /** Null if it did not run, or was stopped where no memory is shared. */
  stats: Stats | null;
  record: RunRecord | null;
}

export interface Stats {
  milliseconds: number;
  /** 0 unless they were counted, as the next two. */
  instructions: number;
  calls: number;
  peakDepth: number;
  peakMemory: number;
  /** One if nothing could run out of order. */
  workers: WorkerStats[];
}

export interface WorkerStats {
  issued: number;
  /** Of them, calls of tasks. */
  issuedTasks: number;
  /** Calls of tasks that began as plain calls; 0 unless they were counted, as the most in flight. */
  inlined: number;
  run: number;
  promoted: number;
  fruitless: number;
  stolen: number;
  parked: number;
  renamed: number;
  squashed: number;
  peakFlight: number;
  /** The most bytes of output that were held back when it printed something. */
  peakHeld: number;
  stalls: Record<string, number>;
  idleMilliseconds: number;
}

/** What happened in a run, in order. */
export interface RunRecord {
  events: RecordEvent[];
  /** There were more than were kept. */
  cut: boolean;
}

/** What a run is at. */
export interface Progress {
  /** Milliseconds since it began. */
  time: number;
  /** Workers, by number, that are not asleep for want of work. */
  awake: number[];
  /** What has happened since this was last told, in order, if the run is recorded. Together they are the beginning of its record. */
  events: RecordEvent[];
}

/** An entry is named by its frame and its number there: `3.7`; `0.0` is the run itself. Times are milliseconds since the run began. */
export type RecordEvent = { time: number; worker: number } & (
  | { what: 'promoted'; of: number; name: string; parent: string }
  | { what: 'taken up' | 'concluded'; of: number }
  | {
      what: 'issued' | 'ran';
      entry: string;
      name: string;
      line: number;
      running: boolean;
      needs: { on: string; by: string; order: 'RAW' | 'WAR' | 'WAW' }[];
    }
  | { what: 'started' | 'resumed' | 'retired'; entry: string }
  | { what: 'completed'; entry: string; ending: 'good' | 'trap' | 'squashed' }
);

/** A Grid. */
export interface Grid {
  rows: number;
  cols: number;
  cells: Value;
}

/** The fields of a struct, in order. */
export interface Struct {
  fields: Value[];
}

/**
 * Int is a bigint; as an argument also a number. Float is a number. `[Int]` and `[Float]` are typed arrays; as arguments also
 * plain arrays.
 */
export type Value = bigint | number | boolean | string | BigInt64Array | Float64Array | Value[] | Grid | Struct;

export interface SubmitOptions {
  onOutput?: (text: string, stream: 'out' | 'error') => void;
  signal?: AbortSignal;
  priority?: 'normal' | 'background';
  maxMemory?: number;
}

export interface Ended {
  number: number;
  output: string;
  /** The value of an expression, as `print` shows it. */
  value: string | null;
  /** Why it did not end well. */
  failed: string | null;
  /** Those that it, or another meanwhile, has written. */
  files: Record<string, Uint8Array>;
}

export interface Entered {
  entered: ({ defined: string } | { statement: number })[];
  /** What is wrong with the first that has mistakes; what comes before it has been entered. */
  diagnostics: Diagnostic[];
}

export interface Scoreboard {
  /** Those that have not ended, oldest first. */
  statements: { number: number; text: string; milliseconds: number; waitsFor: { on: number; why: string }[] }[];
  variables: { name: string; type: string }[];
  items: string[];
}

/** Statements that are entered one after the other, and run side by side where they do not depend on each other. */
export interface Session {
  /** Enters items and statements, and does not wait for them. */
  enter(text: string): Promise<Entered>;
  /** How a statement ended, once it has. Without `onEnded`, for each statement once. */
  wait(statement: number): Promise<Ended>;
  /** Asks a statement to end, or all; whether it was there. */
  cancel(statement?: number): Promise<boolean>;
  scoreboard(): Promise<Scoreboard>;
  close(): Promise<void>;
}

export interface SessionOptions extends Limits {
  files?: Record<string, string | Uint8Array>;
  /** Told of each statement as it ends. */
  onEnded?: (ended: Ended) => void;
}

/** What a function of a module does besides computing: what is said is all that it does. */
export interface Effects {
  /** Nothing. */
  pure?: boolean;
  /** Resources by name, of which the machine orders the use: of two calls that use one, where one writes it, the later is the later. */
  reads?: string[];
  writes?: string[];
  /** It is passed an {@link Output} after its arguments. */
  prints?: boolean;
  /** What an Int is, alone and in arrays that are written out: a bigint, if it is not said. */
  ints?: 'bigint' | 'number';
}

/**
 * The export `tgvm` of a module that is registered: by name, what its functions do. A function that nothing is said of is called when all
 * that comes before it in the program has happened. As a function, it is called once in each worker, with the `data` of `register`,
 * before any other.
 */
export type Says = Record<string, Effects> | ((data: any) => Record<string, Effects> | void | Promise<Record<string, Effects> | void>);

/** An `inout` Int, Float, Bool or Str: what `value` is in the end is what the program has. */
export interface Inout<T extends bigint | number | boolean | string> {
  value: T;
}

/** A Grid that a function is passed; rows are views of the machine's memory, to be written only if the parameter is `inout`. */
export interface GridView<T extends BigInt64Array | Float64Array> {
  readonly rows: number;
  readonly cols: number;
  row(index: number): T;
}

/** Where a function prints, in the program's order, until it returns. */
export interface Output {
  write(text: string): void;
  writeError(text: string): void;
}

/** A machine: workers that run programs. */
export class Tgvm {
  /** @throws MachineError if a worker does not start */
  static start(options?: StartOptions): Promise<Tgvm>;
  /** How many workers run a program at most. */
  readonly workers: number;
  /** Whether they share one memory. If not, programs run on one worker with a memory of its own, and there are no sessions. */
  readonly shared: boolean;
  /** What is wrong with a program. Does not wait for runs, where memory is shared. */
  check(source: string, options?: { name?: string }): Promise<Diagnostic[]>;
  /** Runs a program from beginning to end. Runs of a machine are one after the other. */
  run(source: string, options?: RunOptions): Promise<RunResult>;
  /**
   * Submits a call of a program's function, beside all else. Resolves to its result and what is in its `inout` parameters
   * afterwards: nothing, the one value, or an array of them.
   *
   * @throws SubmissionError
   */
  submit(source: string, name: string, args?: Value[], options?: SubmitOptions): Promise<Value | Value[] | undefined>;
  /**
   * Registers the functions that a module exports: programs declare them (`extern fn`) and call them on any worker. A program that runs
   * already has those that there were; one whose name is registered again is replaced for programs that start later. Every worker has an
   * instance of the module; what they share is in `data`, a SharedArrayBuffer for example.
   *
   * Int is a bigint, Float a number, Bool a boolean, Str a string; `[Int]`, `[Float]` and `[Bool]` are a BigInt64Array (of 0n and 1n for
   * `[Bool]`) or a Float64Array, views of the machine's memory for as long as the call lasts, to be written only where the parameter is
   * `inout`. Results are the same, or plain arrays, or {@link Grid}s. What is thrown is a trap in the program (T0021).
   *
   * @returns the names of the functions
   * @throws if the module does not load, or says what makes no sense
   */
  register(url: URL | string, options?: { data?: unknown }): Promise<string[]>;
  /** Opens a session. The first session or submission starts its workers, and says what they are like. */
  session(options?: SessionOptions): Promise<Session>;
  /** Ends all workers. */
  terminate(): void;
}
