//! Source to tree: the entry of the stage.
//!
//! A program without mistakes is parsed in one go.

use lalrpop_util::{ParseError, lalrpop_mod};

use super::builder::Builder;
use super::diagnostic::Diagnostic;
use super::lexer;
use super::span::{Source, Span};
use super::token::{Spanned, Token};
use super::tree::Tree;

lalrpop_mod!(
    #[allow(clippy::all, missing_docs, unused)]
    grammar,
    "/tg.rs"
);

/// The tree of a program and what is wrong with its text.
pub fn parse(source: &Source) -> (Tree, Vec<Diagnostic>) {
    let lexed = lexer::lex(&source.text);
    let mut builder = Builder::new(&source.text);
    let start: Spanned = (0, Token::StartProgram, 0);
    let tokens = std::iter::once(start).chain(lexed.tokens.iter().copied());
    let parsed = grammar::UnitParser::new().parse(&mut builder, tokens);
    let mut diagnostics = lexed.diagnostics;
    diagnostics.append(&mut builder.diagnostics);
    if let Err(error) = parsed
        && diagnostics.is_empty()
    {
        let end = source.text.len() as u32;
        let span = error.map_location(|at| Span::new(at, at));
        let span = match span {
            ParseError::UnrecognizedToken { token: (l, _, r), .. } => l.to(r),
            _ => Span::new(end, end),
        };
        diagnostics.push(Diagnostic::new("E0112", span, "unexpected token", ""));
    }
    (builder.tree, diagnostics)
}
