//! Diagnostics and traps as a person reads them: a title, the source line underlined, what to do.
//!
//! What is printed is bounded whatever the source is: only the lines around the labels are handed to the renderer, cut
//! to a window where they are long, so that an error in a line of a megabyte takes a screenful and a millisecond.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Message, Renderer, Snippet};

use crate::syntax::diagnostic::{Diagnostic, Label};
use crate::syntax::span::Span;

/// Errors shown of one file; of the others the number is told.
pub const MAX_SHOWN: usize = 50;
/// A line longer than this many bytes is cut to a window around its labels.
const LONG_LINE: usize = 160;
/// Bytes kept on each side of the labels of a long line.
const LINE_CONTEXT: usize = 40;
/// Labels whose lines are further apart stand in excerpts of their own.
const NEAR_LINES: usize = 12;
/// Of a span over more lines only the first line is underlined.
const MAX_SPAN_LINES: usize = 6;

/// A source text with the starts of its lines, to show excerpts of.
pub struct Text<'a> {
    name: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
}

impl<'a> Text<'a> {
    /// The text of that name.
    pub fn new(name: &'a str, text: &'a str) -> Text<'a> {
        let starts = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        Text { name, text, line_starts: std::iter::once(0).chain(starts).collect() }
    }

    /// Line and column of an offset, both from 1; the column counts characters, but for a byte order mark.
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let line = self.line_of(offset as usize);
        let before = &self.text[self.line_starts[line]..self.boundary(offset as usize)];
        (line + 1, before.strip_prefix('\u{feff}').unwrap_or(before).chars().count() + 1)
    }

    /// `file.tg:12:5`
    pub fn position(&self, offset: u32) -> String {
        let (line, column) = self.line_column(offset);
        format!("{}:{line}:{column}", self.name)
    }

    fn boundary(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset)
    }

    fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= offset) - 1
    }

    /// The bytes of a line without its end (and without a byte order mark).
    fn line_range(&self, line: usize) -> Range<usize> {
        let start = self.line_starts[line];
        let end = self.line_starts.get(line + 1).map_or(self.text.len(), |&next| next - 1);
        let content = &self.text[start..end];
        let stripped = content.strip_prefix('\u{feff}').unwrap_or(content);
        let start = end - stripped.len();
        start..start + stripped.strip_suffix('\r').unwrap_or(stripped).len()
    }
}

/// The source lines around some labels, and where in them the labels are.
struct Excerpt {
    first_line: usize,
    text: String,
    marks: Vec<(Range<usize>, String, AnnotationKind)>,
    /// Where the line was cut: the position that the renderer takes from the excerpt, and the true one.
    moved: Option<(String, String)>,
}

/// Renders to text, with or without colours.
pub struct Painter {
    renderer: Renderer,
}

impl Painter {
    /// With colours if `styled`.
    pub fn new(styled: bool) -> Painter {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        Painter { renderer: renderer.term_width(120) }
    }

    /// A diagnostic: `error[E0107]: …`.
    pub fn diagnostic(&self, diagnostic: &Diagnostic, text: &Text) -> String {
        let title = Level::ERROR.primary_title(&*diagnostic.message).id(diagnostic.code);
        let help = diagnostic.help.iter().map(|help| Level::HELP.message(&**help));
        self.with_excerpts(Group::with_title(title), text, &diagnostic.labels, help.collect())
    }

    /// A trap: `trap[T0004]: …` with the place, if there is one, and notes below.
    pub fn trap(&self, code: &str, message: &str, place: Option<Span>, notes: &[String], text: &Text) -> String {
        let labels: Vec<_> = place.map(|span| Label { span, text: String::new() }).into_iter().collect();
        let title = Level::ERROR.with_name("trap").primary_title(message).id(code);
        let notes = notes.iter().map(|note| Level::NOTE.no_name().message(&**note));
        self.with_excerpts(Group::with_title(title), text, &labels, notes.collect())
    }

    /// A message about no place: `error: …`, `stopped: …`.
    pub fn message(&self, level: &str, message: &str, help: &[String]) -> String {
        let title = |title| self.renderer.render(&[Group::with_title(title)]) + "\n";
        let help = help.iter().map(|help| title(Level::HELP.primary_title(&**help)));
        std::iter::once(title(Level::ERROR.with_name(level).primary_title(message))).chain(help).collect()
    }

    fn with_excerpts<'a>(
        &self,
        mut group: Group<'a>,
        text: &'a Text,
        labels: &[Label],
        after: Vec<Message<'a>>,
    ) -> String {
        let mut moved = Vec::new();
        for excerpt in excerpts(text, labels) {
            let marks = excerpt.marks.into_iter().map(|(range, label, kind)| {
                let label = (!label.is_empty()).then_some(Cow::Owned(label));
                kind.span(range).label(label)
            });
            let snippet = Snippet::source(excerpt.text).line_start(excerpt.first_line + 1).path(text.name);
            group = group.element(snippet.annotations(marks));
            moved.extend(excerpt.moved);
        }
        let mut rendered = self.renderer.render(&[group.elements(after)]) + "\n";
        for (shown, true_position) in moved {
            rendered = rendered.replacen(&shown, &true_position, 1);
        }
        rendered
    }
}

