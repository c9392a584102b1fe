//! Text to tokens: what logos cannot say by itself.
//!
//! The wrapper inserts terminators at line ends, reads strings with their interpolated expressions, and counts
//! how deep things nest. It keeps that the string tokens are balanced and on one line, and that no bracket, block or
//! run of prefix operators in what it returns is deeper than [`MAX_NESTING`]: it stops there. Other brackets may be
//! unbalanced. Only `parser` calls it.

use logos::Logos;

use super::MAX_NESTING;
use super::diagnostic::Diagnostic;
use super::span::Span;
use super::token::{Spanned, Token};

/// The tokens of a text.
pub(crate) struct Lexed {
    /// In order; the statement that is open at the end has its terminator.
    pub tokens: Vec<Spanned>,
    /// What was wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// Where tokens were lost to an error already reported: what does not parse around there is not news.
    pub lost: Vec<u32>,
    /// Lexing stopped before the end, since the nesting was too deep.
    pub stopped: bool,
}

/// The tokens of `text`, which is shorter than 4 GiB.
pub(crate) fn lex(text: &str) -> Lexed {
    let mut raw = Token::lexer(text);
    if text.starts_with('\u{feff}') {
        raw.bump('\u{feff}'.len_utf8());
    }
    let tokens = Vec::with_capacity(text.len() / 5 + 4);
    let lexed = Lexed { tokens, diagnostics: Vec::new(), lost: Vec::new(), stopped: false };
    let bottom = Open { bracket: Bracket::Bottom, floor: 0, ifs: 0 };
    let mut lexer = Lexer { raw, lexed, open: vec![bottom], strings: Vec::new(), depth: 0 };
    lexer.run();
    lexer.lexed
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Bottom,
    Paren,
    Square,
    Brace,
    /// The `{` of an interpolation.
    Interpolation,
}

/// An open bracket.
struct Open {
    bracket: Bracket,
    /// The nesting just inside it.
    floor: u32,
    /// How many `if` stand inside it whose block has not begun: conditions nest without brackets.
    ifs: u32,
}

/// A string being read.
struct OpenString {
    quote: u32,
    /// How many tokens there were just after its opening quote.
    tokens: usize,
    /// How many brackets were open.
    brackets: usize,
    /// The `{` of its last interpolation.
    brace: Option<u32>,
}

