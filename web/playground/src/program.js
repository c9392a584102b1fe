// The program's text: shown as it is at first, so that it can be run before the editor, which is most of the page's script, is there.

export class Program {
  #parent;
  #on;
  #plain = document.createElement('pre');
  #editor = null;
  #mark = null;

  /** @param {HTMLElement} parent @param on what `createEditor` is told to call */
  constructor(parent, on) {
    this.#parent = parent;
    this.#on = on;
    this.#plain.className = 'plain';
    parent.append(this.#plain);
  }

  /** Loads the editor, which takes the place of the plain text. */
  async edit() {
    const { createEditor } = await import('./editor.js');
    const text = this.text;
    this.#plain.remove();
    this.#editor = createEditor(this.#parent, text, this.#on);
    if (this.#mark) this.#editor.mark(this.#mark);
  }

  get text() {
    return this.#editor ? this.#editor.text : this.#plain.textContent;
  }

  set text(text) {
    if (this.#editor) this.#editor.text = text;
    else this.#plain.textContent = text;
  }

  /** Marks where a run trapped, until the text changes; null takes the mark away. */
  mark(diagnostic) {
    this.#mark = diagnostic;
    this.#editor?.mark(diagnostic);
  }
}
