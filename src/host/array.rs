//! Functions of arrays and grids, and the comparisons that are no instruction.

use std::cmp::Ordering;

use super::sort::{room, sort_elements};
use super::{Outcome, poll_at};
use crate::bytecode::builtins::Pattern::{self, ArrayT, GridT, T};
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::TypeId;
use crate::machine::host_call::{HostCall, HostFn, Place};
use crate::machine::trap::Fault;
use crate::machine::value::Relation;

pub(super) fn find(name: &str, params: &[Pattern]) -> Option<HostFn> {
    Some(match (name, params) {
        ("is_empty", [ArrayT]) => |call| {
            call.return_bool(call.elements(0).is_empty());
            Ok(())
        },
        ("pop", _) => pop,
        ("insert", _) => insert,
        ("remove", _) => remove,
        ("clear", _) => |call| call.truncate(0, 0),
        ("truncate", _) => |call| {
            let n = length("truncate to", call.int(1))?;
            call.truncate(0, n)
        },
        ("resize", _) => resize,
        ("append", _) => |call| call.append_elements(Place::Param(0), call.elements(1)),
        ("swap", _) => swap,
        ("fill", [ArrayT | GridT, T]) => |call| call.fill(0, 1),
        ("reverse", _) => |call| {
            call.elements_mut(0).reverse();
            Ok(())
        },
        ("sort", _) => sort,
        ("sorted", _) => sorted,
        ("reversed", _) => |call| {
            call.append_elements(Place::Result, call.elements(0))?;
            call.result_mut()?.reverse();
            Ok(())
        },
        ("concat", _) => |call| {
            let (a, b) = (call.elements(0), call.elements(1));
            call.reserve(Place::Result, a.len().saturating_add(b.len()))?;
            call.append_elements(Place::Result, a)?;
            call.append_elements(Place::Result, b)
        },
        ("contains", [ArrayT, T]) => |call| {
            let found = position(call)?.is_some();
            call.return_bool(found);
            Ok(())
        },
        ("find", [ArrayT, T]) => |call| {
            let found = position(call)?;
            call.return_int(found.map_or(-1, |index| index as i64));
            Ok(())
        },
        ("__compare", _) => compare,
        ("__assign", [ArrayT, _]) => assign_array,
        ("__assign", [GridT, _]) => assign_grid,
        _ => return None,
    })
}

/// An Int that is to be a length.
fn length(what: &str, n: i64) -> Result<usize, Fault> {
    usize::try_from(n).map_err(|_| Fault::trap(TrapCode::InvalidArgument, format!("{what} the length {n}")))
}

/// An Int that is to be an index below `end`; `len` is the array's length.
fn index(i: i64, end: usize, len: usize) -> Result<usize, Fault> {
    let index = usize::try_from(i).ok().filter(|&index| index < end);
    index.ok_or_else(|| Fault::trap(TrapCode::IndexOutOfBounds, format!("index {i}, length {len}")))
}

fn pop(call: &mut HostCall) -> Outcome {
    match call.array_len(Place::Param(0)) {
        0 => Err(Fault::trap(TrapCode::Empty, "pop from an empty array")),
        len => call.remove_to_result(0, len - 1),
    }
}

fn insert(call: &mut HostCall) -> Outcome {
    let len = call.array_len(Place::Param(0));
    let at = index(call.int(1), len + 1, len)?;
    call.insert(0, at, 2)
}

fn remove(call: &mut HostCall) -> Outcome {
    let len = call.array_len(Place::Param(0));
    let at = index(call.int(1), len, len)?;
    call.remove_to_result(0, at)
}

fn resize(call: &mut HostCall) -> Outcome {
    let n = length("resize to", call.int(1))?;
    if n <= call.array_len(Place::Param(0)) { call.truncate(0, n) } else { call.extend(0, n, 2) }
}

fn swap(call: &mut HostCall) -> Outcome {
    let (i, j) = (call.int(1), call.int(2));
    let mut elements = call.elements_mut(0);
    let len = elements.len();
    elements.swap(index(i, len, len)?, index(j, len, len)?);
    Ok(())
}

fn sort(call: &mut HostCall) -> Outcome {
    let len = call.elements_mut(0).len();
    call.check_room(room(len))?;
    sort_elements(call.types(), call.of(), call.interrupt(), &mut call.elements_mut(0))
}

fn sorted(call: &mut HostCall) -> Outcome {
    let elements = call.elements(0);
    call.append_elements(Place::Result, elements)?;
    call.check_room(room(elements.len()))?;
    sort_elements(call.types(), call.of(), call.interrupt(), &mut call.result_mut()?)
}

/// The index of the first element that equals parameter 1.
fn position(call: &HostCall) -> Result<Option<usize>, Fault> {
    let (elements, wanted) = (call.elements(0), call.value(1));
    if call.of() == TypeId::INT {
        let wanted = wanted.int();
        for (turn, part) in elements.ints().chunks(1 << 16).enumerate() {
            if let Some(at) = part.iter().position(|&x| x == wanted) {
                return Ok(Some((turn << 16) + at));
            }
            call.poll()?;
        }
        return Ok(None);
    }
    for index in 0..elements.len() {
        if call.compare(elements.get(index), wanted, Relation::Equality)? == Some(Ordering::Equal) {
            return Ok(Some(index));
        }
        poll_at(call.interrupt(), index)?;
    }
    Ok(None)
}

fn compare(call: &mut HostCall) -> Outcome {
    let (a, b) = (call.value(0), call.value(1));
    let holds = match call.int(2) {
        0 => call.compare(a, b, Relation::Equality)? == Some(Ordering::Equal),
        1 => call.compare(a, b, Relation::Equality)? != Some(Ordering::Equal),
        2 => call.compare(a, b, Relation::Partial)? == Some(Ordering::Less),
        3 => call.compare(a, b, Relation::Partial)?.is_some_and(Ordering::is_le),
        4 => call.compare(a, b, Relation::Total)? == Some(Ordering::Less),
        other => return Err(Fault::trap(TrapCode::InvalidArgument, format!("there is no relation {other}"))),
    };
    call.return_bool(holds);
    Ok(())
}

fn assign_array(call: &mut HostCall) -> Outcome {
    let (to, from) = (call.elements_mut(0).len(), call.elements(1).len());
    if to != from {
        return Err(Fault::trap(TrapCode::LengthMismatch, format!("{from} elements assigned to {to}")));
    }
    call.assign(0, 1)
}

fn assign_grid(call: &mut HostCall) -> Outcome {
    let (to, from) = (call.elements_mut(0).shape(), call.elements(1));
    let from = (from.rows(), from.cols());
    if to != from {
        let message = format!("{} by {} elements assigned to {} by {}", from.0, from.1, to.0, to.1);
        return Err(Fault::trap(TrapCode::LengthMismatch, message));
    }
    call.assign(0, 1)
}
