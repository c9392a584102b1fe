// The scoreboard of a recorded run, at any moment of it: what was issued and had not completed, and what each waited for.

import { colour, colourOf, prepared, time } from './draw.js';

/** How long a replay takes, in seconds, and how many entries are listed. */
const REPLAY = 5;
const LISTED = 60;

/** The entries of a record, with when they were issued, started and completed, and the stretches of each worker. */
export function digest({ events }) {
  const entries = new Map();
  const lanes = [];
  const running = [];
  /** The worker leaves what it was at. */
  const leave = (worker, at) => {
    const entry = running[worker];
    if (entry) (lanes[worker] ??= []).push({ from: entry.since, to: at, name: entry.name });
    running[worker] = null;
  };
  const begin = (worker, at, name) => {
    leave(worker, at);
    running[worker] = { since: at, name };
  };
  for (const event of events) {
    const { what, time: at, worker } = event;
    if (what === 'issued') {
      const { entry, name, line, needs, running: isRunning } = event;
      entries.set(entry, { entry, name, line, needs, issued: at, started: isRunning ? at : null, worker, completed: null });
      if (isRunning) begin(worker, at, name);
    } else if (what === 'started' || what === 'resumed') {
      const entry = entries.get(event.entry);
      if (entry) Object.assign(entry, { started: entry.started ?? at, worker });
      begin(worker, at, entry?.name ?? 'main');
    } else if (what === 'taken up') {
      begin(worker, at, 'issue');
    } else if (what === 'completed') {
      const entry = entries.get(event.entry);
      if (entry) Object.assign(entry, { completed: at, ending: event.ending });
      leave(worker, at);
    }
  }
  const length = events.at(-1)?.time ?? 0;
  running.forEach((_, worker) => leave(worker, length));
  return { entries: [...entries.values()], lanes: Array.from(lanes, (lane) => lane ?? []), length };
}

export class Scoreboard {
  #elements;
  #run = null;
  #lanes;
  #frame = 0;
  #steps = [];

  constructor(elements, lanes) {
    this.#elements = elements;
    this.#lanes = lanes;
    elements.time.addEventListener('input', () => {
      cancelAnimationFrame(this.#frame);
      this.#show((elements.time.value / 1000) * this.#run.length);
    });
    elements.replay.addEventListener('click', () => this.replay());
    new ResizeObserver(() => this.#run && this.#show((elements.time.value / 1000) * this.#run.length)).observe(elements.flight);
  }

  clear(why) {
    cancelAnimationFrame(this.#frame);
    this.#run = null;
    const { time: slider, replay, moment, entries, flight } = this.#elements;
    slider.disabled = replay.disabled = true;
    moment.textContent = '';
    prepared(flight);
    const said = document.createElement('p');
    said.textContent = why;
    entries.replaceChildren(said);
  }

  /** Shows a digest from its beginning. */
  show(run, isCut) {
    if (run.entries.length === 0) return this.clear('Nothing ran out of order.');
    this.#run = { ...run, isCut };
    this.#elements.time.disabled = this.#elements.replay.disabled = false;
    // How many were in flight, over time.
    const changes = run.entries.flatMap(({ issued, completed }) => [[issued, 1], [completed ?? run.length, -1]]);
    changes.sort(([a], [b]) => a - b);
    let count = 0;
    this.#steps = changes.map(([at, by]) => [at, (count += by)]);
    this.replay();
  }

  replay() {
    cancelAnimationFrame(this.#frame);
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
      const [[fullest]] = [...this.#steps].sort(([, a], [, b]) => b - a);
      return this.#show(fullest);
    }
    const begin = performance.now();
    const step = (now) => {
      const part = Math.min((now - begin) / 1000 / REPLAY, 1);
      this.#show(part * this.#run.length);
      if (part < 1) this.#frame = requestAnimationFrame(step);
    };
    this.#frame = requestAnimationFrame(step);
  }

  #show(at) {
    const { time: slider, moment, entries: list } = this.#elements;
    const { entries, length, isCut } = this.#run;
    slider.value = String(length > 0 ? Math.round((at / length) * 1000) : 0);
    const flying = entries.filter(({ issued, completed }) => issued <= at && (completed === null || completed > at));
    const cut = isCut ? ' (the beginning of a long run)' : '';
    moment.textContent = `${flying.length} of ${entries.length} in flight at ${time(at)}${cut}`;
    this.#drawFlight(at);
    this.#lanes.draw(at);
    const byName = new Map(flying.map((entry) => [entry.entry, entry]));
    const rows = flying.slice(0, LISTED).map((entry) => row(entry, at, byName));
    if (flying.length > LISTED) {
      const more = document.createElement('p');
      more.textContent = `and ${flying.length - LISTED} more`;
      rows.push(more);
    }
    list.replaceChildren(...rows);
  }

  #drawFlight(at) {
    const { draw, width, height } = prepared(this.#elements.flight);
    const most = Math.max(1, ...this.#steps.map(([, count]) => count));
    const x = (when) => 12 + (when / (this.#run.length || 1)) * (width - 24);
    const y = (count) => height - 4 - (count / most) * (height - 12);
    draw.beginPath();
    draw.moveTo(x(0), y(0));
    let before = 0;
    for (const [when, count] of this.#steps) {
      draw.lineTo(x(when), y(before));
      draw.lineTo(x(when), y(count));
      before = count;
    }
    draw.lineTo(x(this.#run.length), y(before));
    draw.lineTo(x(this.#run.length), y(0));
    draw.fillStyle = colour('accent');
    draw.globalAlpha = 0.3;
    draw.fill();
    draw.globalAlpha = 1;
    draw.fillStyle = colour('faint');
    draw.font = '11px system-ui, sans-serif';
    draw.fillText(`at most ${most}`, 14, 12);
    draw.fillStyle = colour('text');
    draw.fillRect(x(at), 0, 1, height);
  }
}

function row(entry, at, flying) {
  const line = document.createElement('div');
  line.className = 'entry';
  const mark = document.createElement('i');
  const name = document.createElement('b');
  name.textContent = `${entry.name}`;
  name.title = `entry ${entry.entry}, line ${entry.line}`;
  const state = document.createElement('span');
  const runs = entry.started !== null && entry.started <= at;
  if (runs) {
    mark.style.background = colourOf(entry.worker);
    state.textContent = `line ${entry.line}: runs on ${entry.worker + 1}`;
  } else {
    mark.style.border = '1px solid var(--faint)';
    const needs = entry.needs.filter(({ on }) => flying.has(on));
    const waits = needs.map(({ on, by, order }) => `${flying.get(on).name} ${on} (${order} by ${by})`);
    state.textContent = `line ${entry.line}: ${waits.length > 0 ? `waits for ${waits.join(', ')}` : 'ready'}`;
  }
  line.append(mark, name, state);
  return line;
}
