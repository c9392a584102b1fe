//! Functions of Str. What they make grows in the machine's memory, piece by piece.

use memchr::memmem;

use super::{Outcome, poll_at};
use crate::bytecode::builtins::Pattern::{self, Int, Str};
use crate::bytecode::trap::TrapCode;
use crate::machine::host_call::{HostCall, HostFn, Place};
use crate::machine::trap::{Fault, Stop};

pub(super) fn find(name: &str, params: &[Pattern]) -> Option<HostFn> {
    Some(match (name, params) {
        ("is_empty", [Str]) => |call| {
            call.return_bool(call.text(0).is_empty());
            Ok(())
        },
        ("contains", [Str, Str]) => |call| {
            let found = search(call, call.text(0), call.text(1))?.is_some();
            call.return_bool(found);
            Ok(())
        },
        ("starts_with", _) => |call| {
            call.return_bool(call.text(0).starts_with(call.text(1)));
            Ok(())
        },
        ("ends_with", _) => |call| {
            call.return_bool(call.text(0).ends_with(call.text(1)));
            Ok(())
        },
        ("find", [Str, Str]) => |call| {
            let found = search(call, call.text(0), call.text(1))?;
            call.return_int(found.map_or(-1, |at| at as i64));
            Ok(())
        },
        ("replace", _) => replace,
        ("upper", _) => |call| map_chars(call, char::to_uppercase),
        ("lower", _) => |call| map_chars(call, char::to_lowercase),
        ("trim", _) => |call| call.return_text(call.text(0).trim()),
        ("trim_start", _) => |call| call.return_text(call.text(0).trim_start()),
        ("trim_end", _) => |call| call.return_text(call.text(0).trim_end()),
        ("split", _) => split,
        ("words", _) => |call| return_texts(call, call.text(0).split_whitespace()),
        ("lines", _) => |call| return_texts(call, call.text(0).lines()),
        ("chars", _) => chars,
        ("bytes", _) => bytes,
        ("codepoints", _) => codepoints,
        ("from_bytes", _) => from_bytes,
        ("from_codepoints", _) => from_codepoints,
        ("repeat", [Str, Int]) => repeat,
        ("join", _) => join,
        ("parse_int", _) => |call| {
            call.return_int(read_int(call.text(0)).ok_or_else(|| not_a_number(call, "an Int"))?);
            Ok(())
        },
        ("parse_float", _) => |call| {
            call.return_float(read_float(call.text(0)).ok_or_else(|| not_a_number(call, "a Float"))?);
            Ok(())
        },
        ("is_int", _) => |call| {
            call.return_bool(read_int(call.text(0)).is_some());
            Ok(())
        },
        ("is_float", _) => |call| {
            call.return_bool(read_float(call.text(0)).is_some());
            Ok(())
        },
        _ => return None,
    })
}

/// A text in quotes for a trap's message, cut if it is long.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// The offset of the first `part` in `text`, polling.
fn search(call: &HostCall, text: &str, part: &str) -> Result<Option<usize>, Fault> {
    Searcher::new(text, part).next(call)
}

/// Finds one occurrence after the other, none overlapping the one before.
struct Searcher<'t> {
    text: &'t [u8],
    finder: memmem::Finder<'t>,
    from: usize,
}

impl<'t> Searcher<'t> {
    fn new(text: &'t str, part: &'t str) -> Searcher<'t> {
        Searcher { text: text.as_bytes(), finder: memmem::Finder::new(part), from: 0 }
    }

    fn next(&mut self, call: &HostCall) -> Result<Option<usize>, Fault> {
        let part = self.finder.needle().len();
        // Piece by piece, so that it polls; pieces overlap by what an occurrence may stand across.
        let piece = (1 << 20).max(4 * part);
        loop {
            let end = self.text.len().min(self.from.saturating_add(piece));
            if let Some(at) = self.finder.find(&self.text[self.from..end]) {
                let found = self.from + at;
                self.from = found + part;
                return Ok(Some(found));
            }
            if end == self.text.len() {
                return Ok(None);
            }
            self.from = end - (part - 1);
            call.poll()?;
        }
    }
}

/// The separator or text to replace, which must not be empty.
fn not_empty<'a>(call: &HostCall<'a>, param: usize, what: &str) -> Result<&'a str, Fault> {
    let text = call.text(param);
    if text.is_empty() { Err(Fault::trap(TrapCode::InvalidArgument, format!("{what} is empty"))) } else { Ok(text) }
}

fn replace(call: &mut HostCall) -> Outcome {
    let (text, old, new) = (call.text(0), not_empty(call, 1, "the text to replace")?, call.text(2));
    let mut searcher = Searcher::new(text, old);
    let (mut done, mut count) = (0, 0);
    while let Some(at) = searcher.next(call)? {
        call.append_text(Place::Result, &text[done..at])?;
        call.append_text(Place::Result, new)?;
        done = at + old.len();
        poll_at(call.interrupt(), count)?;
        count += 1;
    }
    call.append_text(Place::Result, &text[done..])
}