/// Groups labels that stand near each other; the first label, the one at fault, stands in the first excerpt.
fn excerpts(text: &Text, labels: &[Label]) -> Vec<Excerpt> {
    let mut clusters: Vec<Vec<(usize, Range<usize>)>> = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        let range = shown_range(text, label.span);
        let joins = |cluster: &Vec<(usize, Range<usize>)>| {
            cluster.iter().any(|(_, other)| {
                let (mine, its) = (text.line_of(range.start), text.line_of(other.start));
                let long = text.line_range(mine).len() > LONG_LINE;
                if mine == its && long {
                    range.start.abs_diff(other.start) <= LINE_CONTEXT
                } else {
                    mine.abs_diff(its) <= NEAR_LINES
                }
            })
        };
        match clusters.iter_mut().find(|cluster| joins(cluster)) {
            Some(cluster) => cluster.push((index, range)),
            None => clusters.push(vec![(index, range)]),
        }
    }
    clusters.iter().map(|cluster| excerpt(text, labels, cluster)).collect()
}

/// The part of a span that is underlined, on character boundaries.
fn shown_range(text: &Text, span: Span) -> Range<usize> {
    let start = text.boundary(span.start as usize);
    let mut end = text.text.ceil_char_boundary(span.end as usize).max(start);
    let line = text.line_of(start);
    if text.line_of(end) - line >= MAX_SPAN_LINES || text.line_range(line).len() > LONG_LINE {
        end = end.min(text.line_range(line).end.max(start));
    }
    start..end
}

fn excerpt(text: &Text, labels: &[Label], cluster: &[(usize, Range<usize>)]) -> Excerpt {
    let first_line = cluster.iter().map(|(_, range)| text.line_of(range.start)).min().unwrap_or(0);
    let last_line = cluster.iter().map(|(_, range)| text.line_of(range.end)).max().unwrap_or(0);
    let mut shown = String::new();
    // For each line what is shown of it, and where that stands in the excerpt.
    let mut windows: Vec<(Range<usize>, usize)> = Vec::new();
    for line in first_line..=last_line {
        let whole = text.line_range(line);
        let window = window(text, whole.clone(), cluster);
        if window.start > whole.start {
            shown.push('…');
        }
        windows.push((window.clone(), shown.len()));
        shown.push_str(&text.text[window.clone()]);
        if window.end < whole.end {
            shown.push('…');
        }
        shown.push('\n');
    }
    let place = |offset: usize| {
        let (window, at) = &windows[text.line_of(offset) - first_line];
        at + offset.clamp(window.start, window.end) - window.start
    };
    let marks = cluster
        .iter()
        .map(|(index, range)| {
            let kind = if *index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            (place(range.start)..place(range.end), labels[*index].text.clone(), kind)
        })
        .collect();
    // The renderer takes the position from the first mark.
    let first = cluster[0].1.start;
    let (line, column) = text.line_column(first as u32);
    let (window, at) = &windows[line - 1 - first_line];
    let moved = (window.start > text.line_range(line - 1).start).then(|| {
        let shown_column = shown[at - '…'.len_utf8()..place(first)].chars().count() + 1;
        (format!("{}:{line}:{shown_column}", text.name), format!("{}:{line}:{column}", text.name))
    });
    Excerpt { first_line, text: shown, marks, moved }
}

/// What is shown of a line: all of it, or of a long one what is around the labels.
fn window(text: &Text, line: Range<usize>, cluster: &[(usize, Range<usize>)]) -> Range<usize> {
    if line.len() <= LONG_LINE {
        return line;
    }
    let on_line = |range: &Range<usize>| range.start >= line.start && range.start <= line.end;
    let start = cluster.iter().filter(|(_, range)| on_line(range)).map(|(_, range)| range.start).min();
    let start = start.unwrap_or(line.start).saturating_sub(LINE_CONTEXT).max(line.start);
    let end = start.saturating_add(3 * LINE_CONTEXT).min(line.end);
    text.boundary(start)..text.boundary(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str, diagnostic: &Diagnostic) -> String {
        Painter::new(false).diagnostic(diagnostic, &Text::new("p.tg", source))
    }

    #[test]
    fn a_label_is_underlined() {
        let source = "fn main() {\n    print(totl)\n}\n";
        let diagnostic = Diagnostic::new("E0101", Span::new(22, 26), "unknown name `totl`", "not found")
            .and(Span::new(3, 7), "in this function")
            .help("did you mean `total`?");
        assert_eq!(
            render(source, &diagnostic),
            "\
error[E0101]: unknown name `totl`
 --> p.tg:2:11
  |
1 | fn main() {
  |    ---- in this function
2 |     print(totl)
  |           ^^^^ not found
  |
  = help: did you mean `total`?
"
        );
    }

    #[test]
    fn a_megabyte_of_line_is_cut() {
        let source = format!("let x = {} oops {}\n", "1 + ".repeat(250_000), "+ 2".repeat(250_000));
        let at = source.find("oops").unwrap() as u32;
        let diagnostic = Diagnostic::new("E0101", Span::new(at, at + 4), "unknown name `oops`", "here")
            .and(Span::new(4, 5), "for this");
        let rendered = render(&source, &diagnostic);
        assert!(rendered.contains(" --> p.tg:1:1000010\n"), "{rendered}");
        assert!(rendered.contains("+  oops + 2"), "{rendered}");
        assert!(rendered.contains(" ::: p.tg:1:5\n"), "{rendered}");
        assert!(rendered.len() < 1000, "{rendered}");
    }

    #[test]
    fn odd_places_are_shown() {
        for (source, start, end) in
            [("", 0, 0), ("a", 1, 1), ("\u{feff}a\r\nb\r\n", 8, 8), ("é\0x", 1, 2), ("a\n\n\n", 4, 9)]
        {
            let rendered = render(source, &Diagnostic::new("E0001", Span::new(start, end), "odd", "here"));
            assert!(rendered.contains("here"), "{rendered}");
        }
        let text = Text::new("p.tg", "\u{feff}ab\ncd");
        assert_eq!((text.line_column(3), text.line_column(7)), ((1, 1), (2, 2)));
    }
}
