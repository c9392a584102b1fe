// Sees to it that there is a Chromium for the tests: Debian's.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

export const CHROMIUM = '/usr/bin/chromium';

export function installBrowser() {
  if (existsSync(CHROMIUM)) return;
  const sudo = process.getuid() === 0 ? [] : ['sudo'];
  const commands = [
    ['apt-get', 'update'],
    ['apt-get', 'install', '-y', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'],
  ];
  for (const command of commands) {
    const [name, ...args] = [...sudo, ...command];
    const { status } = spawnSync(name, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    if (status !== 0) throw new Error(`${name} ${args.join(' ')} failed: install Chromium as ${CHROMIUM}`);
  }
}

installBrowser();
