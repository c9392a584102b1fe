// The session: what is entered runs while the next line is typed.

import { time } from './draw.js';

export class Repl {
  #vm;
  #elements;
  #session = null;
  #entered = [];
  #at = 0;
  #watching = false;

  constructor(vm, elements) {
    this.#vm = vm;
    this.#elements = elements;
    const { form, line, cancel, reset } = elements;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = line.value.trim();
      line.value = '';
      if (text) this.enter(text);
    });
    line.addEventListener('keydown', (event) => {
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!by || this.#entered.length === 0) return;
      event.preventDefault();
      this.#at = Math.max(0, Math.min(this.#entered.length, this.#at + by));
      line.value = this.#entered[this.#at] ?? '';
    });
    cancel.addEventListener('click', () => this.#session?.then((session) => session.cancel()));
    reset.addEventListener('click', () => this.reset());
    this.reset();
  }

  reset() {
    this.#session?.then((session) => session.close()).catch(() => {});
    this.#session = null;
    this.#elements.flying.replaceChildren();
    this.#elements.cancel.hidden = this.#elements.reset.hidden = true;
    const said = document.createElement('p');
    said.textContent = this.#vm.shared
      ? 'Statements run while you type the next. One that needs a value that is not there yet waits for it, not you.'
      : 'A session needs workers that share memory, which this page may not have.';
    this.#elements.history.replaceChildren(said);
    this.#elements.form.querySelectorAll('input, button').forEach((one) => (one.disabled = !this.#vm.shared));
  }

  async enter(text) {
    this.#entered.push(text);
    this.#at = this.#entered.length;
    this.#say(`tg> ${text}`, 'said');
    try {
      this.#session ??= this.#vm.session({ onEnded: (ended) => this.#ended(ended) });
      const session = await this.#session;
      this.#elements.reset.hidden = false;
      const { diagnostics } = await session.enter(text);
      for (const { code, message, help } of diagnostics) {
        this.#say([`${code} ${message}`, ...help.map((line) => `  ${line}`)].join('\n'), 'error');
      }
      this.#watch(session);
    } catch (error) {
      this.#session = null;
      this.#say(error.message, 'error');
    }
  }

  #ended({ number, output, value, failed }) {
    if (output) this.#say(output.replace(/\n$/, ''));
    if (value !== null) this.#say(`[${number}] ${value}`, 'value');
    if (failed !== null) this.#say(`[${number}] ${failed}`, 'error');
  }

  /** Shows what is in flight for as long as something is. */
  async #watch(session) {
    if (this.#watching) return;
    this.#watching = true;
    const { flying, cancel } = this.#elements;
    try {
      for (;;) {
        const { statements } = await session.scoreboard();
        cancel.hidden = statements.length === 0;
        flying.replaceChildren(...statements.map((statement) => this.#row(session, statement)));
        if (statements.length === 0) break;
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    } catch {
      flying.replaceChildren();
    } finally {
      this.#watching = false;
    }
  }

  #row(session, { number, text, milliseconds, waitsFor }) {
    const row = document.createElement('div');
    const said = document.createElement('span');
    const state = waitsFor.length === 0 ? 'runs' : `waits for ${waitsFor.map(({ on, why }) => `[${on}]: ${why}`).join(', ')}`;
    said.textContent = `[${number}] ${time(milliseconds)}  ${text}  (${state})`;
    const cancel = document.createElement('button');
    cancel.textContent = 'Cancel';
    cancel.setAttribute('aria-label', `Cancel statement ${number}`);
    cancel.addEventListener('click', () => session.cancel(number));
    row.append(said, cancel);
    return row;
  }

  #say(text, kind = '') {
    const { history } = this.#elements;
    const line = document.createElement('div');
    line.className = kind;
    line.textContent = text;
    history.append(line);
    history.scrollTop = history.scrollHeight;
  }
}
