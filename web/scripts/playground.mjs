// Builds the playground into `dist/playground`, a static folder: the page's script and one for each kind of worker, the editor, the
// module, the samples.

import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { WORKERS, bundle } from './bundle.mjs';

const web = fileURLToPath(new URL('..', import.meta.url));
const out = join(web, 'dist', 'playground');
const programs = join(web, '..', 'programs');
/** Samples that call functions of scripts, which lie beside them. */
const withScripts = join(web, 'samples');

/** Arguments that show more than the standard ones do. */
const ARGS = { mandelbrot: '900 mandelbrot.png', terrain: '900 terrain.png' };

const named = (folder, end) => readdirSync(folder).filter((name) => name.endsWith(end)).map((name) => join(folder, name));

function samples() {
  return [...named(programs, '.tg'), ...named(withScripts, '.tg')].map((file) => {
    const name = basename(file, '.tg');
    const source = readFileSync(file, 'utf8');
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
for (const file of ['index.html', 'style.css', 'icon.svg', 'sw.js']) cpSync(join(web, 'playground', file), join(out, file));
// Beside the scripts' folder, as in the package.
cpSync(wasm, join(out, 'dist', 'tgvm.wasm'));
const scripts = named(withScripts, '.js');
for (const script of scripts) cpSync(script, join(out, 'samples', basename(script)));
const functions = scripts.map((script) => `samples/${basename(script)}`);
writeFileSync(join(out, 'samples.json'), JSON.stringify({ samples: samples(), functions, files: data() }));
await bundle(['playground/src/main.js', ...WORKERS], join(out, 'scripts'));
