// Functions of scripts, on one thread: its own instances of their modules, and how arguments and results cross. The other side, and how
// a call's frame lies in memory, is `web/wasm/src/functions.rs`.

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** Words of a frame that come before the arguments. */
const RESULT = 4;
/** What a module may say of a function. */
const KEYS = ['pure', 'reads', 'writes', 'prints', 'ints'];
const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);
const ARRAYS = { Int: BigInt64Array, Float: Float64Array, Bool: BigInt64Array };

/** What an error says, whatever was thrown. */
function message(error) {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'it threw something that is no text';
  }
}

/** What was given instead. */
function named(value) {
  if (typeof value?.then === 'function') return 'a promise: functions have to answer at once';
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  return value.constructor ? `an object (${value.constructor.name})` : 'an object';
}

const wrong = (what, value) => new TypeError(`${what} is expected, and it gave ${named(value)}`);

/** An Int as a number. */
function toNumber(int) {
  if (int > LARGEST || int < -LARGEST) throw new RangeError(`${int} does not fit into a number`);
  return Number(int);
}

/** A value that is to be an Int, as a bigint. */
function toInt(value, numbers) {
  if (numbers) {
    if (typeof value !== 'number') throw wrong('a number', value);
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no Int`);
    return BigInt(value);
  }
  if (typeof value !== 'bigint') throw wrong('a bigint', value);
  if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} does not fit into an Int`);
  return value;
}

/** So many elements in the machine's memory. The buffer is another one after that has grown, and asking for it takes time. */
function view(all, Elements, at, length) {
  if (at + length * Elements.BYTES_PER_ELEMENT > all.size) all.look();
  return new Elements(all.buffer, at, length);
}

/** One value of that type, and how it lies in a word. */
function scalar(type, numbers) {
  switch (type) {
    case 'Int':
      return {
        read: numbers ? ({ ints }, at) => toNumber(ints[at]) : ({ ints }, at) => ints[at],
        write: ({ ints }, at, value) => (ints[at] = toInt(value, numbers)),
      };
    case 'Float':
      return {
        read: ({ floats }, at) => floats[at],
        write({ floats }, at, value) {
          if (typeof value !== 'number') throw wrong('a number', value);
          floats[at] = value;
        },
      };
    case 'Bool':
      return {
        read: ({ words }, at) => words[2 * at] !== 0,
        write({ ints }, at, value) {
          if (typeof value !== 'boolean') throw wrong('a boolean', value);
          ints[at] = value ? 1n : 0n;
        },
      };
    case 'Str':
      return {
        // A decoder refuses shared memory.
        read: (all, at) => text.decode(view(all, Uint8Array, all.words[2 * at], all.words[2 * at + 2]).slice()),
        write(all, at, value) {
          if (typeof value !== 'string') throw wrong('a string', value);
          all.put(at, utf8.encode(value), 1);
        },
      };
  }
  return null;
}

/** A Grid that a function is lent: some rows and columns of one, perhaps. */
class GridView {
  #row;
  constructor(rows, cols, row) {
    this.rows = rows;
    this.cols = cols;
    this.#row = row;
  }
  /** The elements of a row, in place. */
  row(index) {
    if (!(index >= 0 && index < this.rows)) throw new RangeError(`row ${index} of a grid of ${this.rows} rows`);
    return this.#row(index);
  }
}

/** How an argument of a parameter is read: `[Float]`, `inout Int`; how many words it has, and how it is put back, if it is. */
function parameter(declared, numbers) {
  const isInout = declared.startsWith('inout ');
  const type = isInout ? declared.slice(6) : declared;
  const one = scalar(type, numbers);
  if (one) {
    const { read, write } = one;
    const width = type === 'Str' ? 2 : 1;
    if (!isInout) return { width, read };
    return { width, read: (all, at) => ({ value: read(all, at) }), back: (all, at, { value }) => write(all, at, value) };
  }
  if (type.startsWith('[')) {
    const Elements = ARRAYS[type.slice(1, -1)];
    return { width: 2, read: (all, at) => view(all, Elements, all.words[2 * at], all.words[2 * at + 2]) };
  }
  const Elements = ARRAYS[type.slice(5, -1)];
  const read = (all, at) => {
    const [first, rows, cols, pitch] = [0, 2, 4, 6].map((offset) => all.words[2 * at + offset]);
    return new GridView(rows, cols, (row) => view(all, Elements, first + 8 * row * pitch, cols));
  };
  return { width: 4, read };
}

