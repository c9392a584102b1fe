//! What the editor asks about the line that is being typed: colours, whether it is complete, how a word goes on.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use rustyline::completion::Completer;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use super::COMMANDS;
use super::screen::Screen;
use crate::embed::Session;
use crate::syntax::highlight::{Class, classes};
use crate::syntax::pieces::pieces;

/// What the editor asks about the line being typed.
pub(super) struct Line {
    pub(super) session: Arc<Session>,
    pub(super) screen: Arc<Screen>,
    /// There is something in it.
    pub(super) is_begun: Cell<bool>,
}

impl Helper for Line {}

impl Hinter for Line {
    type Hint = String;

    /// There are no hints; but this is asked whenever the line changes.
    fn hint(&self, line: &str, _: usize, _: &Context) -> Option<String> {
        self.is_begun.set(!line.is_empty());
        None
    }
}

impl Highlighter for Line {
    /// With what is to be shown above it.
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        let mut shown = self.screen.above();
        if crate::cli::coloured(&std::io::stdout()) {
            shown += &format!("\x1b[1;34m{prompt}\x1b[0m");
        } else {
            shown += prompt;
        }
        shown.into()
    }

    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if line.trim_start().starts_with(':') || !crate::cli::coloured(&std::io::stdout()) {
            return line.into();
        }
        let (mut shown, mut at) = (String::with_capacity(line.len() * 2), 0);
        for (span, class) in classes(line) {
            let colour = match class {
                Class::Keyword => "35",
                Class::Literal => "36",
                Class::Text => "32",
                Class::Comment => "2",
            };
            let part = span.range();
            shown += &line[at..part.start];
            shown += &format!("\x1b[{colour}m{}\x1b[0m", &line[part.clone()]);
            at = part.end;
        }
        (shown + &line[at..]).into()
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        // What is typed may change what stands before it: a quote, say.
        crate::cli::coloured(&std::io::stdout())
    }
}

impl Validator for Line {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        Ok(if is_complete(context.input()) { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

/// Whether what is typed is a command or statements, and does not go on.
pub(super) fn is_complete(text: &str) -> bool {
    text.trim_start().starts_with(':') || pieces(text).is_some()
}

impl Completer for Line {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = &line[..at];
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let start = typed
            .rfind(|c| !is_word(c))
            .map_or(0, |found| found + typed[found..].chars().next().map_or(1, char::len_utf8));
        let word = &typed[start..];
        let commands = COMMANDS.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
        let names = self.session.variables().into_iter().map(|(name, _)| name).chain(self.session.items());
        let built_in = crate::bytecode::builtins::BUILTINS.iter().map(|builtin| builtin.name.to_owned());
        let mut found: Vec<String> =
            if word.starts_with(':') { commands.collect() } else { names.chain(built_in).collect() };
        found.retain(|name| !word.is_empty() && name.starts_with(word));
        found.sort();
        found.dedup();
        Ok((start, found))
    }
}
