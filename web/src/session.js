// A session: statements that are entered one after the other, and run side by side where they do not depend on each other.

import { MachineError } from './machine.js';

export class Session {
  #machine;
  #id;
  #onEnded;
  #onClose;
  /** Those that wait for a statement, and what ended before somebody did. */
  #waiting = new Map();
  #ended = new Map();
  /** Those in flight, for which Node's process stays alive; and those of which the end was told before their number was known. */
  #flying = new Set();
  #early = new Set();
  #failure = null;

  constructor(machine, id, onEnded, onClose) {
    this.#machine = machine;
    this.#id = id;
    this.#onEnded = onEnded;
    this.#onClose = onClose;
  }

  async #request(request, more) {
    if (this.#failure) throw this.#failure;
    return (await this.#machine.request({ request, session: this.#id, ...more })).json;
  }

  async enter(text) {
    const answer = await this.#request('enter', { text });
    for (const { statement } of answer.entered) {
      if (statement === undefined || this.#early.delete(statement) || this.#failure) continue;
      this.#flying.add(statement);
      this.#machine.use(true);
    }
    return answer;
  }

  wait(number) {
    const ended = this.#ended.get(number);
    if (ended) {
      this.#ended.delete(number);
      return Promise.resolve(ended);
    }
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiting.set(number, { resolve, reject }));
  }

  async cancel(number) {
    return (await this.#request('cancel', { statement: number ?? null })).was;
  }

  scoreboard() {
    return this.#request('scoreboard');
  }

  async close() {
    if (this.#failure) return;
    await this.#request('close');
    this.#onClose();
    this.fail(new MachineError('the session has been closed'));
  }

  /** @internal a statement has ended */
  ended({ number, output, value, failed, files }) {
    if (this.#flying.delete(number)) this.#machine.use(false);
    else this.#early.add(number);
    const ended = { number, output, value, failed, files };
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (waiting) waiting.resolve(ended);
    else if (!this.#onEnded) this.#ended.set(number, ended);
    this.#onEnded?.(ended);
  }

  /** @internal there will be no more answers */
  fail(error) {
    this.#failure = error;
    this.#flying.forEach(() => this.#machine.use(false));
    this.#flying.clear();
    this.#waiting.forEach(({ reject }) => reject(error));
    this.#waiting.clear();
  }
}
