// What was in flight when, and what each worker was at, from the events of a run, as far as they have been told.

export class Digest {
  /** By name: when each was issued, started and completed, by whom, and what it needed. */
  entries = new Map();
  /** Those that have not completed, oldest first. */
  flying = new Map();
  /** How many were in flight, from which time on. */
  steps = [];
  /** When the last event was. */
  length = 0;
  /** What each worker has been at, and is at. */
  #stretches = [];
  #running = [];

  add(events) {
    events.forEach((event) => this.#take(event));
    return this;
  }

  /** Stretches of each of so many workers up to a time, `{ from, to, name }`. */
  lanes(workers, at) {
    return Array.from({ length: Math.max(workers, this.#stretches.length) }, (_, worker) => {
      const running = this.#running[worker];
      const ended = this.#stretches[worker] ?? [];
      return running ? [...ended, { ...running, to: at }] : ended;
    });
  }

  #take(event) {
    const { what, time: at, worker } = event;
    this.length = at;
    if (what === 'issued') {
      const { entry: id, name, line, needs, running } = event;
      const entry = { entry: id, name, line, needs, issued: at, started: running ? at : null, worker, completed: null };
      this.entries.set(id, entry);
      this.flying.set(id, entry);
      this.steps.push([at, this.flying.size]);
      if (running) this.#begin(worker, at, name);
    } else if (what === 'started' || what === 'resumed') {
      const entry = this.entries.get(event.entry);
      if (entry) Object.assign(entry, { started: entry.started ?? at, worker });
      this.#begin(worker, at, entry?.name ?? 'main');
    } else if (what === 'taken up') {
      this.#begin(worker, at, 'issue');
    } else if (what === 'completed') {
      const entry = this.entries.get(event.entry);
      if (entry) entry.completed = at;
      if (this.flying.delete(event.entry)) this.steps.push([at, this.flying.size]);
      this.#leave(worker, at);
    }
  }

  #begin(worker, at, name) {
    this.#leave(worker, at);
    this.#running[worker] = { from: at, name };
  }

  /** The worker leaves what it was at. */
  #leave(worker, at) {
    const running = this.#running[worker];
    if (running) (this.#stretches[worker] ??= []).push({ ...running, to: at });
    this.#running[worker] = null;
  }
}
