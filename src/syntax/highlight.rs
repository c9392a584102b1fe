//! What the parts of a text are, for whoever shows it in colours. It may be half of a statement, and have mistakes.

use super::lexer;
use super::span::Span;
use super::token::Token;

/// What a part of a text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// A word of the language.
    Keyword,
    /// `true`, a number.
    Literal,
    /// Text in quotes, without what is interpolated.
    Text,
    /// From `//` to the line's end.
    Comment,
}

/// The parts that are something special, in order.
pub fn classes(text: &str) -> Vec<(Span, Class)> {
    let mut parts = Vec::new();
    let mut end = 0;
    for (start, token, past) in lexer::lex(text).tokens {
        comments(text, end, start, &mut parts);
        end = end.max(past);
        let class = match token {
            Token::True | Token::False | Token::Integer | Token::Float => Class::Literal,
            Token::StringBegin | Token::StringEnd | Token::Text | Token::Format => Class::Text,
            _ if is_word(text, start, past) && token != Token::Name => Class::Keyword,
            _ => continue,
        };
        if past > start {
            parts.push((Span::new(start, past), class));
        }
    }
    comments(text, end, text.len() as u32, &mut parts);
    parts
}

fn is_word(text: &str, start: u32, end: u32) -> bool {
    text[start as usize..end as usize].starts_with(|c: char| c.is_ascii_alphabetic())
}

/// The comments between two tokens.
fn comments(text: &str, from: u32, to: u32, parts: &mut Vec<(Span, Class)>) {
    let mut at = from as usize;
    while let Some(found) = text.get(at..to as usize).and_then(|between| between.find("//")) {
        let start = at + found;
        at = text[start..].find('\n').map_or(text.len(), |length| start + length).min(to.max(from) as usize);
        parts.push((Span::new(start as u32, at as u32), Class::Comment));
        if at <= start {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<(&str, Class)> {
        classes(text).into_iter().map(|(span, class)| (&text[span.range()], class)).collect()
    }

    #[test]
    fn words_numbers_texts_and_comments_are_told_apart() {
        let text = "let x = f(12) // why\nprint(\"a {x:3} b\") // last";
        let expected = [
            ("let", Class::Keyword),
            ("12", Class::Literal),
            ("// why", Class::Comment),
            ("\"", Class::Text),
            ("a ", Class::Text),
            ("3", Class::Text),
            (" b", Class::Text),
            ("\"", Class::Text),
            ("// last", Class::Comment),
        ];
        assert_eq!(shown(text), expected);
    }

    #[test]
    fn what_is_half_typed_has_its_parts_in_order() {
        for text in ["", "let", "print(\"a {", "if x { // no", "1.5 \u{e9} \"\u{e9}\" true", "\"abc", "// \u{e9}"] {
            let parts = classes(text);
            assert!(parts.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start), "{text}: {parts:?}");
            assert!(
                parts.iter().all(|(span, _)| text.get(span.range()).is_some_and(|part| !part.is_empty())),
                "{text}"
            );
        }
    }
}
