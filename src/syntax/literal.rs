//! What literals mean: numbers, escapes in strings, formats of interpolations. Pure functions over their text.

use super::span::Span;
use super::tree::{Align, Format, Radix};

/// What is wrong with a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NumberError {
    /// Not a number's form.
    Malformed,
    /// No 64 bits hold it.
    TooLarge,
}

/// One more than the largest Int: allowed here, since a `-` may stand before it.
const LIMIT: u64 = 1 << 63;

/// The value of an integer literal, at most 2^63.
pub(crate) fn integer(text: &str) -> Result<u64, NumberError> {
    let (radix, digits) = match text.as_bytes() {
        [b'0', b'x', ..] => (16, &text[2..]),
        [b'0', b'b', ..] => (2, &text[2..]),
        [b'0', b'o', ..] => (8, &text[2..]),
        _ => (10, text),
    };
    if !underscores_stand_between_digits(digits) {
        return Err(NumberError::Malformed);
    }
    let mut value = 0u64;
    let mut fits = true;
    for c in digits.chars().filter(|&c| c != '_') {
        let digit = c.to_digit(radix).ok_or(NumberError::Malformed)?;
        match value.checked_mul(radix as u64).and_then(|v| v.checked_add(digit as u64)) {
            Some(next) => value = next,
            None => fits = false,
        }
    }
    if fits && value <= LIMIT { Ok(value) } else { Err(NumberError::TooLarge) }
}

/// The value of a float literal.
pub(crate) fn float(text: &str) -> Result<f64, NumberError> {
    if !text.split(['.', 'e', 'E', '+', '-']).filter(|part| !part.is_empty()).all(underscores_stand_between_digits) {
        return Err(NumberError::Malformed);
    }
    let value = match text.contains('_') {
        true => text.replace('_', "").parse::<f64>(),
        false => text.parse::<f64>(),
    };
    match value {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(NumberError::TooLarge),
        Err(_) => Err(NumberError::Malformed),
    }
}

fn underscores_stand_between_digits(digits: &str) -> bool {
    !digits.is_empty() && !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__")
}

/// What is wrong in a string's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TextError {
    /// A backslash before something else than an escape.
    UnknownEscape,
    /// `\u` without `{1F600}`, or not a character's number.
    BadCodePoint,
    /// A `}` by itself.
    BareBrace,
}

/// The text that `raw` stands for, escapes resolved. Reports what is wrong with its byte range in `raw`, and goes on.
pub(crate) fn unescape(raw: &str, mut report: impl FnMut(std::ops::Range<usize>, TextError)) -> Box<str> {
    if memchr::memchr2(b'\\', b'}', raw.as_bytes()).is_none() {
        return raw.into();
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr2(b'\\', b'}', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let from = raw.len() - rest.len();
        if rest.starts_with('}') {
            report(from..from + 1, TextError::BareBrace);
            rest = &rest[1..];
            continue;
        }
        let mut after = rest[1..].chars();
        let escape = after.next();
        let simple = match escape {
            Some('n') => Some('\n'),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some('0') => Some('\0'),
            Some(c @ ('\\' | '"' | '{' | '}')) => Some(c),
            _ => None,
        };
        rest = after.as_str();
        if let Some(c) = simple {
            text.push(c);
        } else if escape == Some('u') {
            let (length, c) = code_point(rest);
            match c {
                Some(c) => text.push(c),
                None => report(from..from + 2 + length, TextError::BadCodePoint),
            }
            rest = &rest[length..];
        } else {
            report(from..raw.len() - rest.len(), TextError::UnknownEscape);
        }
    }
    text.push_str(rest);
    text.into()
}

/// The character of the `{1F600}` that `text` begins with, and that form's length in bytes.
fn code_point(text: &str) -> (usize, Option<char>) {
    let Some(inner) = text.strip_prefix('{') else { return (0, None) };
    let digits = inner.bytes().take_while(u8::is_ascii_hexdigit).count();
    if !inner[digits..].starts_with('}') {
        return (1 + digits, None);
    }
    let c = if (1..=6).contains(&digits) { u32::from_str_radix(&inner[..digits], 16).ok() } else { None };
    (digits + 2, c.and_then(char::from_u32))
}

/// The format that `text` writes, `[<|^|>][0][width][.precision][x|b|e]`; else what is wrong with it.
pub(crate) fn format(text: &str, span: Span) -> Result<Format, &'static str> {
    let mut format = Format { span, ..Format::default() };
    if text.is_empty() {
        return Err("a format stands after the `:`");
    }
    let mut rest = text;
    for (sign, align) in [('<', Align::Left), ('^', Align::Center), ('>', Align::Right)] {
        if let Some(after) = rest.strip_prefix(sign) {
            format.align = Some(align);
            rest = after;
            break;
        }
    }
    if let Some(after) = rest.strip_prefix('0') {
        format.zero = true;
        rest = after;
    }
    let (width, after) = number(rest, 65_535).ok_or("the width is at most 65535")?;
    format.width = width;
    rest = after;
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after, 1_000).ok_or("the precision is at most 1000")?;
        format.precision = Some(precision.ok_or("digits stand after the `.`")?);
        rest = after;
    }
    for (letter, radix) in [('x', Radix::Hex), ('b', Radix::Binary), ('e', Radix::Exponent)] {
        if let Some(after) = rest.strip_prefix(letter) {
            format.radix = Some(radix);
            rest = after;
            break;
        }
    }
    if rest.is_empty() { Ok(format) } else { Err("this is not part of a format") }
}

/// The number that `text` begins with, if any, and what follows; none if it is over `limit`.
fn number(text: &str, limit: u16) -> Option<(Option<u16>, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Some((None, text));
    }
    let value = text[..digits].parse::<u16>().ok().filter(|&value| value <= limit)?;
    Some((Some(value), &text[digits..]))
}
