// A program in a URL: deflated, after the `#`, which is not sent to any server.

async function through(bytes, stream) {
  const out = new Response(new Blob([bytes]).stream().pipeThrough(stream));
  return new Uint8Array(await out.arrayBuffer());
}

/** The part of the URL for what is to be shared: text and arguments. */
export async function toHash(shared) {
  const bytes = await through(new TextEncoder().encode(JSON.stringify(shared)), new CompressionStream('deflate-raw'));
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return `#p=${btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`;
}

/** Whether that part of a URL is to be a program. */
export const isShared = (hash) => hash.startsWith('#p=');

/** What was shared; null if that part of the URL is none, or damaged. */
export async function fromHash(hash) {
  if (!isShared(hash)) return null;
  try {
    const binary = atob(hash.slice(3).replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    const { source, args } = JSON.parse(new TextDecoder().decode(await through(bytes, new DecompressionStream('deflate-raw'))));
    return typeof source === 'string' ? { source, args: typeof args === 'string' ? args : '' } : null;
  } catch {
    return null;
  }
}
