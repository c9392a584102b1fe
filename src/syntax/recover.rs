//! Parsing a program that has mistakes, piece by piece.
//!
//! One pass over the tokens matches the brackets, repairs what can be repaired (a `{` or an `else` on the next line, a
//! bracket left open), and hands each item and each statement to the grammar by itself, inner blocks first: a block
//! that has been read is one token in the statement around it. So a mistake spoils one statement, nothing is read more
//! than twice, and there is no recursion. Where text is already known to be lost, what doesn't parse is not reported.
//!
//! Invariant: `units` has one entry for the top level and one for each open [`Kind::Block`]; `out` holds the tokens of
//! their unfinished statements, outermost first.

use lalrpop_util::ParseError;

use super::builder::{Builder, ChainedComparison, Checkpoint};
use super::diagnostic::Diagnostic;
use super::explain::Failure;
use super::lexer::Lexed;
use super::parser::grammar::UnitParser;
use super::span::Span;
use super::token::{Spanned, Token};
use super::tree::{Block, StmtKind};

/// How far ahead it is sought whether a bracket that is open at a line's end is closed.
const LOOK_AHEAD: usize = 256;

/// Parses `lexed` into `builder`, which is new and over the same text.
pub(crate) fn parse_pieces(builder: &mut Builder, lexed: &Lexed) {
    let top = Unit { start: 0, before: builder.checkpoint(), spoiled: false, unclosed: 0, blocks: Vec::new() };
    let mut recovery = Recovery {
        builder,
        parser: UnitParser::new(),
        lexed,
        out: Vec::new(),
        open: Vec::new(),
        units: vec![top],
        item: 0,
        last_close: None,
        outside: Outside::Unseen,
        stray: false,
    };
    recovery.run();
}

/// What an open bracket is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Paren,
    Square,
    Interpolation,
    /// A struct's braces.
    Fields,
    Block,
}

struct Open {
    kind: Kind,
    span: Span,
}

/// The statement or item being read at one level.
struct Unit {
    /// Where its tokens begin in `out`.
    start: usize,
    /// Where the builder stood when the block opened.
    before: Checkpoint,
    /// Something in it has been reported already.
    spoiled: bool,
    /// Brackets of this block that were reported as never closed: as many that close nothing are forgiven.
    unclosed: usize,
    /// For each block in it: where it starts, and how many diagnostics there were before it.
    blocks: Vec<(u32, usize)>,
}

/// Whether a statement outside a function has been reported: once is enough.
#[derive(Clone, Copy)]
enum Outside {
    Unseen,
    /// By this diagnostic, since the last item.
    Here(usize),
    Before,
}

struct Recovery<'a, 's> {
    builder: &'a mut Builder<'s>,
    parser: UnitParser,
    lexed: &'a Lexed,
    out: Vec<Spanned>,
    open: Vec<Open>,
    units: Vec<Unit>,
    /// The token with which the current item begins.
    item: usize,
    /// The `}` that closed the last block at the top level.
    last_close: Option<Span>,
    outside: Outside,
    /// A stray `}` has been reported since the last item.
    stray: bool,
}

impl<'a, 's> Recovery<'a, 's> {
    fn run(&mut self) {
        let tokens: &'a [Spanned] = &self.lexed.tokens;
        let mut lost = self.lexed.lost.iter().peekable();
        for (at, &(l, token, r)) in tokens.iter().enumerate() {
            if token.starts_item() && self.at_line_start(l) {
                self.close_all(at, (l, token, r));
            }
            if self.open.is_empty() && self.out.is_empty() {
                self.item = at;
            }
            while lost.next_if(|&&lost| lost <= l).is_some() {
                self.unit().spoiled = true;
            }
            match token {
                Token::Terminator => self.terminator(at),
                Token::OpenParen => self.open_bracket(Kind::Paren, tokens[at]),
                Token::OpenBracket => self.open_bracket(Kind::Square, tokens[at]),
                Token::InterpolationBegin => self.open_bracket(Kind::Interpolation, tokens[at]),
                Token::OpenBrace => self.open_brace(tokens[at]),
                Token::CloseParen => self.close_bracket(Kind::Paren, tokens[at]),
                Token::CloseBracket => self.close_bracket(Kind::Square, tokens[at]),
                Token::InterpolationEnd => {
                    self.pop_unclosed(|kind| kind == Kind::Interpolation);
                    self.open.pop_if(|open| open.kind == Kind::Interpolation);
                    self.out.push(tokens[at]);
                }
                Token::CloseBrace => self.close_brace(tokens[at]),
                _ => self.out.push(tokens[at]),
            }
        }
        let end = self.builder.text().len() as u32;
        self.close_all(tokens.len(), (end, Token::Terminator, end));
    }

