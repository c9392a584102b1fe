// Canvases that are as sharp as the screen, and the colours of workers.

const HUES = [220, 150, 30, 285, 0, 185, 50, 320];

/** Whether the page is dark: as was chosen, or as the system is. */
export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

/** The colour of a worker; it is told apart in light and in dark. */
export function colourOf(worker) {
  return `hsl(${HUES[worker % HUES.length]} ${isDark() ? '65% 64%' : '64% 36%'})`;
}

/** Colours of the style sheet by name, in the theme that they were looked up in: that makes the browser lay the page out. */
const colours = new Map();
let coloursAreDark;

export function colour(name) {
  if (coloursAreDark !== isDark()) colours.clear();
  coloursAreDark = isDark();
  if (!colours.has(name)) {
    // One that depends on the theme is resolved by an element that has it.
    const probe = document.createElement('i');
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    colours.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return colours.get(name);
}

/** Sizes the canvas for the screen and clears it; what to draw with, in CSS pixels. */
export function prepared(canvas, height) {
  const ratio = devicePixelRatio || 1;
  if (height) canvas.style.height = `${height}px`;
  const { clientWidth, clientHeight } = canvas;
  const [wide, high] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  const draw = canvas.getContext('2d');
  draw.setTransform(ratio, 0, 0, ratio, 0, 0);
  draw.clearRect(0, 0, clientWidth, clientHeight);
  return { draw, width: clientWidth, height: clientHeight };
}

/** Milliseconds in words. */
export function time(milliseconds) {
  if (milliseconds < 1) return `${(milliseconds * 1000).toFixed(0)} µs`;
  if (milliseconds < 1000) return `${milliseconds.toFixed(milliseconds < 10 ? 2 : 0)} ms`;
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
