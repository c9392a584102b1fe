// The editor: its diagnostics are the compiler's, and the trap of the last run.

import { closeBrackets, closeBracketsKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, toggleComment } from '@codemirror/commands';
import { bracketMatching, indentOnInput, indentUnit } from '@codemirror/language';
import { forceLinting, lintGutter, lintKeymap, linter } from '@codemirror/lint';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { EditorState, Prec, StateEffect } from '@codemirror/state';
import { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';

import { highlighting, language } from './language.js';

/** Asks for the diagnostics anew. */
const refresh = StateEffect.define();

const theme = EditorView.theme({
  '&': { backgroundColor: 'var(--panel)', color: 'var(--text)', fontSize: '13px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'var(--panel)', color: 'var(--faint)', border: 'none' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--accent) 7%, transparent)' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--accent) 28%, transparent)',
  },
  '.cm-tooltip': { backgroundColor: 'var(--panel)', color: 'var(--text)', border: '1px solid var(--line)', maxWidth: '60ch' },
  '.cm-panels': { backgroundColor: 'var(--panel)', color: 'var(--text)' },
  '.cm-diagnosticText': { whiteSpace: 'pre-wrap' },
});

/** A diagnostic of the package as the editor's. */
function shown({ code, message, labels, help }, length) {
  const [{ from, to, text } = { from: 0, to: 0, text: '' }] = labels;
  const end = Math.min(Math.max(to, from + 1), length);
  const lines = [`${code} ${message}`, text, ...help].filter(Boolean);
  return { from: Math.min(from, end), to: end, severity: 'error', message: lines.join('\n') };
}

/**
 * @param {HTMLElement} parent
 * @param {string} text
 * @param {{ check: (source: string) => Promise<any[]>, onProblems: (all: any[]) => void, onRun: () => void, onEdit: () => void }} on
 */
export function createEditor(parent, text, { check, onProblems, onRun, onEdit }) {
  let trap = null;
  const source = async (view) => {
    const text = view.state.doc.toString();
    // Where nobody can check it, nothing is known of it.
    const found = await check(text).catch(() => null);
    if (!found) return [];
    const all = trap ? [...found, trap] : found;
    onProblems(all);
    return all.map((one) => shown(one, view.state.doc.length));
  };
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        Prec.highest(keymap.of([{ key: 'Mod-Enter', run: () => (onRun(), true) }])),
        lineNumbers(),
        lintGutter(),
        history(),
        drawSelection(),
        indentOnInput(),
        indentUnit.of('    '),
        bracketMatching(),
        closeBrackets(),
        highlightActiveLine(),
        highlightSelectionMatches(),
        keymap.of([
          ...closeBracketsKeymap,
          ...defaultKeymap,
          ...searchKeymap,
          ...historyKeymap,
          ...lintKeymap,
          { key: 'Mod-/', run: toggleComment },
        ]),
        language,
        highlighting,
        theme,
        linter(source, {
          delay: 200,
          needsRefresh: ({ transactions }) => transactions.some(({ effects }) => effects.some((one) => one.is(refresh))),
        }),
        EditorView.contentAttributes.of({ 'aria-label': 'Program text' }),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          trap = null;
          onEdit();
        }),
      ],
    }),
  });
  return {
    get text() {
      return view.state.doc.toString();
    },
    set text(text) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: 0 } });
      view.scrollDOM.scrollTop = 0;
    },
    /** Marks where a run trapped, until the text changes; null takes the mark away. */
    mark(diagnostic) {
      trap = diagnostic;
      const at = diagnostic?.labels[0]?.from;
      const shown = at === undefined ? [] : [EditorView.scrollIntoView(at, { y: 'center' })];
      view.dispatch({ effects: [refresh.of(null), ...shown] });
      forceLinting(view);
    },
  };
}