    fn unit(&mut self) -> &mut Unit {
        self.units.last_mut().expect("the top level is never popped")
    }

    /// The tokens of the statement or item being read.
    fn current(&self) -> &[Spanned] {
        &self.out[self.units.last().map_or(0, |unit| unit.start)..]
    }

    fn at_line_start(&self, at: u32) -> bool {
        at == 0 || self.builder.text().as_bytes()[at as usize - 1] == b'\n'
    }

    /// Reports a bracket error, unless the statement has had one.
    fn report(&mut self, diagnostic: Diagnostic) {
        if !std::mem::replace(&mut self.unit().spoiled, true) {
            self.builder.report(diagnostic);
        }
    }

    fn open_bracket(&mut self, kind: Kind, token: Spanned) {
        self.open.push(Open { kind, span: Span::new(token.0, token.2) });
        self.out.push(token);
    }

    fn open_brace(&mut self, token: Spanned) {
        if self.open.is_empty() && self.current().first().is_some_and(|&(_, first, _)| first == Token::Struct) {
            return self.open_bracket(Kind::Fields, token);
        }
        self.open.push(Open { kind: Kind::Block, span: Span::new(token.0, token.2) });
        let start = self.out.len();
        let before = self.builder.checkpoint();
        self.units.push(Unit { start, before, spoiled: false, unclosed: 0, blocks: Vec::new() });
    }

    fn terminator(&mut self, at: usize) {
        let token = self.lexed.tokens[at];
        let next = self.lexed.tokens.get(at + 1).map(|&(_, next, _)| next);
        let explicit = self.slice(token) == ";";
        match self.open.last().map(|open| open.kind) {
            Some(Kind::Fields) => return self.out.push(token),
            Some(Kind::Paren | Kind::Square | Kind::Interpolation) => {
                if explicit || self.closes_soon(at + 1) {
                    return self.out.push(token);
                }
                if next.is_none() && self.units.len() > 1 {
                    // The text breaks off: what is said of the block will do.
                    self.unit().spoiled = true;
                }
                self.pop_unclosed(|kind| kind == Kind::Block || kind == Kind::Fields);
                if self.open.last().is_some_and(|open| open.kind == Kind::Fields) {
                    return;
                }
            }
            Some(Kind::Block) | None => {}
        }
        let last = self.current().last().map(|&(_, last, _)| last);
        if !explicit && next == Some(Token::OpenBrace) && self.awaits_block() {
            let (l, _, r) = self.lexed.tokens[at + 1];
            let diagnostic = Diagnostic::new("E0115", Span::new(l, r), "`{` stands on a line of its own", "");
            self.builder
                .report(diagnostic.help("a line end ends the statement: put `{` at the end of the line before"));
        } else if !explicit && next == Some(Token::Else) && last == Some(Token::Block) {
            let (l, _, r) = self.lexed.tokens[at + 1];
            let diagnostic = Diagnostic::new("E0114", Span::new(l, r), "`else` begins a line", "");
            self.builder.report(diagnostic.help("a line end ends the statement: write `} else` on one line"));
        } else {
            self.finish(token);
        }
    }

    /// The statement is a head that a block may follow.
    fn awaits_block(&self) -> bool {
        use Token::*;
        let tokens = self.current();
        tokens.last().is_some_and(|&(_, last, _)| last != Block)
            && tokens.first().is_some_and(|&(_, first, _)| first != Extern)
            && tokens.iter().any(|&(_, token, _)| matches!(token, Fn | Task | Struct | If | While | For | Each))
    }

    /// Whether a bracket that is open before token `from` is closed a little later, before anything that can't be
    /// inside it.
    fn closes_soon(&self, from: usize) -> bool {
        use Token::*;
        let mut depth = 0;
        let mut line_start = true;
        for &(_, token, _) in self.lexed.tokens.iter().skip(from).take(LOOK_AHEAD) {
            match token {
                OpenParen | OpenBracket | OpenBrace | InterpolationBegin => depth += 1,
                CloseParen | CloseBracket if depth == 0 => return true,
                CloseBrace | InterpolationEnd if depth == 0 => return false,
                CloseParen | CloseBracket | CloseBrace | InterpolationEnd => depth -= 1,
                Let | Var | Return | Break | Continue | Assign | Fn | Task | Struct | Const if depth == 0 => {
                    return false;
                }
                For | Each | While if line_start && depth == 0 => return false,
                _ => {}
            }
            line_start = token == Terminator;
        }
        false
    }

