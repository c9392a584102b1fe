//! Printing into a Str: interpolation, with and without a format.

use std::fmt::Write;

use super::Outcome;
use crate::bytecode::builtins::{PackedFormat, Pattern};
use crate::bytecode::types::TypeId;
use crate::machine::host_call::{HostCall, HostFn, Place};
use crate::machine::trap::Fault;
use crate::machine::value::{display, format_float};

pub(super) fn find(name: &str, _: &[Pattern]) -> Option<HostFn> {
    Some(match name {
        "__append" => append,
        "__append_format" => append_format,
        _ => return None,
    })
}

fn append(call: &mut HostCall) -> Outcome {
    if call.of() == TypeId::INT {
        return call.append_text(Place::Param(0), Digits::of(call.int(1)).text());
    }
    let (types, value, interrupt) = (call.types(), call.value(1), call.interrupt());
    display(types, value, &mut |piece| {
        interrupt.check()?;
        call.append_text(Place::Param(0), piece)
    })
}

/// An Int in decimal, without taking memory.
pub(super) struct Digits {
    bytes: [u8; 20],
    start: usize,
}

impl Digits {
    /// Those of `n`, with its sign.
    pub(super) fn of(n: i64) -> Digits {
        let mut digits = Digits { bytes: [0; 20], start: 20 };
        let mut rest = n.unsigned_abs();
        loop {
            digits.push(b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if n < 0 {
            digits.push(b'-');
        }
        digits
    }

    fn push(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[self.start] = byte;
    }

    /// As text.
    pub(super) fn text(&self) -> &str {
        str::from_utf8(&self.bytes[self.start..]).expect("digits are ASCII")
    }
}

fn append_format(call: &mut HostCall) -> Outcome {
    let format = PackedFormat::unpack(call.int(2));
    let of = call.of();
    let mut body = String::new();
    let text = match of {
        TypeId::STR => cut(call.text(1), format),
        TypeId::INT => {
            write_int(call.int(1), format, &mut body);
            &body
        }
        TypeId::FLOAT => {
            write_float(call.float(1), format, &mut body);
            &body
        }
        _ => {
            let (types, value, interrupt) = (call.types(), call.value(1), call.interrupt());
            display(types, value, &mut |piece| {
                interrupt.check()?;
                call.check_room((body.len() + piece.len()) as u64)?;
                body.push_str(piece);
                Ok::<(), Fault>(())
            })?;
            &body
        }
    };
    let padding = Padding::of(text, format, of == TypeId::INT || of == TypeId::FLOAT);
    if padding == Padding::default() {
        return call.append_text(Place::Param(0), text);
    }
    call.append_text(Place::Param(0), &padding.applied(text))
}

/// The first characters of a text, as many as the precision says.
fn cut(text: &str, format: PackedFormat) -> &str {
    let end = format.precision.and_then(|precision| text.char_indices().nth(precision as usize));
    end.map_or(text, |(end, _)| &text[..end])
}

fn write_int(n: i64, format: PackedFormat, out: &mut String) {
    match format.radix {
        1 => write!(out, "{n:x}").expect("a String takes all"),
        2 => write!(out, "{n:b}").expect("a String takes all"),
        _ => out.push_str(Digits::of(n).text()),
    }
}

fn write_float(x: f64, format: PackedFormat, out: &mut String) {
    // Beyond some 1,100 digits there are only zeros; `fmt` takes 65,535 at most.
    let precision = format.precision.map(|precision| precision.min(u32::from(u16::MAX)) as usize);
    match (format.radix, precision) {
        _ if !x.is_finite() => format_float(x, out),
        (3, Some(precision)) => write!(out, "{x:.precision$e}").expect("a String takes all"),
        (3, None) => write!(out, "{x:e}").expect("a String takes all"),
        (_, Some(precision)) if write_fixed(x, precision, out) => {}
        (_, Some(precision)) => write!(out, "{x:.precision$}").expect("a String takes all"),
        (_, None) => format_float(x, out),
    }
}

/// Writes a finite Float with so many digits after the point, rounded from its exact value, ties to even; `false` if it is
/// too large or has too many digits for this. It is there because `fmt` takes its slow way for such numbers as 0.125.
fn write_fixed(x: f64, precision: usize, out: &mut String) -> bool {
    const MAX_PRECISION: usize = 17;
    if precision > MAX_PRECISION || x.abs() >= (1u64 << 53) as f64 {
        return false;
    }
    // |x| = mantissa * 2^-shift
    let (exponent, fraction) = (x.to_bits() >> 52 & 0x7ff, x.to_bits() & ((1 << 52) - 1));
    let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
    let shift = 1075 - exponent.max(1);
    let scaled = u128::from(mantissa) * 10u128.pow(precision as u32);
    // The product has 110 bits at most, so what is shifted further is below one half.
    let shift = shift.min(120) as u32;
    let (floor, rest) = (scaled >> shift, scaled & ((1 << shift) - 1));
    let half = (1 << shift) >> 1;
    let digits = floor + u128::from(shift > 0 && (rest > half || rest == half && floor & 1 == 1));
    let unit = 10u128.pow(precision as u32);
    if x.is_sign_negative() {
        out.push('-');
    }
    // Both are below 10^17 or 2^53.
    out.push_str(Digits::of((digits / unit) as i64).text());
    if precision > 0 {
        let behind = Digits::of((digits % unit) as i64);
        out.push('.');
        out.extend(std::iter::repeat_n('0', precision - behind.text().len()));
        out.push_str(behind.text());
    }
    true
}

/// How many characters stand before and behind a text, and how many zeros between a number's sign and its digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Padding {
    before: usize,
    zeros: usize,
    behind: usize,
}

impl Padding {
    /// What brings `text` to the format's width, which counts characters.
    fn of(text: &str, format: PackedFormat, number: bool) -> Padding {
        let Some(width) = format.width else { return Padding::default() };
        let missing = (width as usize).saturating_sub(text.chars().count());
        // Not `inf` and `nan`; hexadecimal digits are those of an Int.
        if format.zero && number && (format.radix == 1 || text.contains(|c: char| c.is_ascii_digit())) {
            return Padding { zeros: missing, ..Padding::default() };
        }
        let before = match (format.align, number) {
            (1, _) | (0, false) => 0,
            (2, _) => missing / 2,
            _ => missing,
        };
        Padding { before, behind: missing - before, zeros: 0 }
    }

