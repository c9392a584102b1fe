// The page: what its controls do.

import { Tgvm } from '../../src/index.js';
import { Digest } from './digest.js';
import { isDark, time } from './draw.js';
import { isolate } from './isolation.js';
import { Lanes } from './lanes.js';
import { Output } from './output.js';
import { Program } from './program.js';
import { Repl } from './repl.js';
import { Scoreboard } from './scoreboard.js';
import { fromHash, isShared, toHash } from './share.js';

const at = (id) => document.getElementById(id);

const theme = localStorage.getItem('theme');
if (theme) document.documentElement.dataset.theme = theme;

await isolate();

// The machine starts while the page is put together; what is not needed for a first run comes after it.
const wanted = Number(new URLSearchParams(location.search).get('workers')) || Math.min(navigator.hardwareConcurrency || 2, 16);
const starting = Tgvm.start({ workers: Math.trunc(Math.max(1, Math.min(wanted, 60))) });
starting.catch(() => {});
const loading = fetch('samples.json')
  .then((response) => {
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return response.json();
  })
  .catch((error) => {
    notice(`The sample programs could not be loaded: ${error.message}`);
    return { samples: [{ name: 'empty', title: 'no samples', args: '', source: 'fn main() {\n}\n' }], functions: [], files: {} };
  });
/** The machine, with the functions that samples call. */
const prepared = starting.then(async (vm) => {
  const { functions } = await loading;
  for (const url of functions) await vm.register(url).catch((error) => notice(`${url}: ${error.message}`));
  return vm;
});
prepared.catch(() => {});

const status = (text, isWrong = false) => {
  at('status').textContent = text;
  at('status').classList.toggle('wrong', isWrong);
};

function notice(text) {
  at('notice').textContent = text;
  at('notice').hidden = false;
}

let running = null;
const output = new Output(at('output'), at('pictures'));
const lanes = new Lanes(at('lanes'));
const scoreboard = new Scoreboard(
  { time: at('time'), replay: at('replay'), moment: at('moment'), entries: at('entries'), flight: at('flight') },
  lanes,
);
scoreboard.clear('Run a program with “Record” on to see what was in flight, and what waited for what.');
lanes.begin(1);

const program = new Program(at('editor'), {
  check: async (source) => (await prepared).check(source),
  onProblems(all) {
    at('problems').classList.toggle('wrong', all.length > 0);
    const [first] = all;
    const more = all.length > 1 ? `, and ${all.length - 1} more` : '';
    at('problems').textContent = first
      ? `${first.labels[0] ? `line ${first.labels[0].line}: ` : ''}${first.code} ${first.message}${more}`
      : 'no mistakes';
  },
  onRun: () => run(),
  onEdit: () => {
    if (location.hash) history.replaceState(null, '', location.pathname + location.search);
  },
});

function show(source, args) {
  at('args').value = args;
  program.text = source;
}

/** Shows the program in the page's address, if there is one: whether there is. */
async function showShared() {
  const shared = await fromHash(location.hash);
  if (!shared) {
    if (isShared(location.hash)) notice('The link is damaged: there is no program in it that could be read.');
    return false;
  }
  if (!at('sample').querySelector('[value=""]')) at('sample').prepend(new Option('shared with you', ''));
  at('sample').value = '';
  show(shared.source, shared.args);
  return true;
}

/** Shows the program that was shared, or a sample. */
async function begin() {
  const isShown = showShared();
  const { samples } = await loading;
  for (const { name, title } of samples) at('sample').append(new Option(`${name} – ${title}`, name));
  const choose = (name) => {
    const sample = samples.find((one) => one.name === name);
    if (sample) show(sample.source, sample.args);
  };
  at('sample').addEventListener('change', (event) => choose(event.target.value));
  addEventListener('hashchange', showShared);
  if (await isShown) return;
  const { name } = samples.find(({ name }) => name === 'mandelbrot') ?? samples[0];
  at('sample').value = name;
  choose(name);
}

function concluded({ result, exitCode, stats, stop, trap, diagnostics }, elapsed) {
  const took = time(stats?.milliseconds ?? elapsed);
  switch (result) {
    case 'rejected':
      return [`not run: ${diagnostics.length} ${diagnostics.length === 1 ? 'mistake' : 'mistakes'}`, true];
    case 'trap':
      return [`trap ${trap.code} after ${took}: ${trap.message}`, true];
    case 'stop':
      return [stop.reason === 'abort' ? `stopped after ${took}` : `stopped: ${stop.message}`, true];
    default:
      return [exitCode === 0 ? `done in ${took}` : `ended itself with code ${exitCode} after ${took}`, exitCode !== 0];
  }
}

