//! What somebody enters at a prompt, taken apart into items and statements before it is parsed: each is a program's part of its
//! own there.

use rustc_hash::FxHashSet;

use super::lexer;
use super::span::Span;
use super::token::Token;

/// An item or a statement, by its looks: it may have mistakes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Where it stands, without what ends it.
    pub span: Span,
    /// What it is.
    pub kind: PieceKind,
    /// The names in it, in order, as often as they are there; but for a name that is declared or assigned as a whole.
    pub names: Vec<String>,
}

/// The kinds of piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PieceKind {
    /// A function, task, struct or constant of that name.
    Item(String),
    /// `let` or `var` (if `mutable`): the name, and where the value begins.
    Let {
        /// `var`
        mutable: bool,
        /// What is declared.
        name: String,
        /// Offset of the value.
        value: u32,
    },
    /// `name = value`: the name, and where the value begins.
    Assign {
        /// What is assigned.
        name: String,
        /// Offset of the value.
        value: u32,
    },
    /// What can't be a value: a loop, an assignment to a part.
    Statement,
    /// What may be a value.
    Expression,
}

/// How many of the first pieces are items that are taken together: those that follow each other, each name once, so that they may name each
/// other in any order.
pub fn group(pieces: &[Piece]) -> usize {
    let mut names = FxHashSet::default();
    pieces.iter().take_while(|piece| matches!(&piece.kind, PieceKind::Item(name) if names.insert(name))).count()
}

/// The pieces of a text; `None` if it ends inside a bracket, or after an operator, so that more is to come.
pub fn pieces(text: &str) -> Option<Vec<Piece>> {
    let tokens = lexer::lex(text).tokens;
    let mut pieces = Vec::new();
    let (mut first, mut depth) = (0, 0usize);
    for (at, &(_, token, _)) in tokens.iter().enumerate() {
        match token {
            Token::OpenParen | Token::OpenBracket | Token::OpenBrace | Token::InterpolationBegin => depth += 1,
            Token::CloseParen | Token::CloseBracket | Token::CloseBrace | Token::InterpolationEnd => {
                depth = depth.saturating_sub(1);
            }
            Token::Terminator if depth == 0 => {
                if at > first {
                    pieces.push(piece(text, &tokens[first..at]));
                }
                first = at + 1;
            }
            // An item may begin where the one before has ended.
            _ if depth == 0 && at > first && token.starts_item() && tokens[at - 1].1 == Token::CloseBrace => {
                pieces.push(piece(text, &tokens[first..at]));
                first = at;
            }
            _ => {}
        }
    }
    if depth > 0 || tokens.last().is_some_and(|&(_, token, _)| token.goes_on()) {
        return None;
    }
    if first < tokens.len() {
        pieces.push(piece(text, &tokens[first..]));
    }
    Some(pieces)
}

fn piece(text: &str, tokens: &[(u32, Token, u32)]) -> Piece {
    let word = |at: usize| match tokens.get(at) {
        Some(&(start, Token::Name, end)) => Some(text[start as usize..end as usize].to_owned()),
        _ => None,
    };
    let span = Span::new(tokens[0].0, tokens[tokens.len() - 1].2);
    let assigns = top_level(tokens).find(|&at| tokens[at].1 == Token::Assign);
    let value = |at: usize| tokens.get(at + 1).map_or(span.end, |token| token.0);
    let (kind, skip) = match (tokens[0].1, word(0), word(1), assigns) {
        (Token::Extern, ..) if let Some(name) = word(2) => (PieceKind::Item(name), 3),
        (token, _, Some(name), _) if token.starts_item() => (PieceKind::Item(name), 2),
        (Token::Let | Token::Var, _, Some(name), Some(at)) => {
            (PieceKind::Let { mutable: tokens[0].1 == Token::Var, name, value: value(at) }, 2)
        }
        (_, Some(name), _, Some(1)) => (PieceKind::Assign { name, value: value(1) }, 1),
        (Token::For | Token::While | Token::Each | Token::Return | Token::Break | Token::Continue, ..) => {
            (PieceKind::Statement, 0)
        }
        _ if top_level(tokens).any(|at| tokens[at].1.assigns()) => (PieceKind::Statement, 0),
        _ => (PieceKind::Expression, 0),
    };
    let names = (skip..tokens.len()).filter_map(word).collect();
    Piece { span, kind, names }
}

/// The tokens that are in no bracket, by index.
fn top_level(tokens: &[(u32, Token, u32)]) -> impl Iterator<Item = usize> {
    let mut depth = 0usize;
    tokens.iter().enumerate().filter_map(move |(at, &(_, token, _))| {
        match token {
            Token::OpenParen | Token::OpenBracket | Token::OpenBrace | Token::InterpolationBegin => depth += 1,
            Token::CloseParen | Token::CloseBracket | Token::CloseBrace | Token::InterpolationEnd => {
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<PieceKind> {
        pieces(text).expect("it is complete").into_iter().map(|piece| piece.kind).collect()
    }

    #[test]
    fn pieces_are_told_by_their_looks() {
        let name = |name: &str| name.to_owned();
        assert_eq!(kinds(""), []);
        assert_eq!(
            kinds("task f(x: Int) -> Int {\n return x\n}\nf(1)"),
            [PieceKind::Item(name("f")), PieceKind::Expression]
        );
        assert_eq!(
            kinds("var x: [Int] = []; x = [1]"),
            [
                PieceKind::Let { mutable: true, name: name("x"), value: 15 },
                PieceKind::Assign { name: name("x"), value: 23 },
            ]
        );
        assert_eq!(kinds("x[0] = 1\nx += 1\nfor i in 0..3 { print(i) }"), [const { PieceKind::Statement }; 3]);
        assert_eq!(kinds("x == 1\nprint(\"{x}\")"), [const { PieceKind::Expression }; 2]);
    }

    #[test]
    fn items_that_follow_each_other_are_a_group() {
        let count = |text: &str| group(&pieces(text).expect("it is complete"));
        assert_eq!(count("fn f() { g() }\nfn g() {} const A = 1; struct S {\n x: Int\n}\nf()\nfn h() {}"), 4);
        assert_eq!(count("fn f() {}\nfn g() {}\nfn f() {}"), 2);
        assert_eq!((count("f()\nfn f() {}"), count("")), (0, 0));
    }

    #[test]
    fn names_are_those_that_are_read_or_written_in_part() {
        let names = |text: &str| pieces(text).expect("it is complete").remove(0).names;
        assert_eq!(names("x = x + y"), ["x", "y"]);
        assert_eq!(names("let x = y"), ["y"]);
        assert_eq!(names("x[i] = 1"), ["x", "i"]);
        assert_eq!(names("print(\"{a} b {c}\")"), ["print", "a", "c"]);
    }

    #[test]
    fn an_open_bracket_asks_for_more() {
        assert!(pieces("fn f() {").is_none() && pieces("f(1,\n").is_none() && pieces("f(1,\n2)").is_some());
    }

    #[test]
    fn an_operator_at_the_end_asks_for_more() {
        assert!(pieces("1 +").is_none() && pieces("let x =\n").is_none() && pieces("a &&").is_none());
        assert!(pieces("1 +\n2").is_some() && pieces("return").is_some() && pieces("x").is_some());
    }
}