/** Elements of an array of that type, as they are passed to the machine. */
function elements(type, numbers, value) {
  const Elements = ARRAYS[type];
  if (type !== 'Bool' && value instanceof Elements) return value;
  if (!Array.isArray(value)) throw wrong(type === 'Bool' ? 'an array' : `an array or a ${Elements.name}`, value);
  if (type === 'Int') return BigInt64Array.from(value, (one) => toInt(one, numbers));
  const wanted = type === 'Bool' ? 'boolean' : 'number';
  const other = value.find((one) => typeof one !== wanted);
  if (other !== undefined || value.includes(undefined)) throw wrong(`a ${wanted} as an element`, other);
  return type === 'Bool' ? Uint8Array.from(value) : Float64Array.from(value);
}

/** How a result of that type is given. */
function result(type, numbers) {
  if (type === null) {
    return (_, __, value) => {
      if (typeof value?.then === 'function') throw wrong('nothing', value);
    };
  }
  const one = scalar(type, numbers);
  if (one) return one.write;
  const isGrid = type.startsWith('Grid');
  const of = isGrid ? type.slice(5, -1) : type.slice(1, -1);
  return (all, at, value) => {
    if (isGrid && !(value && 'cells' in Object(value))) throw wrong('a grid ({ rows, cols, cells })', value);
    const cells = elements(of, numbers, isGrid ? value.cells : value);
    if (isGrid) {
      const { rows, cols } = value;
      const fits = Number.isSafeInteger(rows) && Number.isSafeInteger(cols) && rows >= 0 && rows * cols === cells.length;
      if (!fits) throw new RangeError(`a grid of ${rows} rows and ${cols} columns has not ${cells.length} elements`);
      [all.ints[at + 2], all.ints[at + 3]] = [BigInt(rows), BigInt(cols)];
    }
    all.put(at, cells, cells.BYTES_PER_ELEMENT);
  };
}

/** Where a function prints, as the program's own `print` does. It is there for a call. */
class Output {
  #print;
  constructor(print) {
    this.#print = print;
  }
  #write(isError, said) {
    if (!this.#print) throw new Error('the call that could print has ended');
    this.#print(isError, utf8.encode(said));
  }
  write(said) {
    this.#write(0, said);
  }
  writeError(said) {
    this.#write(1, said);
  }
  close() {
    this.#print = null;
  }
}

/** Most arguments of a call that makes no array of them. */
const PLAIN = 3;

function callPlain({ call, takes }, all, base) {
  if (takes.length === 0) return call();
  const a = takes[0].read(all, base + takes[0].at);
  if (takes.length === 1) return call(a);
  const b = takes[1].read(all, base + takes[1].at);
  return takes.length === 2 ? call(a, b) : call(a, b, takes[2].read(all, base + takes[2].at));
}

/** What a module says of its functions, by name, as requests have it. */
function declared(module, says) {
  const functions = Object.entries(module).filter(([name, value]) => typeof value === 'function' && name !== 'tgvm');
  for (const [name, said] of Object.entries(says)) {
    if (typeof module[name] !== 'function') throw new Error(`it says something of \`${name}\`, which is no function that it exports`);
    const unknown = Object.keys(said).find((key) => !KEYS.includes(key));
    if (unknown) throw new Error(`it says \`${unknown}\` of \`${name}\`: there are ${KEYS.join(', ')}`);
    if (said.ints !== undefined && !['bigint', 'number'].includes(said.ints)) {
      throw new Error(`the Ints of \`${name}\` are to be \`${said.ints}\`: there are \`bigint\` and \`number\``);
    }
  }
  return functions.map(([name, { length: params }]) => {
    const { prints = false, reads = [], writes = [], pure = false } = says[name] ?? {};
    return { name, params, said: pure || prints || reads.length + writes.length > 0, prints, reads, writes };
  });
}