fn split(call: &mut HostCall) -> Outcome {
    let (text, separator) = (call.text(0), not_empty(call, 1, "the separator")?);
    let mut searcher = Searcher::new(text, separator);
    let (mut done, mut count) = (0, 0);
    while let Some(at) = searcher.next(call)? {
        call.push_text(Place::Result, &text[done..at])?;
        done = at + separator.len();
        poll_at(call.interrupt(), count)?;
        count += 1;
    }
    call.push_text(Place::Result, &text[done..])
}

fn map_chars<I: Iterator<Item = char>>(call: &mut HostCall, map: fn(char) -> I) -> Outcome {
    let text = call.text(0);
    call.reserve(Place::Result, text.len())?;
    let mut piece = String::new();
    for c in text.chars() {
        piece.extend(map(c));
        if piece.len() >= 4096 {
            call.append_text(Place::Result, &piece)?;
            piece.clear();
            call.poll()?;
        }
    }
    call.append_text(Place::Result, &piece)
}

fn return_texts<'t>(call: &mut HostCall, parts: impl Iterator<Item = &'t str>) -> Outcome {
    for (step, part) in parts.enumerate() {
        call.push_text(Place::Result, part)?;
        poll_at(call.interrupt(), step)?;
    }
    Ok(())
}

fn chars(call: &mut HostCall) -> Outcome {
    let text = call.text(0);
    return_texts(call, text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]))
}

fn return_ints(call: &mut HostCall, count: usize, ints: impl Iterator<Item = i64>) -> Outcome {
    call.reserve(Place::Result, count)?;
    for (step, int) in ints.enumerate() {
        call.push_int(Place::Result, int)?;
        poll_at(call.interrupt(), step)?;
    }
    Ok(())
}

fn bytes(call: &mut HostCall) -> Outcome {
    let text = call.text(0);
    return_ints(call, text.len(), text.bytes().map(i64::from))
}

fn codepoints(call: &mut HostCall) -> Outcome {
    let text = call.text(0);
    return_ints(call, 0, text.chars().map(|c| i64::from(u32::from(c))))
}

fn from_bytes(call: &mut HostCall) -> Outcome {
    let ints = call.elements(0).ints();
    call.check_room(2 * ints.len() as u64)?;
    let mut bytes = Vec::with_capacity(ints.len());
    for (index, &int) in ints.iter().enumerate() {
        let byte = u8::try_from(int);
        bytes.push(byte.map_err(|_| Fault::trap(TrapCode::InvalidText, format!("{int} at index {index} is no byte")))?);
        poll_at(call.interrupt(), index)?;
    }
    let text = str::from_utf8(&bytes).map_err(|error| {
        let at = error.valid_up_to();
        Fault::trap(TrapCode::InvalidText, format!("byte {} at index {at} is not UTF-8 there", bytes[at]))
    })?;
    call.return_text(text)
}

fn from_codepoints(call: &mut HostCall) -> Outcome {
    let mut piece = String::new();
    for (index, &point) in call.elements(0).ints().iter().enumerate() {
        let c = u32::try_from(point).ok().and_then(char::from_u32);
        piece.push(c.ok_or_else(|| {
            Fault::trap(TrapCode::InvalidText, format!("{point} at index {index} is no character's code point"))
        })?);
        if piece.len() >= 4096 {
            call.append_text(Place::Result, &piece)?;
            piece.clear();
            call.poll()?;
        }
    }
    call.append_text(Place::Result, &piece)
}

fn repeat(call: &mut HostCall) -> Outcome {
    let (text, times) = (call.text(0), call.int(1));
    let times =
        u64::try_from(times).map_err(|_| Fault::trap(TrapCode::InvalidArgument, format!("repeat {times} times")))?;
    let total = times.checked_mul(text.len() as u64).and_then(|total| usize::try_from(total).ok());
    let total = total.ok_or(Stop::Memory)?;
    call.reserve(Place::Result, total)?;
    // In pieces of a few KiB, so that short texts don't go one by one.
    let per_piece = (4096 / text.len().max(1)).clamp(1, total.max(1));
    let piece = text.repeat(per_piece.min(times as usize));
    let mut left = total;
    let mut step = 0;
    while left > 0 {
        let part = &piece[..piece.len().min(left)];
        call.append_text(Place::Result, part)?;
        left -= part.len();
        poll_at(call.interrupt(), step)?;
        step += 1;
    }
    Ok(())
}

fn join(call: &mut HostCall) -> Outcome {
    let (parts, separator) = (call.elements(0), call.text(1));
    let parts = parts.texts();
    let lengths: usize = parts.clone().map(str::len).sum();
    call.reserve(Place::Result, lengths.saturating_add(parts.len().saturating_sub(1).saturating_mul(separator.len())))?;
    for (index, part) in parts.enumerate() {
        if index > 0 {
            call.append_text(Place::Result, separator)?;
        }
        call.append_text(Place::Result, part)?;
        poll_at(call.interrupt(), index)?;
    }
    Ok(())
}

fn read_int(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

fn read_float(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

fn not_a_number(call: &HostCall, what: &str) -> Fault {
    Fault::trap(TrapCode::NotANumber, format!("{} is not {what}", quoted(call.text(0))))
}
