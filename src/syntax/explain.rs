//! Why a statement or an item does not parse, in words.
//!
//! The grammar says at which token it failed and what it would have taken; this finds the mistake that people make
//! there. Pure: it looks at the tokens of the one piece. Only `recover` calls it.

use super::diagnostic::Diagnostic;
use super::span::Span;
use super::token::{Spanned, Token};

/// A piece that did not parse.
pub(crate) struct Failure<'a> {
    /// The program's text.
    pub text: &'a str,
    /// The piece's tokens; each block in it is one.
    pub tokens: &'a [Spanned],
    /// The token at fault, or as many as there are: the piece ends too early.
    pub at: usize,
    /// The token that ended the piece.
    pub end: Spanned,
    /// What the grammar would have taken, quoted.
    pub expected: &'a [String],
    /// It should be an item, not a statement.
    pub top: bool,
}

impl<'a> Failure<'a> {
    /// The diagnostic for it.
    pub fn explain(&self) -> Diagnostic {
        None.or_else(|| self.foreign())
            .or_else(|| self.at_start())
            .or_else(|| self.keyword())
            .or_else(|| self.foreign_word())
            .or_else(|| self.number())
            .or_else(|| self.operator())
            .or_else(|| self.function())
            .or_else(|| self.binding())
            .or_else(|| self.block())
            .or_else(|| self.bracket())
            .unwrap_or_else(|| self.general())
    }

    /// Where the blocks begin that should not be there at all, so that what is wrong inside is no news.
    pub fn unexpected_block(&self) -> Option<u32> {
        match (self.found(), self.first()) {
            (_, Token::Reserved | Token::Struct) => Some(self.span(0).start),
            (_, Token::Name) if defines_type(self.text(0)) => Some(self.span(0).start),
            (Token::Block | Token::Reserved, _) => Some(self.span(self.at).start),
            _ => None,
        }
    }

    // The tokens.

    /// The `i`th token; past the last, the one that ended the piece.
    fn token(&self, i: usize) -> Token {
        self.tokens.get(i).map_or(self.end.1, |&(_, token, _)| token)
    }

    fn found(&self) -> Token {
        self.token(self.at)
    }

    fn first(&self) -> Token {
        self.token(0)
    }

    /// The token `n` before the one at fault.
    fn back(&self, n: usize) -> Option<Token> {
        self.at.checked_sub(n).map(|i| self.token(i))
    }

    fn ended(&self) -> bool {
        self.at == self.tokens.len()
    }

    /// Where the `i`th token stands. A line end, and what ends a piece, is the place just after the last token.
    fn span(&self, i: usize) -> Span {
        match self.tokens.get(i) {
            Some(&(l, token, r)) if token != Token::Terminator || self.slice(l, r) == ";" => Span::new(l, r),
            _ => match i.checked_sub(1).and_then(|before| self.tokens.get(before)) {
                Some(&(.., r)) => Span::new(r, r),
                None => Span::new(self.end.0, self.end.0),
            },
        }
    }

    fn here(&self) -> Span {
        self.span(self.at)
    }

