// Heights of a landscape: a sum of ever finer noise. `terrain.tg` calls this, on every worker at once.

/** A number from 0 to 1 for each point of a lattice. Only what all machines compute alike is used. */
function lattice(x, y) {
  let hash = Math.imul(x, 374761393) ^ Math.imul(y, 668265263);
  hash = Math.imul(hash ^ (hash >>> 13), 1274126177);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** Between the points of the lattice. */
function noise(x, y) {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const ease = (t) => t * t * (3 - 2 * t);
  const [across, down] = [ease(x - left), ease(y - top)];
  const along = (y) => lattice(left, y) + across * (lattice(left + 1, y) - lattice(left, y));
  return along(top) + down * (along(top + 1) - along(top));
}

/** Gives rows of the landscape their heights, in place, from row `top` of `size` on. */
export function raise(rows, top, size) {
  for (let y = 0; y < rows.rows; y++) {
    const row = rows.row(y);
    for (let x = 0; x < rows.cols; x++) {
      row[x] = 0;
      for (let octave = 0; octave < 7; octave++) {
        const scale = (3 * 2 ** octave) / size;
        row[x] += noise(x * scale, (top + y) * scale) / 2 ** (octave + 1);
      }
    }
  }
}

/** What the machine may rely on, and how Ints cross. */
export const tgvm = { raise: { pure: true, ints: 'number' } };
