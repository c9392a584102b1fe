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
    let (types, value, interrupt) = (call.types(), call.value(1), call.interrupt());
    display(types, value, &mut |piece| {
        interrupt.check()?;
        call.append_text(Place::Param(0), piece)
    })
}

fn append_format(call: &mut HostCall) -> Outcome {
    let format = PackedFormat::unpack(call.int(2));
    // Widths and precisions are far below this in what the compiler emits; forged ones only must not take gigabytes.
    let body = match call.of() {
        TypeId::INT => layout_int(call.int(1), format),
        TypeId::FLOAT => layout_float(call.float(1), format),
        TypeId::STR => pad(cut(call.text(1), format), format, false),
        _ => {
            let (types, value, interrupt) = (call.types(), call.value(1), call.interrupt());
            let mut body = String::new();
            display(types, value, &mut |piece| {
                interrupt.check()?;
                call.check_room((body.len() + piece.len()) as u64)?;
                body.push_str(piece);
                Ok::<(), Fault>(())
            })?;
            pad(&body, format, false)
        }
    };
    call.append_text(Place::Param(0), &body)
}

/// The first characters of a text, as many as the precision says.
fn cut(text: &str, format: PackedFormat) -> &str {
    let end = format.precision.and_then(|precision| text.char_indices().nth(precision as usize));
    end.map_or(text, |(end, _)| &text[..end])
}

fn layout_int(n: i64, format: PackedFormat) -> String {
    let body = match format.radix {
        1 => format!("{n:x}"),
        2 => format!("{n:b}"),
        _ => n.to_string(),
    };
    pad(&body, format, true)
}

fn layout_float(x: f64, format: PackedFormat) -> String {
    let mut body = String::new();
    if !x.is_finite() {
        format_float(x, &mut body);
        return pad(&body, PackedFormat { zero: false, ..format }, true);
    }
    // Beyond some 1,100 digits there are only zeros; `fmt` takes 65,535 at most.
    let precision = format.precision.map(|precision| precision.min(u32::from(u16::MAX)) as usize);
    match (format.radix, precision) {
        (3, Some(precision)) => write!(body, "{x:.precision$e}").expect("a String takes all"),
        (3, None) => write!(body, "{x:e}").expect("a String takes all"),
        (_, Some(precision)) => write!(body, "{x:.precision$}").expect("a String takes all"),
        (_, None) => format_float(x, &mut body),
    }
    pad(&body, format, true)
}

/// `body` in the format's width, which counts characters.
fn pad(body: &str, format: PackedFormat, number: bool) -> String {
    let missing = (format.width.unwrap_or(0) as usize).saturating_sub(body.chars().count());
    if format.zero && number {
        let (sign, digits) = body.strip_prefix('-').map_or(("", body), |digits| ("-", digits));
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    let before = match (format.align, number) {
        (1, _) | (0, false) => 0,
        (2, _) => missing / 2,
        _ => missing,
    };
    format!("{}{body}{}", " ".repeat(before), " ".repeat(missing - before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(align: u8, zero: bool, width: u32, precision: Option<u32>, radix: u8) -> PackedFormat {
        PackedFormat { align, zero, radix, width: Some(width), precision }
    }

    #[test]
    fn numbers_are_laid_out() {
        let int = |n, f| layout_int(n, f);
        assert_eq!(int(42, format(0, false, 5, None, 0)), "   42");
        assert_eq!(int(42, format(1, false, 5, None, 0)), "42   ");
        assert_eq!(int(42, format(2, false, 5, None, 0)), " 42  ");
        assert_eq!(int(-42, format(0, true, 6, None, 0)), "-00042");
        assert_eq!(int(255, format(0, true, 4, None, 1)), "00ff");
        assert_eq!(int(-1, format(0, false, 0, None, 1)), "ffffffffffffffff");
        assert_eq!(int(5, format(0, false, 0, None, 2)), "101");
        let float = |x, f| layout_float(x, f);
        assert_eq!(float(2.71819, format(0, false, 0, Some(2), 0)), "2.72");
        assert_eq!(float(-2.5, format(0, true, 8, Some(1), 0)), "-00002.5");
        assert_eq!(float(1234.5, format(0, false, 0, None, 3)), "1.2345e3");
        assert_eq!(float(1234.5, format(0, false, 10, Some(1), 3)), "     1.2e3");
        assert_eq!(float(f64::INFINITY, format(0, true, 5, Some(1), 0)), "  inf");
        assert_eq!(float(3.0, format(0, false, 5, None, 0)), "  3.0");
        assert_eq!(float(1.0, format(0, false, 0, Some(100_000), 0)).len(), 65_537);
    }

    #[test]
    fn texts_are_cut_and_padded() {
        assert_eq!(pad(cut("éclair", format(0, false, 0, Some(3), 0)), format(3, false, 5, None, 0), false), "  écl");
        assert_eq!(pad("ab", format(0, true, 4, None, 0), false), "ab  ");
    }
}