    fn close_bracket(&mut self, kind: Kind, token: Spanned) {
        let span = Span::new(token.0, token.2);
        let text = self.slice(token);
        let inner = self.open.iter().rev().take_while(|open| matches!(open.kind, Kind::Paren | Kind::Square));
        let mut found = false;
        let mut nearest = None;
        for open in inner {
            nearest = nearest.or(Some(open.span));
            found |= open.kind == kind;
        }
        if found {
            self.pop_unclosed(|open| open == kind);
            self.open.pop();
            return self.out.push(token);
        }
        if let Some(opened) = nearest {
            let opener = self.builder.slice(opened);
            let message = format!("`{opener}` is closed by `{text}`");
            self.report(Diagnostic::new("E0111", span, message, "").and(opened, "opened here"));
            self.open.pop();
        } else if self.unit().unclosed > 0 {
            self.unit().unclosed -= 1;
            self.unit().spoiled = true;
        } else {
            self.report(Diagnostic::new("E0111", span, format!("`{text}` closes nothing"), ""));
        }
    }

    /// Reports and pops the brackets above the innermost one that `until` names, if there are any.
    fn pop_unclosed(&mut self, until: impl Fn(Kind) -> bool) {
        while let Some(open) = self.open.pop_if(|open| !until(open.kind) && open.kind != Kind::Block) {
            let text = self.builder.slice(open.span);
            self.report(
                Diagnostic::new("E0110", open.span, format!("`{text}` is never closed"), "")
                    .help("inside brackets a line ends with `,`, an operator or an opening bracket"),
            );
            self.unit().unclosed += 1;
        }
    }

    fn close_brace(&mut self, token: Spanned) {
        self.pop_unclosed(|kind| kind == Kind::Fields);
        match self.open.last().map(|open| open.kind) {
            Some(Kind::Fields) => {
                self.open.pop();
                self.out.push(token);
            }
            Some(_) => self.close_block(token),
            None => self.stray_brace(token),
        }
    }

    /// Closes the innermost block; `end` is its `}` or what stands in its place.
    fn close_block(&mut self, end: Spanned) {
        self.finish(end);
        let (Some(open), Some(unit)) = (self.open.pop(), self.units.pop()) else { return };
        let end = if end.1 == Token::CloseBrace { Span::new(end.0, end.2) } else { Span::new(end.0, end.0) };
        let stmts = self.builder.take_stmts(unit.before);
        let span = open.span.to(end);
        self.builder.blocks.push(Block { stmts, span });
        self.unit().blocks.push((span.start, unit.before.diagnostics));
        self.out.push((span.start, Token::Block, span.end));
        if self.open.is_empty() {
            self.last_close = Some(end);
        }
    }

    /// A `}` at the top level. If statements stand before it, it was an earlier `}` that came too soon.
    fn stray_brace(&mut self, token: Spanned) {
        self.finish(token);
        if std::mem::replace(&mut self.stray, true) {
            return;
        }
        let mut diagnostic = Diagnostic::new("E0111", Span::new(token.0, token.2), "`}` closes nothing", "");
        if let Some(last) = self.last_close {
            diagnostic = diagnostic.and(last, "this `}` ends the item already");
        }
        let outside = std::mem::replace(&mut self.outside, Outside::Unseen);
        match outside {
            Outside::Here(at) if at < self.builder.diagnostics.len() => self.builder.diagnostics[at] = diagnostic,
            _ => self.builder.report(diagnostic),
        }
    }

    /// Ends everything before token `at`, where an item or the end of the text stands.
    fn close_all(&mut self, at: usize, end: Spanned) {
        let braces = |open: &&Open| matches!(open.kind, Kind::Block | Kind::Fields);
        let innermost = self.open.iter().rev().find(braces).map(|open| open.span);
        if self.lexed.stopped {
            // What is open is open because of that.
            self.units.iter_mut().for_each(|unit| unit.spoiled = true);
        } else if let Some(innermost) = innermost {
            let span = self.suspect(at).unwrap_or(innermost);
            self.builder.report(Diagnostic::new("E0110", span, "`{` is never closed", ""));
            // The statement at its end may well be half of one.
            self.unit().spoiled = true;
        }
        while let Some(open) = self.open.last() {
            match open.kind {
                Kind::Block => self.close_block(end),
                Kind::Fields => {
                    self.open.pop();
                    self.unit().spoiled = true;
                }
                kind => self.pop_unclosed(|other| other != kind),
            }
        }
        self.finish(end);
    }

