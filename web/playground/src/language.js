// How the language's text is coloured: words, numbers, text with values in braces, comments.

import { HighlightStyle, StreamLanguage, syntaxHighlighting } from '@codemirror/language';
import { tags } from '@lezer/highlight';

const KEYWORDS = new Set(
  'fn task struct const let var if else while for each in by break continue return inout enum match use extern'.split(' '),
);
const WORDS = new Set(['true', 'false']);
const TYPES = new Set(['Int', 'Float', 'Bool', 'Str', 'Grid', 'Map']);

/** What stands open around a place: text, or an expression in text, by its nesting of braces. */
const start = () => ({ open: [] });

function text(stream, state) {
  while (!stream.eol()) {
    const next = stream.next();
    if (next === '\\') stream.next();
    else if (next === '"') return state.open.pop(), 'string';
    else if (next === '{') {
      if (stream.eat('{')) continue;
      state.open.push({ braces: 0 });
      return 'string';
    }
  }
  // Text ends with its line.
  state.open = [];
  return 'string';
}

function token(stream, state) {
  const inner = state.open.at(-1);
  if (inner === 'text') return text(stream, state);
  if (stream.eatSpace()) return null;
  if (stream.match('//')) return stream.skipToEnd(), 'comment';
  if (stream.match(/^0[xb][0-9a-fA-F_]+|^\d[\d_]*(\.\d[\d_]*)?([eE][+-]?\d+)?/)) return 'number';
  const word = stream.match(/^[A-Za-z_]\w*/);
  if (word) {
    if (KEYWORDS.has(word[0])) return 'keyword';
    if (WORDS.has(word[0])) return 'bool';
    if (TYPES.has(word[0]) || /^[A-Z]\w*[a-z]/.test(word[0])) return 'typeName';
    return stream.match(/^\s*\(/, false) ? 'function' : 'variableName';
  }
  const next = stream.next();
  if (next === '"') return state.open.push('text'), 'string';
  if (inner) {
    if (next === '{') inner.braces++;
    else if (next === '}' && inner.braces-- === 0) return state.open.pop(), 'string';
  }
  return /[-+*/%=<>&|^!.:]/.test(next) ? 'operator' : null;
}

export const language = StreamLanguage.define({
  name: 'tg',
  startState: start,
  copyState: ({ open }) => ({ open: open.map((one) => (one === 'text' ? one : { ...one })) }),
  token,
  languageData: { commentTokens: { line: '//' }, closeBrackets: { brackets: ['(', '[', '{', '"'] } },
  tokenTable: { function: tags.function(tags.variableName) },
});

const colour = (name) => `var(--${name})`;

export const highlighting = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.keyword, color: colour('keyword') },
    { tag: tags.typeName, color: colour('type') },
    { tag: [tags.number, tags.bool], color: colour('number') },
    { tag: tags.string, color: colour('string') },
    { tag: tags.comment, color: colour('comment'), fontStyle: 'italic' },
    { tag: tags.function(tags.variableName), color: colour('function') },
  ]),
);