/** Disables a button and enables another, which takes over the focus if the first has it. */
function swap(from, to) {
  const hasFocus = document.activeElement === from;
  to.disabled = false;
  if (hasFocus) to.focus();
  from.disabled = true;
}

async function run() {
  if (running) return;
  running = new AbortController();
  const { signal } = running;
  swap(at('run'), at('stop'));
  // On a narrow screen it is below the program.
  if (matchMedia('(max-width: 860px)').matches) at('output').parentElement.scrollIntoView({ block: 'start' });
  output.clear();
  at('busy').textContent = '';
  program.mark(null);
  status('running …');
  const begin = performance.now();
  try {
    const vm = await prepared;
    const workers = Number(at('workers').value);
    const record = at('record').checked && vm.shared;
    scoreboard.clear(record ? 'Recording: entries appear when calls run out of order.' : 'This run is not recorded.');
    lanes.begin(workers);
    const seen = new Digest();
    const onProgress = ({ time, awake, events }) => {
      seen.add(events);
      lanes.live(time, awake, seen.lanes(workers, time));
      scoreboard.live(seen, time);
    };
    const args = at('args').value.split(/\s+/).filter(Boolean);
    const { files } = await loading;
    const onOutput = (text, stream) => output.print(text, stream);
    // What is printed is on the page.
    const options = { args, files, onOutput, maxOutput: 0, onProgress, signal, workers, record };
    const result = await vm.run(program.text, options);
    const elapsed = performance.now() - begin;
    if (result.trap) program.mark(result.trap);
    await output.show(result.files);
    if (!vm.shared) lanes.live(elapsed, [0], []);
    if (result.record) {
      const whole = new Digest().add(result.record.events);
      lanes.show(whole.lanes(workers, whole.length), Math.max(whole.length, result.stats.milliseconds));
      scoreboard.show(whole, whole.length, result.record.cut);
    }
    at('busy').textContent = lanes.busy.map((part, worker) => `${worker + 1}: ${Math.round(part * 100)} %`).join('   ');
    status(...concluded(result, elapsed));
  } catch (error) {
    status(error.message, true);
  } finally {
    running = null;
    swap(at('stop'), at('run'));
  }
}

at('run').addEventListener('click', run);
at('stop').addEventListener('click', () => running?.abort());
addEventListener('keydown', (event) => {
  // The editor has its own use for it.
  if (event.defaultPrevented) return;
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && event.target.id !== 'line') run();
  if (event.key === 'Escape') running?.abort();
});
at('share').addEventListener('click', async () => {
  const hash = await toHash({ source: program.text, args: at('args').value });
  history.replaceState(null, '', hash);
  const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
  status(copied ? 'the link has been copied' : 'the link is in the address bar');
});
at('theme').addEventListener('click', () => {
  localStorage.setItem('theme', (document.documentElement.dataset.theme = isDark() ? 'light' : 'dark'));
  lanes.draw();
  scoreboard.draw();
});

const shown = begin();
try {
  const vm = await starting;
  await shown;
  for (let count = 1; count <= vm.workers; count++) at('workers').append(new Option(String(count), String(count)));
  at('workers').value = String(vm.workers);
  lanes.begin(vm.workers);
  at('run').disabled = false;
  performance.mark('ready');
  const keys = matchMedia('(pointer: coarse)').matches ? '' : ', Ctrl-Enter runs';
  status(`ready: ${vm.workers} ${vm.workers === 1 ? 'worker' : 'workers'}${keys}`);
  if (!vm.shared) {
    at('record').checked = false;
    at('record').disabled = true;
    notice('This page is not cross-origin isolated, so workers can share no memory: programs run on one worker alone.');
  }
  new Repl(vm, {
    form: at('enter'), line: at('line'), history: at('history'), flying: at('flying'), cancel: at('cancel'), reset: at('reset'),
  });
} catch (error) {
  status(error.message, true);
}
await program.edit().catch((error) => notice(`The editor could not be loaded: ${error.message}`));