    fn applied(self, text: &str) -> String {
        let (sign, digits) =
            if self.zeros == 0 { ("", text) } else { text.split_at(usize::from(text.starts_with('-'))) };
        let spaces = |count| std::iter::repeat_n(' ', count);
        let mut out: String = spaces(self.before).collect();
        out.push_str(sign);
        out.extend(std::iter::repeat_n('0', self.zeros));
        out.push_str(digits);
        out.extend(spaces(self.behind));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(align: u8, zero: bool, width: u32, precision: Option<u32>, radix: u8) -> PackedFormat {
        PackedFormat { align, zero, radix, width: Some(width), precision }
    }

    fn laid_out(text: &str, format: PackedFormat, number: bool) -> String {
        Padding::of(text, format, number).applied(text)
    }

    #[test]
    fn numbers_are_laid_out() {
        let int = |n, format| {
            let mut body = String::new();
            write_int(n, format, &mut body);
            laid_out(&body, format, true)
        };
        assert_eq!(int(42, format(0, false, 5, None, 0)), "   42");
        assert_eq!(int(42, format(1, false, 5, None, 0)), "42   ");
        assert_eq!(int(42, format(2, false, 5, None, 0)), " 42  ");
        assert_eq!(int(-42, format(0, true, 6, None, 0)), "-00042");
        assert_eq!(int(255, format(0, true, 4, None, 1)), "00ff");
        assert_eq!(int(-1, format(0, false, 0, None, 1)), "ffffffffffffffff");
        assert_eq!(int(5, format(0, false, 0, None, 2)), "101");
        let float = |x, format| {
            let mut body = String::new();
            write_float(x, format, &mut body);
            laid_out(&body, format, true)
        };
        assert_eq!(float(2.71819, format(0, false, 0, Some(2), 0)), "2.72");
        assert_eq!(float(-2.5, format(0, true, 8, Some(1), 0)), "-00002.5");
        assert_eq!(float(1234.5, format(0, false, 0, None, 3)), "1.2345e3");
        assert_eq!(float(1234.5, format(0, false, 10, Some(1), 3)), "     1.2e3");
        assert_eq!(float(f64::INFINITY, format(0, true, 5, Some(1), 0)), "  inf");
        assert_eq!(float(3.0, format(0, false, 5, None, 0)), "  3.0");
        assert_eq!(float(1.0, format(0, false, 0, Some(100_000), 0)).len(), 65_537);
    }

    proptest::proptest! {
        #[test]
        fn fixed_digits_are_those_of_fmt(bits: u64, n: i32, eighths in 0..17u32, precision in 0usize..20) {
            for x in [f64::from_bits(bits), f64::from(n) / 2f64.powi(eighths as i32), f64::from(n) / 1e5] {
                let mut fixed = String::new();
                if x.is_finite() && write_fixed(x, precision, &mut fixed) {
                    proptest::prop_assert_eq!(fixed, format!("{x:.precision$}"));
                }
            }
        }
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for n in [0, 7, -7, 10, 1_234_567_890, i64::MAX, i64::MIN] {
            assert_eq!(Digits::of(n).text(), n.to_string());
        }
    }

    #[test]
    fn texts_are_cut_and_padded() {
        assert_eq!(
            laid_out(cut("éclair", format(0, false, 0, Some(3), 0)), format(3, false, 5, None, 0), false),
            "  écl"
        );
        assert_eq!(laid_out("ab", format(0, true, 4, None, 0), false), "ab  ");
    }
}