    /// The first `{` of the current item whose `}` stands further left than its line: its own is missing, perhaps.
    fn suspect(&self, end: usize) -> Option<Span> {
        let tokens = &self.lexed.tokens[self.item..end];
        let text = self.builder.text();
        let (mut indent, mut before) = (0, tokens.first()?.0);
        let mut open = Vec::new();
        for &(l, token, r) in tokens.iter().filter(|(_, token, _)| *token != Token::Terminator) {
            let newline = text[before as usize..l as usize].rfind('\n');
            if let Some(newline) = newline {
                indent = l - (before + newline as u32 + 1);
            }
            before = r;
            match token {
                Token::OpenBrace => open.push((Span::new(l, r), indent)),
                Token::CloseBrace => {
                    let (span, outer) = open.pop()?;
                    if newline.is_some() && outer > indent {
                        return Some(span);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Parses the statement or item read so far; `end` is what ended it.
    fn finish(&mut self, end: Spanned) {
        let top = self.units.len() == 1;
        let unit = self.units.last_mut().expect("the top level is never popped");
        let spoiled = std::mem::take(&mut unit.spoiled);
        let blocks = std::mem::take(&mut unit.blocks);
        let tokens = &self.out[unit.start..];
        let (Some(&(l, ..)), Some(&(.., r))) = (tokens.first(), tokens.last()) else { return };
        let marker = (l, if top { Token::StartItem } else { Token::StartStatement }, l);
        let before = self.builder.checkpoint();
        let result = self.parser.parse(self.builder, std::iter::once(marker).chain(tokens.iter().copied()));
        if top && tokens[0].1.starts_item() {
            self.stray = false;
            if let Outside::Here(_) = self.outside {
                self.outside = Outside::Before;
            }
        }
        if let Err(error) = result {
            self.builder.undo(before);
            if !top {
                self.builder.stmt(l, StmtKind::Error, r);
            }
            if !spoiled {
                self.explain(error, end, &blocks);
            }
        }
        let unit = self.units.last_mut().expect("the top level is never popped");
        self.out.truncate(unit.start);
        self.builder.blocks.truncate(self.builder.blocks.len() - blocks.len());
    }

    fn explain(&mut self, error: ParseError<u32, Token, ChainedComparison>, end: Spanned, blocks: &[(u32, usize)]) {
        let top = self.units.len() == 1;
        let tokens = &self.out[self.units[self.units.len() - 1].start..];
        let (at, expected) = match error {
            ParseError::User { error: ChainedComparison(span) } => {
                let diagnostic = Diagnostic::new("E0117", span, "comparisons don't chain", "");
                return self.builder.report(diagnostic.help("compare twice: `a < b && b < c`"));
            }
            ParseError::UnrecognizedToken { token: (l, ..), expected } => {
                (tokens.partition_point(|&(start, ..)| start < l), expected)
            }
            ParseError::UnrecognizedEof { expected, .. } => (tokens.len(), expected),
            ParseError::ExtraToken { token: (l, ..) } | ParseError::InvalidToken { location: l } => {
                (tokens.partition_point(|&(start, ..)| start < l), Vec::new())
            }
        };
        let failure = Failure { text: self.builder.text(), tokens, at, end, expected: &expected, top };
        let diagnostic = failure.explain();
        // A block that should not be there at all is one mistake, whatever is in it.
        if let Some(from) = failure.unexpected_block()
            && let Some(&(_, before)) = blocks.iter().find(|&&(start, _)| start >= from)
        {
            self.builder.diagnostics.truncate(before);
        }
        if diagnostic.code == "E0113" {
            if !matches!(self.outside, Outside::Unseen) {
                return;
            }
            self.outside = Outside::Here(self.builder.diagnostics.len());
        }
        self.builder.report(diagnostic);
    }

    fn slice(&self, token: Spanned) -> &'s str {
        self.builder.slice(Span::new(token.0, token.2))
    }
}
