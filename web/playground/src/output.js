// What a program prints, up to a limit, and the files that it writes: pictures, or links.

/** How many characters are shown, how many files, and how wide or high a picture at most. */
const MOST = 60_000;
const MOST_FILES = 20;
const LARGEST = 1600;

export class Output {
  #text;
  #files;
  #shown = 0;

  constructor(text, files) {
    this.#text = text;
    this.#files = files;
  }

  clear() {
    this.#shown = 0;
    this.#text.replaceChildren();
    this.#files.querySelectorAll('a').forEach(({ href }) => URL.revokeObjectURL(href));
    this.#files.replaceChildren();
  }

  /** Adds what was printed on a stream. */
  print(text, stream) {
    if (this.#shown === MOST) return;
    const all = this.#text;
    const isAtEnd = all.scrollTop + all.clientHeight >= all.scrollHeight - 4;
    const part = text.slice(0, MOST - this.#shown);
    this.#shown += part.length;
    const last = all.lastElementChild;
    if (last?.className === stream) last.append(part);
    else {
      const piece = document.createElement('span');
      piece.className = stream;
      piece.textContent = part;
      all.append(piece);
    }
    if (this.#shown === MOST) all.append('\n… it prints more than this page shows …');
    if (isAtEnd) all.scrollTop = all.scrollHeight;
  }

  /** Shows files by path. */
  async show(files) {
    const all = Object.entries(files);
    this.#files.replaceChildren(...(await Promise.all(all.slice(0, MOST_FILES).map(figure))));
    if (all.length > MOST_FILES) this.#files.append(`and ${all.length - MOST_FILES} more files`);
  }
}

/** A picture, made smaller if it is too large to be drawn at once. */
async function decoded(blob) {
  const picture = await createImageBitmap(blob);
  const { width, height } = picture;
  const scale = LARGEST / Math.max(width, height);
  if (scale >= 1) return picture;
  return createImageBitmap(picture, {
    resizeWidth: Math.max(1, Math.round(width * scale)),
    resizeHeight: Math.max(1, Math.round(height * scale)),
  });
}

async function figure([path, bytes]) {
  const figure = document.createElement('figure');
  const caption = document.createElement('figcaption');
  const link = document.createElement('a');
  const isPicture = path.endsWith('.png');
  const blob = new Blob([bytes], { type: isPicture ? 'image/png' : 'application/octet-stream' });
  link.href = URL.createObjectURL(blob);
  link.download = path.split('/').at(-1);
  link.textContent = path;
  caption.append(link, ` ${bytes.length.toLocaleString('en')} bytes`);
  const picture = isPicture && (await decoded(blob).catch(() => null));
  if (picture) {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext('2d').drawImage(picture, 0, 0);
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `the picture ${path}`);
    figure.append(canvas);
  }
  figure.append(caption);
  return figure;
}
