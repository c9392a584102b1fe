// A lane for each worker: when it was awake, and over that when it ran which entry, if the run is recorded.

import { colour, colourOf, prepared, time } from './draw.js';

const LANE = 18;
const LEFT = 30;
const BOTTOM = 18;

export class Lanes {
  #canvas;
  #workers = 1;
  /** Stretches of each worker: when it was seen awake, from and to; what it was at, from, to and name. */
  #awake = [];
  #stretches = [];
  #length = 0;

  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  begin(workers) {
    this.#workers = workers;
    this.#awake = Array.from({ length: workers }, () => []);
    this.#stretches = [];
    this.#length = 0;
    this.draw();
  }

  /** Who is awake at that time, and what each has been at. */
  live(at, awake, stretches) {
    for (const worker of awake) {
      const lane = this.#awake[worker];
      if (!lane) continue;
      const last = lane.at(-1);
      if (last && last.to >= this.#length) last.to = at;
      else lane.push({ from: this.#length, to: at });
    }
    this.show(stretches, at);
  }

  /** What each has been at, in a run of that length. */
  show(stretches, length) {
    this.#stretches = stretches;
    this.#workers = Math.max(stretches.length, this.#workers);
    this.#length = length;
    this.draw();
  }

  /** Which part of the time each worker was busy: with what was recorded, or awake. */
  get busy() {
    const sum = (lane) => lane.reduce((total, { from, to }) => total + to - from, 0);
    const lanes = this.#stretches.some((lane) => lane.length > 0) ? this.#stretches : this.#awake;
    return lanes.map((lane) => (this.#length > 0 ? Math.min(1, sum(lane) / this.#length) : 0));
  }

  draw(cursor = null) {
    const { draw, width, height } = prepared(this.#canvas, this.#workers * (LANE + 4) + BOTTOM + 8);
    const x = (at) => LEFT + (this.#length > 0 ? (at / this.#length) * (width - LEFT - 12) : 0);
    const [faint, line, text] = [colour('faint'), colour('line'), colour('on-accent')];
    draw.font = '11px system-ui, sans-serif';
    draw.textBaseline = 'middle';
    for (let worker = 0; worker < this.#workers; worker++) {
      const top = 6 + worker * (LANE + 4);
      draw.fillStyle = faint;
      draw.fillText(String(worker + 1), 12, top + LANE / 2);
      draw.fillStyle = line;
      draw.globalAlpha = 0.45;
      draw.fillRect(LEFT, top, width - LEFT - 12, LANE);
      draw.globalAlpha = 1;
      const fill = colourOf(worker);
      draw.fillStyle = fill;
      draw.globalAlpha = 0.3;
      for (const { from, to } of this.#awake[worker] ?? []) draw.fillRect(x(from), top, x(to) - x(from), LANE);
      draw.globalAlpha = 1;
      for (const { from, to, name } of this.#stretches[worker] ?? []) {
        const [left, right] = [x(from), x(to)];
        const wide = Math.max(right - left - (right - left > 3 ? 1 : 0), 0.7);
        draw.fillStyle = fill;
        draw.fillRect(left, top, wide, LANE);
        if (wide > 14 + 6 * name.length) {
          draw.fillStyle = text;
          draw.fillText(name, left + 6, top + LANE / 2);
        }
      }
    }
    draw.fillStyle = faint;
    if (this.#length > 0) {
      draw.fillText('0', LEFT, height - 9);
      const end = time(this.#length);
      draw.fillText(end, width - 12 - draw.measureText(end).width, height - 9);
    }
    if (cursor !== null) {
      draw.fillStyle = colour('text');
      draw.fillRect(x(cursor), 2, 1, height - BOTTOM);
    }
  }
}