    fn slice(&self, l: u32, r: u32) -> &'a str {
        &self.text[Span::new(l, r).range()]
    }

    /// The text of the `i`th token.
    fn text(&self, i: usize) -> &'a str {
        self.tokens.get(i).map_or("", |&(l, _, r)| self.slice(l, r))
    }

    fn expects(&self, terminal: &str) -> bool {
        self.expected.iter().any(|expected| expected.trim_matches('"') == terminal)
    }

    /// The tokens `i` and `i + 1` touch.
    fn touch(&self, i: usize) -> bool {
        matches!((self.tokens.get(i), self.tokens.get(i + 1)), (Some(a), Some(b)) if a.2 == b.0)
    }

    // The mistakes.

    /// Symbols and words that the language does not have, or has kept for later.
    fn foreign(&self) -> Option<Diagnostic> {
        let text = self.text(self.at);
        match self.found() {
            Token::Reserved => {
                let help = match text {
                    _ if self.at > 0 => "choose another name",
                    "match" => "write `if … { … } else if … { … } else { … }`",
                    "enum" => "write named constants: `const RED = 0`",
                    _ => "a program is one file",
                };
                Some(Diagnostic::new("E0116", self.here(), format!("`{text}` is a reserved word"), "").help(help))
            }
            Token::Foreign if text.starts_with('.') && text.len() > 1 && text.as_bytes()[1].is_ascii_digit() => {
                let diagnostic = Diagnostic::new("E0107", self.here(), "this is not a number", "");
                Some(diagnostic.help(format!("digits stand on both sides of the point: `0{text}`")))
            }
            Token::Foreign => {
                let (message, help) = foreign_symbol(text);
                let diagnostic = Diagnostic::new("E0102", self.here(), message, "");
                Some(if help.is_empty() { diagnostic } else { diagnostic.help(help) })
            }
            _ => None,
        }
    }

    /// Pieces whose very first token is wrong.
    fn at_start(&self) -> Option<Diagnostic> {
        use Token::*;
        if self.at > 0 {
            return None;
        }
        let (text, here) = (self.text(0), self.here());
        Some(match self.found() {
            Name | Let | Var | If | While | For | Each | Break | Continue | Return | Integer | Float | True | False
            | StringBegin | OpenParen | OpenBracket | Minus | Bang
                if self.top =>
            {
                if let Some(diagnostic) = self.foreign_word() {
                    return Some(diagnostic);
                }
                Diagnostic::new("E0113", here, "a statement outside a function", "")
                    .help("statements stand inside a function; a program starts in `fn main() { … }`")
            }
            Const => Diagnostic::new("E0121", here, "`const` inside a function", "")
                .help("write `let` here, or move the constant out of the function"),
            Struct => {
                Diagnostic::new("E0121", here, "a struct inside a function", "").help("move it out of the function")
            }
            Fn | Task | Extern => Diagnostic::new("E0121", here, "a function inside a function", "")
                .help("functions stand side by side: move it out of this one"),
            Else => Diagnostic::new("E0114", here, "`else` without an `if` before it", "")
                .help("`else` follows the `}` of its `if` on the same line: `} else {`"),
            Block => Diagnostic::new("E0112", Span::new(here.start, here.start + 1), "a block by itself", "")
                .help("a block belongs to `if`, `while`, `for` or a function"),
            found if infix(found) || found == Dot => {
                Diagnostic::new("E0124", here, format!("a line can't begin with `{text}`"), "")
                    .help(format!("a line end ends the statement: put the `{text}` at the end of the line before"))
            }
            _ => return None,
        })
    }

    /// A keyword where a name should stand.
    fn keyword(&self) -> Option<Diagnostic> {
        let text = self.text(self.at);
        let is_word = text.starts_with(|first: char| first.is_ascii_lowercase()) && self.found() != Token::Name;
        let in_loop = matches!(self.back(1), Some(Token::For | Token::Each));
        if !is_word || in_loop || !self.expects("name") || self.expects("integer") {
            return None;
        }
        let diagnostic = Diagnostic::new("E0116", self.here(), format!("`{text}` is a keyword"), "");
        Some(diagnostic.help("choose another name"))
    }

    /// Words of other languages.
    fn foreign_word(&self) -> Option<Diagnostic> {
        let near = [Some(self.at), self.at.checked_sub(1), (self.at <= 2).then_some(0)];
        for at in near.into_iter().flatten() {
            if at >= self.tokens.len() || self.token(at) != Token::Name {
                continue;
            }
            let word = self.text(at);
            let after_operand = at > 0 && self.token(at - 1).ends_operand();
            let help = match word {
                "def" | "func" | "function" | "fun" | "proc" | "sub" if at == 0 => {
                    "a function is written `fn name() { … }`"
                }
                "async" if at == 0 => "a function whose calls may run side by side is a `task`",
                _ if at == 0 && defines_type(word) => "a type of your own is written `struct Name { field: Type }`",
                "import" | "include" | "require" | "from" | "package" | "module" | "mod" if at == 0 => {
                    "a program is one file, and the built-in functions are always there"
                }
                "pub" | "public" | "private" | "static" | "export" | "final" if at == 0 => "leave it out",
                "elif" | "elsif" | "elseif" => "write `else if`",
                "switch" | "case" | "when" | "unless" if at == 0 => "write `if … { … } else if … { … }`",
                "loop" | "do" | "repeat" | "until" | "forever" if at == 0 => "write `while true { … }` and `break`",
                "foreach" if at == 0 => "write `for x in xs { … }`",
                "try" | "catch" | "except" | "finally" if at == 0 => {
                    "there are no exceptions: a trap ends the program, so test before"
                }
                "await" | "spawn" | "go" if at + 1 == self.at && self.found() == Token::Name => {
                    "leave it out: a call of a `task` is a plain call, and runs beside what does not need its result"
                }
                "throw" | "raise" if at == 0 => "write `panic(\"…\")`",
                "auto" | "val" | "define" if at == 0 => "write `let`, or `var` if it changes",
                "int" | "long" | "float" | "double" | "string" | "bool" | "char" if at == 0 => {
                    "a variable is written `let name: Type = value`"
                }
                "mut" if at > 0 => "a variable that changes is written `var x = …`; a parameter, `inout x: T`",
                "ref" | "out" if at > 0 => "a parameter that the function writes is `inout x: T`",
                "and" if after_operand => "write `&&`",
                "or" if after_operand => "write `||`",
                "not" => "write `!`",
                "is" if after_operand => "write `==`",
                "mod" if after_operand => "write `%`",
                "step" | "stride" if after_operand => "write `by`",
                "to" | "until" | "downto" if after_operand => "a range is written `lo..hi`",
                "as" if after_operand => "a conversion is written like a call: `Float(x)`",
                "then" | "do" if after_operand => "a block stands in braces: `{ … }`",
                "end" => "a block ends with `}`",
                "lambda" | "new" => "leave it out",
                _ => continue,
            };
            let (l, _, r) = self.tokens[at];
            let message = format!("`{word}` is not a word of this language");
            return Some(Diagnostic::new("E0123", Span::new(l, r), message, "").help(help));
        }
        None
    }

    /// `1.`
    fn number(&self) -> Option<Diagnostic> {
        if self.back(1)? != Token::Dot || self.back(2)? != Token::Integer || !self.touch(self.at - 2) {
            return None;
        }
        let span = self.span(self.at - 2).to(self.span(self.at - 1));
        let digits = self.text(self.at - 2);
        let diagnostic = Diagnostic::new("E0107", span, "this is not a number", "");
        Some(diagnostic.help(format!("digits stand on both sides of the point: `{digits}.0`")))
    }

    /// Operators in the wrong place.
    fn operator(&self) -> Option<Diagnostic> {
        use Token::*;
        let found = self.found();
        if found == Assign {
            let before = self.tokens[..self.at].iter().rev().map(|&(_, token, _)| token);
            let head = before.take_while(|&token| token != Block).find(|token| matches!(token, If | While));
            if head.is_some() {
                let diagnostic = Diagnostic::new("E0118", self.here(), "`=` in a condition", "this assigns");
                return Some(diagnostic.help("did you mean `==`?"));
            }
            if self.back(1) == Some(Name) && matches!(self.back(2), Some(OpenParen | Comma)) {
                let name = self.text(self.at - 1);
                return Some(self.unexpected().help(format!("an argument's name is written `{name}: …`")));
            }
        }
        if matches!(found, Pipe | OrOr) && self.expects("integer") {
            return Some(self.unexpected().help("there are no closures: write a `fn` and call it by its name"));
        }
        if found == Ampersand && self.expects("integer") {
            return Some(self.unexpected().help("`&` marks an argument that the call writes: `f(&x)`"));
        }
        None
    }

    /// The head of a function, the fields of a struct.
    fn function(&self) -> Option<Diagnostic> {
        use Token::*;
        let found = self.found();
        if matches!(self.first(), Fn | Task | Extern | Struct) && self.expected.len() == 1 && self.expects(":") {
            let name = self.text(self.at - 1);
            let diagnostic = Diagnostic::new("E0122", self.span(self.at - 1), format!("`{name}` has no type"), "");
            return Some(diagnostic.help(match found {
                Name => format!("the name comes first: `{}: {name}`", self.text(self.at)),
                _ => format!("write `{name}: Int`, say"),
            }));
        }
        // Where the name stands, and what follows the parameters.
        let (name_at, rest) = match self.first() {
            Fn | Task => (1, " { … }"),
            Extern => (2, ""),
            _ => return None,
        };
        if name_at == 2 && self.at == 1 {
            return Some(self.unexpected().help("what the host has is declared as `extern fn` or `extern task`"));
        }
        if name_at == 2 && found == Block {
            return Some(self.unexpected().help("an `extern` function has no block here: the host has it"));
        }
        if self.at == name_at + 1 && self.back(1) == Some(Name) {
            let name = self.text(name_at);
            let diagnostic =
                Diagnostic::new("E0112", self.span(name_at), format!("`{name}` has no parameter list"), "");
            let head = self.slice(self.span(0).start, self.span(name_at).end);
            return Some(diagnostic.help(format!("write `{head}(){rest}`")));
        }
        if self.back(1) == Some(CloseParen) && matches!(found, Name | OpenBracket | Colon) && self.expects("->") {
            let type_at = if found == Colon { self.at + 1 } else { self.at };
            let name = if self.token(type_at) == Name { self.text(type_at) } else { "T" };
            return Some(self.unexpected().help(format!("a result is written `-> {name}`")));
        }
        None
    }

    /// `let`, `var`, `for`, and what people write for them.
    fn binding(&self) -> Option<Diagnostic> {
        use Token::*;
        let found = self.found();
        if matches!(self.first(), Let | Var | Const) && self.expects("=") && self.at >= 2 {
            let (keyword, name) = (self.text(0), self.text(1));
            let diagnostic = Diagnostic::new("E0120", self.span(1), format!("`{name}` is given no value"), "");
            return Some(match found {
                Comma => diagnostic.help("one `let` binds one name"),
                _ => diagnostic.help(format!("write `{keyword} {name} = …`")),
            });
        }
        if matches!(self.first(), Let | Var) && self.at == 1 && found == OpenParen {
            return Some(self.unexpected().help("there are no tuples: a `let` binds one name"));
        }
        let loops = |token| matches!(token, Some(For | Each));
        if loops(self.back(1)) || (loops(self.back(2)) && self.expects("in")) {
            let span = self.here();
            let diagnostic = Diagnostic::new("E0127", span, "this is not a loop's head", self.expectation());
            return Some(diagnostic.help("a loop is written `for i in 0..n { … }` or `for x in xs { … }`"));
        }
        if self.at == 1 && self.first() == Name && found == Colon {
            let name = self.text(0);
            return Some(self.unexpected().help(format!("a new variable is written `let {name}: … = …`")));
        }
        if self.back(1) == Some(Name) && found == StringBegin {
            let name = self.text(self.at - 1);
            return Some(self.unexpected().help(format!("a call has parentheses: `{name}(\"…\")`")));
        }
        None
    }

    /// Blocks that are missing, or too many.
    fn block(&self) -> Option<Diagnostic> {
        use Token::*;
        let found = self.found();
        if found == Block {
            let (l, _, r) = self.tokens[self.at];
            let inside = self.slice(l, r)[1..].trim_start();
            let name = inside.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let fields = name.len() < inside.len() && name.trim_start().starts_with(':');
            if self.back(1) == Some(Name) && (fields || inside.starts_with('}')) {
                let name = self.text(self.at - 1);
                let diagnostic =
                    Diagnostic::new("E0129", Span::new(l, l + 1), "a struct's value takes parentheses", "");
                return Some(diagnostic.help(format!("write `{name}(field: value, …)`")));
            }
            let diagnostic = Diagnostic::new("E0112", Span::new(l, l + 1), "unexpected `{`", self.expectation());
            return Some(match self.expects("integer") {
                true if matches!(self.back(1), Some(If | While)) => {
                    diagnostic.help("a condition stands before the block")
                }
                _ if self.first() == Each && self.expects("..") => {
                    diagnostic.help("`each` counts: write `each i in 0..xs.len() { … }`, and `xs[i]` in it")
                }
                true => diagnostic.help("an array is written `[a, b]`, a struct's value `Name(field: value)`"),
                false => diagnostic,
            });
        }
        let head =
            self.tokens.iter().take(self.at).any(|&(_, token, _)| matches!(token, If | While | For | Each | Fn | Task));
        if !head || !self.expects("{") {
            return None;
        }
        let diagnostic = Diagnostic::new("E0115", self.here(), "a `{` is missing", self.expectation());
        Some(match found {
            Colon => diagnostic.help("a block stands in braces: `{ … }`, without a `:`"),
            _ => diagnostic.help("a block stands in braces, and its `{` on the same line as what it belongs to"),
        })
    }

    /// Line ends and braces inside brackets.
    fn bracket(&self) -> Option<Diagnostic> {
        use Token::*;
        if self.found() == InterpolationEnd && self.back(1) == Some(InterpolationBegin) {
            let span = self.span(self.at - 1).to(self.here());
            let diagnostic = Diagnostic::new("E0125", span, "nothing stands between these braces", "");
            return Some(diagnostic.help("write `{x}` for the value of `x`, `\\{\\}` for the characters"));
        }
        if self.found() != Terminator || self.ended() || self.text(self.at) == ";" {
            return None;
        }
        let diagnostic = Diagnostic::new("E0128", self.here(), "the line ends inside brackets", self.expectation());
        Some(match self.expects(",") {
            true => diagnostic.help("inside brackets a line ends with `,`, an operator or an opening bracket"),
            false => diagnostic.help("inside brackets a line ends with an operator or an opening bracket"),
        })
    }

    /// What can be said of any mistake.
    fn general(&self) -> Diagnostic {
        use Token::*;
        let diagnostic = self.unexpected();
        let operands = self.back(1).is_some_and(Token::ends_operand) && self.expects("+");
        match self.found() {
            DotDot => diagnostic.help("a range stands after `in`, or as an index: `for i in lo..hi`, `xs[lo..hi]`"),
            Colon if self.expects("]") => diagnostic.help("a slice is written `xs[lo..hi]`"),
            Name | If | While | For | Each | Let | Var | Return | Break | Continue
                if !self.top && self.follows_statement() =>
            {
                diagnostic.help("a statement ends with a new line or `;`")
            }
            Comma if self.expects(")") => diagnostic.help("there are no tuples: put the values into a struct"),
            OpenParen if self.first() == Struct => diagnostic.help("fields stand in braces: `struct Name { x: Int }`"),
            Name | Integer | Float | True | False | StringBegin if operands => {
                diagnostic.help("an operator or a `,` may be missing before it")
            }
            _ => diagnostic,
        }
    }

    /// What stands before could be a whole statement that ends with a block or a call.
    fn follows_statement(&self) -> bool {
        use Token::*;
        let depth = self.tokens[..self.at].iter().fold(0, |depth, &(_, token, _)| match token {
            OpenParen | OpenBracket | InterpolationBegin => depth + 1,
            CloseParen | CloseBracket | InterpolationEnd => depth - 1,
            _ => depth,
        });
        depth == 0 && matches!(self.back(1), Some(Block | CloseParen))
    }

    fn unexpected(&self) -> Diagnostic {
        let found = self.describe();
        Diagnostic::new("E0112", self.here(), format!("unexpected {found}"), self.expectation())
    }

    /// The token at fault, in words.
    fn describe(&self) -> String {
        let (l, token, r) = self.tokens.get(self.at).copied().unwrap_or(self.end);
        match token {
            Token::Terminator if l as usize >= self.text.len() => "end of the text".into(),
            Token::Terminator if self.slice(l, r) == ";" => "`;`".into(),
            Token::Terminator => "end of the line".into(),
            Token::StringBegin => "string".into(),
            Token::Text | Token::StringEnd => "end of the expression".into(),
            Token::Format => "format".into(),
            Token::Block => "`{`".into(),
            _ => match self.slice(l, r) {
                text if text.len() <= 40 => format!("`{text}`"),
                text => format!("`{}…`", &text[..text.floor_char_boundary(37)]),
            },
        }
    }

    /// What the grammar would have taken, in words; may be empty.
    fn expectation(&self) -> String {
        let mut words: Vec<&str> = Vec::new();
        let has = |terminal| self.expects(terminal);
        if has("struct") {
            words.push("`fn`, `task`, `struct` or `const`");
        } else if has("integer") {
            words.push("an expression");
        } else if has("name") {
            words.push(if has("[") { "a type" } else { "a name" });
        }
        if has("+") && has("terminator") {
            words.push("the end of the statement");
        }
        let signs = [
            ("=", "`=`"),
            (":", "`:`"),
            ("in", "`in`"),
            ("->", "`->`"),
            ("(", "`(`"),
            (",", "`,`"),
            (")", "`)`"),
            ("]", "`]`"),
            ("..", "`..`"),
            ("{", "`{`"),
            ("}", "`}`"),
            ("interpolation end", "`}`"),
        ];
        // After an operand these would only go on with it; before one, they would only begin it.
        let operand = has("+") || has("integer");
        let skip = |sign| operand && matches!(sign, "(" | "=" | ".." | ":");
        words.extend(signs.iter().filter(|&&(sign, _)| has(sign) && !skip(sign)).map(|&(_, word)| word));
        if has("+") {
            words.push("an operator");
        }
        words.dedup();
        match words.as_slice() {
            [] if self.expected.is_empty() => "expected the end of the line".into(),
            [] => String::new(),
            [one] => format!("expected {one}"),
            [init @ .., last] => format!("expected {} or {last}", init.join(", ")),
        }
    }
}

