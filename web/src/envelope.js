// How requests and responses are written: the length of the JSON in four bytes, the JSON, then bytes that it mentions.

const utf8 = new TextEncoder();

/** @param {any} json @param {Uint8Array[]} parts */
export function seal(json, parts = []) {
  const text = utf8.encode(JSON.stringify(json));
  const all = new Uint8Array(4 + text.length + parts.reduce((sum, part) => sum + part.length, 0));
  new DataView(all.buffer).setUint32(0, text.length, true);
  all.set(text, 4);
  let at = 4 + text.length;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The JSON, and a function that gives the next so many bytes. */
export function open(all) {
  const length = new DataView(all.buffer, all.byteOffset).getUint32(0, true);
  const json = JSON.parse(new TextDecoder().decode(all.subarray(4, 4 + length)));
  let at = 4 + length;
  const take = (count) => all.slice(at, (at += count));
  return { json, take };
}

/** Files of a script, `{ path: text or bytes }`, as a request mentions them. */
export function packFiles(files = {}) {
  const all = Object.entries(files).map(([path, content]) => {
    if (typeof content === 'string') return [path, utf8.encode(content)];
    if (content instanceof Uint8Array) return [path, content];
    throw new TypeError(`the file \`${path}\` is neither text nor a Uint8Array`);
  });
  return { list: all.map(([path, bytes]) => ({ path, size: bytes.length })), parts: all.map(([, bytes]) => bytes) };
}

/** The way back. */
export function unpackFiles(list, take) {
  return Object.fromEntries(list.map(({ path, size }) => [path, take(size)]));
}

/** A value of a script as an argument; the bytes of arrays go to `parts`. */
export function packValue(value, parts) {
  switch (typeof value) {
    case 'bigint':
      return { int: value.toString() };
    case 'number':
      return Number.isFinite(value) ? value : { float: value === Infinity ? 'inf' : value === -Infinity ? '-inf' : 'NaN' };
    case 'boolean':
    case 'string':
      return value;
  }
  const bytes = () => new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof BigInt64Array) return parts.push(bytes()), { ints: value.length };
  if (value instanceof Float64Array) return parts.push(bytes()), { floats: value.length };
  if (Array.isArray(value)) return value.map((one) => packValue(one, parts));
  if (value && 'cells' in value) {
    return { rows: value.rows, cols: value.cols, cells: packValue(value.cells, parts) };
  }
  if (value && 'fields' in value) return { fields: value.fields.map((one) => packValue(one, parts)) };
  throw new TypeError('an argument is a number, a bigint, a boolean, text, an array, a grid or a struct');
}

/** The way back: Ints are bigints, `[Int]` a BigInt64Array and `[Float]` a Float64Array. */
export function unpackValue(json, take) {
  if (json === null) return undefined;
  if (typeof json !== 'object') return json;
  if (Array.isArray(json)) return json.map((one) => unpackValue(one, take));
  if ('int' in json) return BigInt(json.int);
  if ('float' in json) return { inf: Infinity, '-inf': -Infinity }[json.float] ?? NaN;
  if ('ints' in json) return new BigInt64Array(take(8 * json.ints).buffer);
  if ('floats' in json) return new Float64Array(take(8 * json.floats).buffer);
  if ('cells' in json) return { rows: json.rows, cols: json.cols, cells: unpackValue(json.cells, take) };
  return { fields: json.fields.map((one) => unpackValue(one, take)) };
}
