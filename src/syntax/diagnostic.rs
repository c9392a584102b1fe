//! A diagnostic: what is wrong, where, and what to do about it, as a value. `cli` renders it for people or as JSON.

use super::span::Span;

/// One message about a program's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `E0107`: explained by `tgvm help E0107`. The first two digits tell the stage (see `docs/errors`).
    pub code: &'static str,
    /// One line, without a full stop, in lower case: what is wrong.
    pub message: String,
    /// The places concerned; the first is the one at fault. Never empty.
    pub labels: Vec<Label>,
    /// What to do, each one line.
    pub help: Vec<String>,
}

/// A place in the source with a word about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is to be seen there; may be empty.
    pub text: String,
}

impl Diagnostic {
    /// A diagnostic at `span`, with a word about the place (may be empty).
    pub fn new(code: &'static str, span: Span, message: impl Into<String>, label: impl Into<String>) -> Diagnostic {
        Diagnostic { code, message: message.into(), labels: vec![Label { span, text: label.into() }], help: Vec::new() }
    }

    /// With a second place.
    pub fn and(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// With a line of help.
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help.push(text.into());
        self
    }
}
