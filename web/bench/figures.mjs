// How measurements are told: tables, ratios, and which targets are met.

const verdicts = [];

export const least = (values) => Math.min(...values);

/** Microseconds in words. */
export function microseconds(value) {
  if (value === null) return '–';
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}

/** Prints a table whose first column is words. */
export function table(title, head, rows) {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  console.log(`\n${title}\n`);
  for (const row of all) {
    const [first, ...rest] = row;
    console.log([first.padEnd(widths[0]), ...rest.map((cell, at) => cell.padStart(widths[at + 1]))].join('   '));
  }
}

/** Notes a target: `value` is to be at most, or at least, `limit`. */
export function target(what, value, bound, limit, unit = '') {
  const met = bound === 'at most' ? value <= limit : value >= limit;
  verdicts.push({ what, met, said: `${value.toFixed(2)}${unit}, wanted ${bound} ${limit}${unit}` });
}

/** Prints which were met; whether all were. */
export function conclude() {
  console.log('\nTargets\n');
  for (const { what, met, said } of verdicts) console.log(`${met ? 'met   ' : 'MISSED'}  ${what}: ${said}`);
  return verdicts.every(({ met }) => met);
}
