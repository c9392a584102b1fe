//! Source to tree: the entry of the stage.
//!
//! A program without mistakes is parsed in one go. Where that fails, the tokens are parsed anew piece by piece
//! (see `recover`), so that every mistake is found and a good program pays nothing for it. Both take time linear in
//! the text, and neither recurses.

use lalrpop_util::lalrpop_mod;

use super::builder::Builder;
use super::diagnostic::Diagnostic;
use super::span::{Source, Span};
use super::token::{Spanned, Token};
use super::tree::Tree;
use super::{lexer, recover};

lalrpop_mod!(
    #[allow(clippy::all, missing_docs, unused)]
    pub(super) grammar,
    "/tg.rs"
);

/// The tree of a program, and what is wrong with its text, in source order, at most about a thousand diagnostics.
///
/// What is wrong is missing from the tree, or an `Error` in it: a tree with diagnostics says less than its text.
pub fn parse(source: &Source) -> (Tree, Vec<Diagnostic>) {
    let text = &source.text;
    if let Some(diagnostic) = unreadable(text) {
        return (Tree::default(), vec![diagnostic]);
    }
    let lexed = lexer::lex(text);
    let mut builder = Builder::new(text);
    if !lexed.lost.is_empty() || !parse_whole(&mut builder, &lexed.tokens) {
        builder = Builder::new(text);
        recover::parse_pieces(&mut builder, &lexed);
    }
    let mut diagnostics = lexed.diagnostics;
    diagnostics.append(&mut builder.diagnostics);
    diagnostics.sort_by_key(|diagnostic| diagnostic.labels[0].span.start);
    (builder.tree, diagnostics)
}

/// Parses a program that has no syntax error; false if it has one.
fn parse_whole(builder: &mut Builder, tokens: &[Spanned]) -> bool {
    let marker = (0, Token::StartProgram, 0);
    builder.tree.exprs.reserve(tokens.len() / 3);
    let tokens = std::iter::once(marker).chain(tokens.iter().copied());
    grammar::UnitParser::new().parse(builder, tokens).is_ok()
}

/// Why the text is no program's at all.
fn unreadable(text: &str) -> Option<Diagnostic> {
    if text.len() >= u32::MAX as usize {
        return Some(Diagnostic::new("E0101", Span::new(0, 0), "this text is 4 GiB or longer", ""));
    }
    let at = memchr::memchr(0, text.as_bytes())? as u32;
    Some(
        Diagnostic::new("E0101", Span::new(at, at + 1), "this text has a NUL byte in it", "")
            .help("is this a binary file?"),
    )
}