/// Words that begin a type's definition elsewhere.
fn defines_type(word: &str) -> bool {
    matches!(word, "class" | "record" | "type" | "interface" | "trait" | "impl")
}

fn infix(token: Token) -> bool {
    use Token::*;
    token.compares()
        || matches!(token, Plus | Star | Slash | Percent | WrapPlus | WrapMinus | WrapStar | Ampersand | Pipe | Caret)
        || matches!(token, Shl | Shr | AndAnd | OrOr | Comma | DotDot)
}

/// What to say of a symbol that the language does not have: the message, and what to write instead.
fn foreign_symbol(text: &str) -> (String, &'static str) {
    let help = match text {
        "===" => "write `==`",
        "!==" | "<>" => "write `!=`",
        "++" => "write `+= 1`",
        "**" => "write `pow(x, n)`",
        ":=" => "write `let x = …`, or `x = …` for a variable that is there",
        "=>" => "a comparison is written `>=`",
        "::" => "a function is called by its name alone, a field is written `x.f`",
        "&&&" => "write `&&`",
        "&&=" => "write `x = x && …`",
        "||=" => "write `x = x || …`",
        "|>" => "write `x.f()`, which is `f(x)`",
        "..." | "..=" => "a range stops before its end: write `lo..hi + 1`",
        "?" => "a choice is written `if c { a } else { b }`",
        "@" | "$" | "\\" | "`" => "",
        "'" => "text stands in double quotes: `\"…\"`",
        _ if text.starts_with('\'') => "text stands in double quotes: `\"…\"`",
        _ if text.starts_with('#') => "a comment begins with `//`",
        _ if text.starts_with(['“', '”', '„', '«']) => "text stands in plain double quotes: `\"…\"`",
        _ if text.starts_with(['–', '—', '−']) => "write a plain `-`",
        _ if text.starts_with(['×', '·']) => "write `*`",
        _ if text.starts_with('≤') => "write `<=`",
        _ if text.starts_with('≥') => "write `>=`",
        _ if text.starts_with('≠') => "write `!=`",
        _ if text.starts_with('\u{a0}') => "this is a no-break space: write a plain one",
        _ if text.starts_with(char::is_alphabetic) => "names are of the letters a to z, digits and `_`",
        _ => "",
    };
    let first = text.chars().next().unwrap_or(' ');
    let message = match text {
        _ if text.starts_with('\'') => "text in single quotes".into(),
        _ if text.starts_with('#') => "`#` begins no comment".into(),
        _ if first.is_control() || first.is_whitespace() || first == '\u{feff}' => {
            format!("the character U+{:04X} does not belong here", first as u32)
        }
        _ if first.is_ascii() => format!("there is no `{text}`"),
        _ => format!("the character `{first}` does not belong here"),
    };
    (message, help)
}
