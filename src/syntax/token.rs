//! The tokens. Each is one byte: what it says stands in the source at its span, so that the lexer allocates nothing.
//!
//! Three kinds are in no program text: the markers that tell the grammar what to parse, and [`Token::Block`],
//! which stands for a block that piecewise parsing has already read (see `recover`).

use logos::Logos;

/// A token with the offsets of its start and its end, as LALRPOP takes it.
pub(crate) type Spanned = (u32, Token, u32);

/// What a token is.
#[derive(Logos, Clone, Copy, PartialEq, Eq, Debug)]
#[logos(skip r"[ \t\r]+")]
#[logos(skip("//[^\n]*", allow_greedy = true))]
pub(crate) enum Token {
    #[token("fn")]
    Fn,
    #[token("task")]
    Task,
    #[token("struct")]
    Struct,
    #[token("const")]
    Const,
    #[token("extern")]
    Extern,
    #[token("let")]
    Let,
    #[token("var")]
    Var,
    #[token("if")]
    If,
    #[token("else")]
    Else,
    #[token("while")]
    While,
    #[token("for")]
    For,
    #[token("each")]
    Each,
    #[token("in")]
    In,
    #[token("by")]
    By,
    #[token("break")]
    Break,
    #[token("continue")]
    Continue,
    #[token("return")]
    Return,
    #[token("inout")]
    Inout,
    #[token("true")]
    True,
    #[token("false")]
    False,
    /// A word kept for later.
    #[token("enum")]
    #[token("match")]
    #[token("use")]
    Reserved,

    #[regex("[A-Za-z_][A-Za-z0-9_]*")]
    Name,
    /// Digits, with whatever letters stick to them: `literal` says whether it is a number.
    #[regex("[0-9][0-9A-Za-z_]*", priority = 3)]
    Integer,
    #[regex(r"[0-9][0-9_]*\.[0-9][0-9A-Za-z_]*", priority = 4)]
    #[regex(r"[0-9][0-9_]*(\.[0-9][0-9_]*)?[eE][+-]?[0-9][0-9A-Za-z_]*", priority = 5)]
    Float,

    /// The opening quote of a string; the lexer's wrapper reads on from here.
    #[token("\"")]
    StringBegin,
    /// Text of a string, escapes unresolved; never empty.
    Text,
    /// `{` in a string.
    InterpolationBegin,
    /// What follows `:` in an interpolation; may be empty.
    Format,
    /// `}` that ends an interpolation.
    InterpolationEnd,
    /// The closing quote.
    StringEnd,

    #[token("(")]
    OpenParen,
    #[token(")")]
    CloseParen,
    #[token("[")]
    OpenBracket,
    #[token("]")]
    CloseBracket,
    #[token("{")]
    OpenBrace,
    #[token("}")]
    CloseBrace,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token(".")]
    Dot,
    #[token("..")]
    DotDot,
    #[token("->")]
    Arrow,

    #[token("=")]
    Assign,
    #[token("+=")]
    AddAssign,
    #[token("-=")]
    SubAssign,
    #[token("*=")]
    MulAssign,
    #[token("/=")]
    DivAssign,
    #[token("%=")]
    RemAssign,
    #[token("+%=")]
    WrapAddAssign,
    #[token("-%=")]
    WrapSubAssign,
    #[token("*%=")]
    WrapMulAssign,
    #[token("&=")]
    AndAssign,
    #[token("|=")]
    OrAssign,
    #[token("^=")]
    XorAssign,
    #[token("<<=")]
    ShlAssign,
    #[token(">>=")]
    ShrAssign,

    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("%")]
    Percent,
    #[token("+%")]
    WrapPlus,
    #[token("-%")]
    WrapMinus,
    #[token("*%")]
    WrapStar,
    #[token("&")]
    Ampersand,
    #[token("|")]
    Pipe,
    #[token("^")]
    Caret,
    #[token("~")]
    Tilde,
    #[token("<<")]
    Shl,
    #[token(">>")]
    Shr,
    #[token("==")]
    Equal,
    #[token("!=")]
    NotEqual,
    #[token("<")]
    Less,
    #[token("<=")]
    LessEqual,
    #[token(">")]
    Greater,
    #[token(">=")]
    GreaterEqual,
    #[token("&&")]
    AndAnd,
    #[token("||")]
    OrOr,
    #[token("!")]
    Bang,

    /// The end of a statement: a line end after a token that can end one, `;`, or the end of the text.
    #[token("\n")]
    #[token(";")]
    Terminator,
    /// `/*`: the wrapper reports it and skips the comment.
    #[token("/*")]
    BlockComment,
    /// What the language does not have: a symbol of another language, an unknown character. Never accepted.
    #[token("===")]
    #[token("!==")]
    #[token("<>")]
    #[token("++")]
    #[token("**")]
    #[token(":=")]
    #[token("=>")]
    #[token("::")]
    #[token("&&&")]
    #[token("&&=")]
    #[token("||=")]
    #[token("|>")]
    #[token("...")]
    #[token("..=")]
    #[regex(r"\.[0-9][0-9_]*")]
    #[regex(r"'[^'\n]*'")]
    #[regex(r"#[^\n]*", allow_greedy = true)]
    #[regex(r"[^\x00-\x7F]+", priority = 2)]
    #[regex(r"(?s).", priority = 1)]
    Foreign,

    /// A block that has been parsed already.
    Block,
    /// Asks the grammar for a whole program.
    StartProgram,
    /// Asks for one item.
    StartItem,
    /// Asks for one statement.
    StartStatement,
}

impl Token {
    /// A line end after this token ends the statement.
    pub fn ends_statement(self) -> bool {
        use Token::*;
        matches!(self, Break | Continue | Return) || self.ends_operand()
    }

    /// An operand may end with this token, so that a `-` after it is an infix operator.
    pub fn ends_operand(self) -> bool {
        use Token::*;
        matches!(
            self,
            True | False
                | Name
                | Integer
                | Float
                | StringEnd
                | CloseParen
                | CloseBracket
                | CloseBrace
                | Block
                | Reserved
        )
    }

    /// An operator that has an operand after it, so that a line does not end a statement here.
    pub fn goes_on(self) -> bool {
        use Token::*;
        self.compares()
            || self.assigns()
            || matches!(
                self,
                Dot | DotDot
                    | Arrow
                    | Plus
                    | Minus
                    | Star
                    | Slash
                    | Percent
                    | WrapPlus
                    | WrapMinus
                    | WrapStar
                    | Ampersand
                    | Pipe
                    | Caret
                    | Tilde
                    | Shl
                    | Shr
                    | AndAnd
                    | OrOr
                    | Bang
            )
    }

    /// `=`, `+=` and the like.
    pub fn assigns(self) -> bool {
        use Token::*;
        matches!(
            self,
            Assign
                | AddAssign
                | SubAssign
                | MulAssign
                | DivAssign
                | RemAssign
                | WrapAddAssign
                | WrapSubAssign
                | WrapMulAssign
                | AndAssign
                | OrAssign
                | XorAssign
                | ShlAssign
                | ShrAssign
        )
    }

    /// A comparison.
    pub fn compares(self) -> bool {
        use Token::*;
        matches!(self, Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual)
    }

    /// `fn`, `task`, `struct`, `const` or `extern`.
    pub fn starts_item(self) -> bool {
        matches!(self, Token::Fn | Token::Task | Token::Struct | Token::Const | Token::Extern)
    }
}
