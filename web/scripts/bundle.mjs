// Puts scripts together: what a page needs of the package is one file, and so is what each kind of worker does. Scripts that are found
// only when others have been read cost a page's first run some 50 ms.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const web = fileURLToPath(new URL('..', import.meta.url));

const OPTIONS = {
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  // Asked for in Node only.
  external: ['node:*'],
  logLevel: 'warning',
};

/** Bundles scripts of this package into a folder; what they import later, `import()`, is a file of its own. */
export async function bundle(scripts, outdir) {
  for (const script of scripts) {
    await build({ ...OPTIONS, entryPoints: [join(web, script)], outdir, splitting: true, chunkNames: '[name]' });
  }
}

export const WORKERS = ['src/service.js', 'src/thread.js'];
