// The scoreboard of a recorded run: what was issued and has not completed, and what each waits for. While the program runs it is that of
// the moment, and afterwards that of any moment.

import { colour, colourOf, prepared, time } from './draw.js';

/** How long a replay takes, in seconds, and how many entries are listed. */
const REPLAY = 5;
const LISTED = 60;
/** A run that was over before one could see much is replayed at once, in milliseconds. */
const SHORT = 1000;

export class Scoreboard {
  #elements;
  #lanes;
  /** The digest of a run, how long it was, and whether that is only its beginning. */
  #run = null;
  #length = 0;
  #isCut = false;
  #frame = 0;

  constructor(elements, lanes) {
    this.#elements = elements;
    this.#lanes = lanes;
    elements.time.addEventListener('input', () => {
      cancelAnimationFrame(this.#frame);
      this.#show(this.#chosen);
    });
    elements.replay.addEventListener('click', () => this.replay());
    new ResizeObserver(() => this.draw()).observe(elements.flight);
  }

  get #chosen() {
    return (this.#elements.time.value / 1000) * this.#length;
  }

  /** Draws anew, in another size or theme. */
  draw() {
    if (!this.#run) prepared(this.#elements.flight);
    else if (!this.#elements.time.disabled) this.#show(this.#chosen);
  }

  clear(why) {
    cancelAnimationFrame(this.#frame);
    this.#run = null;
    const { time: slider, replay, moment, entries } = this.#elements;
    slider.disabled = replay.disabled = true;
    slider.value = '0';
    moment.textContent = '';
    this.draw();
    const said = document.createElement('p');
    said.textContent = why;
    entries.replaceChildren(said);
  }

  /** Shows what is in flight at a moment of a run that is under way. */
  live(digest, at) {
    if (digest.entries.size === 0) return;
    [this.#run, this.#length] = [digest, at];
    this.#elements.moment.textContent = `${digest.flying.size} in flight, ${digest.entries.size} issued`;
    this.#drawFlight();
    this.#list([...digest.flying.values()], at);
  }

  /** Shows a run that has ended. */
  show(digest, length, isCut) {
    if (digest.entries.size === 0) return this.clear('Nothing ran out of order.');
    [this.#run, this.#length, this.#isCut] = [digest, length, isCut];
    this.#elements.time.disabled = this.#elements.replay.disabled = false;
    if (length < SHORT) this.replay();
    else this.#show(length);
  }

  replay() {
    cancelAnimationFrame(this.#frame);
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
      const [fullest] = this.#run.steps.reduce((a, b) => (b[1] > a[1] ? b : a));
      return this.#show(fullest);
    }
    const begin = performance.now();
    const step = (now) => {
      const part = Math.min(Math.max(now - begin, 0) / 1000 / REPLAY, 1);
      this.#show(part * this.#length);
      if (part < 1) this.#frame = requestAnimationFrame(step);
    };
    this.#frame = requestAnimationFrame(step);
  }

  #show(at) {
    const { time: slider, moment } = this.#elements;
    const { entries } = this.#run;
    slider.value = String(this.#length > 0 ? Math.round((at / this.#length) * 1000) : 0);
    slider.setAttribute('aria-valuetext', time(at));
    const flying = [...entries.values()].filter(({ issued, completed }) => issued <= at && (completed === null || completed > at));
    const cut = this.#isCut ? ' (the beginning of a long run)' : '';
    moment.textContent = `${flying.length} of ${entries.size} in flight at ${time(at)}${cut}`;
    this.#drawFlight(at);
    this.#lanes.draw(at);
    this.#list(flying, at);
  }

  #list(flying, at) {
    const byName = new Map(flying.map((entry) => [entry.entry, entry]));
    const rows = flying.slice(0, LISTED).map((entry) => row(entry, at, byName));
    if (flying.length > LISTED) {
      const more = document.createElement('p');
      more.textContent = `and ${flying.length - LISTED} more`;
      rows.push(more);
    }
    this.#elements.entries.replaceChildren(...rows);
  }

  #drawFlight(cursor = null) {
    const { draw, width, height } = prepared(this.#elements.flight);
    const { steps } = this.#run;
    const most = steps.reduce((most, [, count]) => Math.max(most, count), 1);
    const x = (when) => 12 + (when / (this.#length || 1)) * (width - 24);
    const y = (count) => height - 4 - (count / most) * (height - 12);
    draw.beginPath();
    draw.moveTo(x(0), y(0));
    let before = 0;
    for (const [when, count] of steps) {
      draw.lineTo(x(when), y(before));
      draw.lineTo(x(when), y(count));
      before = count;
    }
    draw.lineTo(x(this.#length), y(before));
    draw.lineTo(x(this.#length), y(0));
    draw.fillStyle = colour('accent');
    draw.globalAlpha = 0.3;
    draw.fill();
    draw.globalAlpha = 1;
    draw.fillStyle = colour('faint');
    draw.font = '11px system-ui, sans-serif';
    draw.fillText(`at most ${most}`, 14, 12);
    if (cursor === null) return;
    draw.fillStyle = colour('text');
    draw.fillRect(x(cursor), 0, 1, height);
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