export class Functions {
  #memory;
  #exports;
  /** Modules by number: what they export and say; or why they are not there. */
  #modules = new Map();
  /** By number: what is called. */
  #bound = [];
  /** The memory as words, and how more of it is seen and written. */
  #all = { look: () => this.#look(), put: (at, values, align) => this.#put(at, values, align) };

  /** The memory, and what the instance on this thread exports. */
  attach(memory, exports) {
    this.#memory = memory;
    this.#exports = exports;
    this.#look();
  }

  #look() {
    const { buffer } = this.#memory;
    const [ints, floats, words] = [new BigInt64Array(buffer), new Float64Array(buffer), new Uint32Array(buffer)];
    Object.assign(this.#all, { buffer, size: buffer.byteLength, ints, floats, words });
  }

  /** Memory that the machine takes over, with these bytes. */
  #allocate(bytes, align) {
    const at = this.#exports.tgvm_allocate(bytes.length, align) >>> 0;
    if (at === 0) throw new RangeError('there is no memory for what it gave');
    view(this.#all, Uint8Array, at, bytes.length).set(bytes);
    return at;
  }

  /** Puts where values lie, and how many they are, into the words from `at` on. */
  #put(at, values, align) {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#all.ints[at] = BigInt(values.length && this.#allocate(bytes, align));
    this.#all.ints[at + 1] = BigInt(values.length);
  }

  /** Loads a module; what it exports and says of it. */
  async load({ number, url, data }) {
    try {
      const module = await import(url);
      const says = (typeof module.tgvm === 'function' ? await module.tgvm(data) : module.tgvm) ?? {};
      const all = declared(module, says);
      this.#modules.set(number, { module, says });
      return all;
    } catch (error) {
      const failure = new Error(`${url} could not be loaded: ${message(error)}`);
      this.#modules.set(number, { failure });
      throw failure;
    }
  }

  #bind(number) {
    const response = this.#exports.tgvm_function(number) >>> 0;
    const [at, length] = view(this.#all, Uint32Array, response, 2);
    const { module, name, params, result: gives } = JSON.parse(text.decode(view(this.#all, Uint8Array, at, length).slice()));
    this.#exports.tgvm_release(response);
    const loaded = this.#modules.get(module);
    if (loaded.failure) throw loaded.failure;
    const { ints, prints } = loaded.says[name] ?? {};
    const numbers = ints === 'number';
    let next = RESULT;
    const takes = params.map((type) => {
      const one = { ...parameter(type, numbers), at: next };
      next += one.width;
      return one;
    });
    const isPlain = !prints && takes.length <= PLAIN && !takes.some(({ back }) => back);
    const bound = { call: loaded.module[name], takes, give: result(gives, numbers), prints, isPlain, size: 8 * next };
    this.#bound[number] = bound;
    return bound;
  }

  /** Calls a function: 0 if it gave what is declared, 1 if the frame says why not, 2 if there was no memory to say so. */
  call(number, frame, output) {
    try {
      const bound = this.#bound[number] ?? this.#bind(number);
      const all = this.#all;
      if (frame + bound.size > all.size) all.look();
      const base = frame >>> 3;
      if (bound.isPlain) bound.give(all, base, callPlain(bound, all, base));
      else this.#call(bound, all, base, output);
      return 0;
    } catch (error) {
      try {
        this.#put(frame >>> 3, utf8.encode(message(error)), 1);
        return 1;
      } catch {
        return 2;
      }
    }
  }

  /** Calls a function that prints, or whose arguments are more than a few or have to be put back. */
  #call({ call, takes, give, prints }, all, base, output) {
    const args = takes.map(({ read, at }) => read(all, base + at));
    let value;
    if (prints) {
      const out = new Output((isError, bytes) => {
        if (bytes.length) this.#exports.tgvm_print(output, isError, this.#allocate(bytes, 1), bytes.length);
      });
      try {
        value = call(...args, out);
      } finally {
        out.close();
      }
    } else value = call(...args);
    takes.forEach(({ back, at }, index) => back?.(all, base + at, args[index]));
    give(all, base, value);
  }
}
