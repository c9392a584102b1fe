// Builds the playground into `dist/playground`, a static folder: the page in one script, the package as it is, the samples.

import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const web = fileURLToPath(new URL('..', import.meta.url));
const out = join(web, 'dist', 'playground');
const programs = join(web, '..', 'programs');

/** Arguments that show more than the standard ones do. */
const ARGS = { mandelbrot: '900 mandelbrot.png' };

function samples() {
  const files = readdirSync(programs).filter((name) => name.endsWith('.tg'));
  return files.map((file) => {
    const name = basename(file, '.tg');
    const source = readFileSync(join(programs, file), 'utf8');
    const [, first] = source.match(/^\/\/ (.*)/);
    const [title] = first.split(/[.:?,] |[.:?]$/);
    return { name, title: title.length > 48 ? `${title.slice(0, 47)}…` : title, args: ARGS[name] ?? '', source };
  });
}

function data() {
  const names = readdirSync(join(programs, 'data'));
  return Object.fromEntries(names.map((name) => [`programs/data/${name}`, readFileSync(join(programs, 'data', name), 'utf8')]));
}

const wasm = join(web, 'dist', 'tgvm.wasm');
if (!existsSync(wasm)) await import('./build.mjs');
rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'tgvm'), { recursive: true });
for (const file of ['index.html', 'style.css', 'icon.svg', 'sw.js']) cpSync(join(web, 'playground', file), join(out, file));
cpSync(join(web, 'src'), join(out, 'tgvm'), { recursive: true, filter: (path) => !path.endsWith('.d.ts') });
// Beside the package's folder, as in the package.
mkdirSync(join(out, 'dist'));
cpSync(wasm, join(out, 'dist', 'tgvm.wasm'));
writeFileSync(join(out, 'samples.json'), JSON.stringify({ samples: samples(), files: data() }));
await build({
  entryPoints: [join(web, 'playground', 'src', 'main.js')],
  outfile: join(out, 'playground.js'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  // The package starts workers from files of its own, so it stays as it is.
  external: ['../tgvm/index.js'],
  logLevel: 'warning',
});
const script = join(out, 'playground.js');
writeFileSync(script, readFileSync(script, 'utf8').replaceAll('"../tgvm/index.js"', '"./tgvm/index.js"'));
