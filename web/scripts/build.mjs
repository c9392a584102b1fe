// Builds the package into `dist`: the module, for which it needs rustup, whose target and sources it installs, and the scripts.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { WORKERS, bundle } from './bundle.mjs';

const web = join(dirname(fileURLToPath(import.meta.url)), '..');
const crate = join(web, 'wasm');
const TARGET = 'wasm32-unknown-unknown';

function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { cwd: crate, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

run('rustup', ['target', 'add', TARGET]);
run('rustup', ['component', 'add', 'rust-src']);
// The standard library is built anew, which a stable compiler does only when it is told so.
run('cargo', ['--config', 'build.toml', 'build', '--release', '--target', TARGET], { RUSTC_BOOTSTRAP: '1' });
mkdirSync(join(web, 'dist'), { recursive: true });
const out = process.env.CARGO_TARGET_DIR ?? join(crate, 'target');
copyFileSync(join(out, TARGET, 'release', 'tgvm_web.wasm'), join(web, 'dist', 'tgvm.wasm'));
await bundle(['src/index.js', ...WORKERS], join(web, 'dist'));
