//! Built-ins that use the program's world: its arguments, standard input, files, the clock.

use super::{Outcome, picture, poll_at};
use crate::bytecode::builtins::Pattern;
use crate::bytecode::trap::TrapCode;
use crate::machine::host_call::{HostCall, HostFn, Place};
use crate::machine::trap::Fault;

pub(super) fn find(name: &str, _: &[Pattern]) -> Option<HostFn> {
    Some(match name {
        "args" => args,
        "read_line" => read_line,
        "read_lines" => read_lines,
        "read_file" => read_file,
        "file_exists" => |call| {
            let path = call.text(0);
            let exists = call.world().file_exists(path)?;
            call.return_bool(exists);
            Ok(())
        },
        "write_file" => |call| {
            let (path, text) = (call.text(0), call.text(1));
            call.world().write_file(path, text.as_bytes())
        },
        "append_file" => |call| {
            let (path, text) = (call.text(0), call.text(1));
            call.world().append_file(path, text.as_bytes())
        },
        "write_png" => picture::write_png,
        "clock" => |call| {
            let now = call.world().clock()?;
            call.return_float(now);
            Ok(())
        },
        _ => return None,
    })
}

fn args(call: &mut HostCall) -> Outcome {
    for arg in call.world().args()? {
        call.push_text(Place::Result, &arg)?;
    }
    Ok(())
}

/// The next line of standard input without its end.
fn next_line(call: &mut HostCall) -> Result<Option<String>, Fault> {
    let limit = call.memory_left();
    let Some(mut line) = call.world().read_line(limit)? else { return Ok(None) };
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        line.pop_if(|byte| *byte == b'\r');
    }
    String::from_utf8(line).map(Some).map_err(|error| {
        let shown = String::from_utf8_lossy(error.as_bytes());
        let message = format!("the line of standard input {} is not UTF-8", super::text::quoted(&shown));
        Fault::trap(TrapCode::InvalidText, message)
    })
}

fn read_line(call: &mut HostCall) -> Outcome {
    let line = next_line(call)?;
    call.set_text(Place::Param(0), line.as_deref().unwrap_or(""))?;
    call.return_bool(line.is_some());
    Ok(())
}

fn read_lines(call: &mut HostCall) -> Outcome {
    let mut count = 0;
    while let Some(line) = next_line(call)? {
        call.push_text(Place::Result, &line)?;
        poll_at(call.interrupt(), count)?;
        count += 1;
    }
    Ok(())
}

fn read_file(call: &mut HostCall) -> Outcome {
    let (path, limit) = (call.text(0), call.memory_left());
    let bytes = call.world().read_file(path, limit)?;
    let text = str::from_utf8(&bytes).map_err(|error| {
        let line = memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count() + 1;
        Fault::trap(TrapCode::InvalidText, format!("`{path}` is not UTF-8 text, in line {line}"))
    })?;
    call.return_text(text)
}