struct Lexer<'s> {
    raw: logos::Lexer<'s, Token>,
    lexed: Lexed,
    open: Vec<Open>,
    strings: Vec<OpenString>,
    /// Brackets, blocks and prefix operators around the next token.
    depth: u32,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(token) = self.raw.next() {
            let token = token.unwrap_or(Token::Foreign);
            let range = self.raw.span();
            let (start, end) = (range.start as u32, range.end as u32);
            match token {
                Token::Terminator => self.terminator(start, end),
                Token::StringBegin => self.string(start, end),
                Token::BlockComment => self.block_comment(start),
                Token::Colon if self.top().bracket == Bracket::Interpolation => self.format(end),
                Token::CloseBrace if self.close_brace() => {
                    self.push(start, Token::InterpolationEnd, end);
                    self.string_text(end);
                }
                _ => {
                    self.nest(token, start, end);
                    self.push(start, token, end);
                }
            }
            if self.lexed.stopped {
                break;
            }
        }
        let end = self.raw.span().end as u32;
        if !self.strings.is_empty() {
            self.unterminated(end);
        }
        if self.ends_statement() {
            self.push(end, Token::Terminator, end);
        }
    }

    fn push(&mut self, start: u32, token: Token, end: u32) {
        self.lexed.tokens.push((start, token, end));
    }

    fn top(&mut self) -> &mut Open {
        self.open.last_mut().expect("the bottom is never popped")
    }

    fn ends_statement(&self) -> bool {
        self.lexed.tokens.last().is_some_and(|&(_, last, _)| last.ends_statement())
    }

    /// Keeps the count of the nesting, for a token that is not part of a string.
    fn nest(&mut self, token: Token, start: u32, end: u32) {
        match token {
            Token::OpenParen => self.enter(Bracket::Paren, start, end),
            Token::OpenBracket => self.enter(Bracket::Square, start, end),
            Token::OpenBrace => {
                let top = self.top();
                if top.ifs > 0 {
                    top.ifs -= 1;
                    self.depth -= 1;
                }
                self.enter(Bracket::Brace, start, end);
            }
            Token::CloseParen => self.leave(Bracket::Paren),
            Token::CloseBracket => self.leave(Bracket::Square),
            // The receiver or the callee goes on: its prefix operators are around these, too.
            Token::Name | Token::Dot | Token::CloseBrace => {}
            Token::Bang | Token::Tilde => self.deepen(start, end),
            Token::Minus if !self.lexed.tokens.last().is_some_and(|&(_, last, _)| last.ends_operand()) => {
                self.deepen(start, end);
            }
            Token::If => {
                self.top().ifs += 1;
                self.deepen(start, end);
            }
            _ => {
                if token.starts_item() && self.at_line_start(start) {
                    // Whatever is open above was left open by mistake.
                    self.open.truncate(1);
                    self.top().ifs = 0;
                }
                let top = self.top();
                self.depth = top.floor + top.ifs;
            }
        }
    }

    fn at_line_start(&self, at: u32) -> bool {
        at == 0 || self.raw.source().as_bytes()[at as usize - 1] == b'\n'
    }

    fn deepen(&mut self, start: u32, end: u32) {
        self.depth += 1;
        if self.depth as usize > MAX_NESTING {
            self.lexed.stopped = true;
            self.lexed.lost.push(start);
            self.lexed.diagnostics.push(
                Diagnostic::new("E0108", Span::new(start, end), "nested too deeply", "one level too many")
                    .help(format!("brackets, blocks and prefix operators nest to {MAX_NESTING} levels"))
                    .help("put the inner part into a variable or a function of its own"),
            );
        }
    }

    fn enter(&mut self, bracket: Bracket, start: u32, end: u32) {
        self.deepen(start, end);
        self.open.push(Open { bracket, floor: self.depth, ifs: 0 });
    }

    fn leave(&mut self, bracket: Bracket) {
        if self.top().bracket == bracket {
            self.pop();
        }
    }

    fn pop(&mut self) {
        self.open.pop();
        let top = self.top();
        self.depth = top.floor + top.ifs;
    }

    /// Closes what a `}` closes, which is more than one bracket where others were forgotten. True if it ends an
    /// interpolation.
    fn close_brace(&mut self) -> bool {
        let braces = |open: &Open| matches!(open.bracket, Bracket::Brace | Bracket::Interpolation);
        let Some(at) = self.open.iter().rposition(braces) else { return false };
        let interpolation = self.open[at].bracket == Bracket::Interpolation;
        self.open.truncate(at + 1);
        self.pop();
        interpolation
    }

    fn terminator(&mut self, start: u32, end: u32) {
        let newline = self.raw.slice() == "\n";
        if newline && !self.strings.is_empty() {
            self.unterminated(start);
        }
        self.decrement();
        if !newline || self.ends_statement() {
            self.push(start, Token::Terminator, end);
            let top = self.top();
            top.ifs = 0;
            self.depth = top.floor;
        }
    }

    /// A statement that ends in `--` means `-= 1`; read as two operators it would go on in the next line.
    fn decrement(&mut self) {
        if let [.., (l, Token::Minus, m), (n, Token::Minus, r)] = self.lexed.tokens[..]
            && m == n
        {
            self.lexed.tokens.truncate(self.lexed.tokens.len() - 2);
            self.lexed
                .diagnostics
                .push(Diagnostic::new("E0102", Span::new(l, r), "there is no `--`", "").help("write `-= 1`"));
        }
    }

    fn block_comment(&mut self, start: u32) {
        let rest = self.raw.remainder();
        let length = rest.find("*/").map_or(rest.len(), |at| at + 2);
        let newline = rest[..length].contains('\n');
        self.lexed.diagnostics.push(
            Diagnostic::new("E0109", Span::new(start, start + 2), "there are no block comments", "")
                .help("write `//` at the start of each line"),
        );
        let at = self.raw.span().end as u32;
        if newline {
            if !self.strings.is_empty() {
                self.unterminated(start);
            }
            if self.ends_statement() {
                self.push(at, Token::Terminator, at);
            }
        }
        self.raw.bump(length);
    }

    fn string(&mut self, start: u32, end: u32) {
        self.push(start, Token::StringBegin, end);
        let (tokens, brackets) = (self.lexed.tokens.len(), self.open.len());
        self.strings.push(OpenString { quote: start, tokens, brackets, brace: None });
        self.string_text(end);
    }

    /// Reads on in the innermost string, which goes on at `from`: up to its end or its next interpolation.
    fn string_text(&mut self, from: u32) {
        let rest = self.raw.remainder().as_bytes();
        let mut length = 0;
        let stop = loop {
            match rest.get(length) {
                Some(b'\\') if rest[length..].starts_with(b"\\u{") => {
                    let digits = rest[length + 3..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
                    length += 3 + digits;
                    // Its `}` is read as text.
                }
                Some(b'\\') if rest.get(length + 1).is_some_and(|&next| next != b'\n') => length += 2,
                Some(&stop @ (b'"' | b'{' | b'\n')) => break stop,
                Some(_) => length += 1,
                None => break b'\n',
            }
        };
        self.raw.bump(length);
        let to = from + length as u32;
        if length > 0 {
            self.push(from, Token::Text, to);
        }
        match stop {
            b'"' => {
                self.raw.bump(1);
                self.push(to, Token::StringEnd, to + 1);
                self.strings.pop();
            }
            b'{' => {
                self.raw.bump(1);
                self.push(to, Token::InterpolationBegin, to + 1);
                if let Some(string) = self.strings.last_mut() {
                    string.brace = Some(to);
                }
                self.enter(Bracket::Interpolation, to, to + 1);
            }
            _ => self.unterminated(to),
        }
    }

    /// Reads what follows the `:` of an interpolation.
    fn format(&mut self, from: u32) {
        let rest = self.raw.remainder().as_bytes();
        let length = rest.iter().position(|b| matches!(b, b'}' | b'"' | b'\n')).unwrap_or(rest.len());
        self.raw.bump(length);
        self.push(from, Token::Format, from + length as u32);
    }

    /// The line ends at `at` inside a string: reports its outermost one, as if that ended here, empty.
    fn unterminated(&mut self, at: u32) {
        let Some(outermost) = self.strings.first() else { return };
        let mut diagnostic =
            Diagnostic::new("E0103", Span::new(outermost.quote, outermost.quote + 1), "unterminated string", "");
        let line = self.raw.source()[..at as usize].trim_end();
        // What the line ends with then begins a block.
        let block = line.ends_with('{');
        let open = self.open.get(outermost.brackets).is_some_and(|open| open.bracket == Bracket::Interpolation);
        diagnostic = match outermost.brace.filter(|&brace| open && !(block && brace as usize + 1 == line.len())) {
            Some(brace) => diagnostic
                .and(Span::new(brace, brace + 1), "this `{` has no `}` before the line ends")
                .help("a `{` in a string begins an expression; write `\\{` for the character"),
            None => diagnostic.help("a string ends with `\"` on the same line; write `\\n` for a line end in it"),
        };
        let brace = line.len() as u32 - 1;
        self.lexed.lost.push(outermost.quote);
        self.lexed.tokens.truncate(outermost.tokens);
        self.open.truncate(outermost.brackets);
        self.strings.clear();
        let top = self.top();
        self.depth = top.floor + top.ifs;
        self.lexed.diagnostics.push(diagnostic);
        if block {
            self.push(brace, Token::StringEnd, brace);
            self.nest(Token::OpenBrace, brace, brace + 1);
            self.push(brace, Token::OpenBrace, brace + 1);
        } else {
            self.push(at, Token::StringEnd, at);
        }
    }
}
