//! Printing, and ending the program.

use super::Outcome;
use super::format::Digits;
use crate::bytecode::builtins::Pattern;
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::TypeId;
use crate::machine::host_call::{HostCall, HostFn, Stream};
use crate::machine::trap::Fault;

pub(super) fn find(name: &str, params: &[Pattern]) -> Option<HostFn> {
    Some(match (name, params) {
        ("print", [_]) => |call| {
            print(call, Stream::Out)?;
            call.world().write(Stream::Out, b"\n")
        },
        ("print", []) => |call| call.world().write(Stream::Out, b"\n"),
        ("write", _) => |call| print(call, Stream::Out),
        ("eprint", _) => |call| {
            print(call, Stream::Error)?;
            call.world().write(Stream::Error, b"\n")
        },
        ("ewrite", _) => |call| print(call, Stream::Error),
        ("panic", _) => |call| Err(Fault::trap(TrapCode::Panic, call.text(0))),
        ("__assert_failed", _) => |call| Err(Fault::trap(TrapCode::AssertionFailed, call.text(0))),
        ("__index2_failed", _) => |call| {
            let [row, col, rows, cols] = [0, 1, 2, 3].map(|at| call.int(at));
            let values = format!("index {row}, {col}, in {rows} rows and {cols} columns");
            Err(Fault::trap(TrapCode::IndexOutOfBounds, values))
        },
        ("exit", _) => exit,
        _ => return None,
    })
}

fn print(call: &mut HostCall, stream: Stream) -> Outcome {
    if call.of() == TypeId::INT {
        let digits = Digits::of(call.int(0));
        return call.world().write(stream, digits.text().as_bytes());
    }
    call.print(stream, call.value(0))
}

fn exit(call: &mut HostCall) -> Outcome {
    let code = call.int(0);
    Err(match u8::try_from(code) {
        Ok(code) => Fault::Exit(code),
        Err(_) => Fault::trap(TrapCode::InvalidArgument, format!("exit({code}): a code is 0 to 255")),
    })
}
