//! Int and Float math, and bits. Whatever is not exactly defined by IEEE 754 comes from `libm`, so that every platform gives
//! the same bits.

use super::Outcome;
use crate::bytecode::builtins::Pattern::{self, Float, Int, N};
use crate::bytecode::trap::TrapCode;
use crate::bytecode::types::TypeId;
use crate::machine::host_call::{HostCall, HostFn};
use crate::machine::trap::Fault;
use crate::machine::value::total_order;

/// A function from one Float to one.
macro_rules! float {
    ($function:expr) => {
        (|call| {
            call.return_float($function(call.float(0)));
            Ok(())
        }) as HostFn
    };
}

/// A function from two Floats to one.
macro_rules! float2 {
    ($function:expr) => {
        (|call| {
            call.return_float($function(call.float(0), call.float(1)));
            Ok(())
        }) as HostFn
    };
}

/// A function from one Int to one that never traps.
macro_rules! int {
    ($function:expr) => {
        (|call| {
            call.return_int($function(call.int(0)));
            Ok(())
        }) as HostFn
    };
}

pub(super) fn find(name: &str, params: &[Pattern]) -> Option<HostFn> {
    Some(match (name, params) {
        ("clamp", [N, N, N]) => clamp,
        ("sign", [Int]) => int!(i64::signum),
        ("sign", [Float]) => float!(|x: f64| if x == 0.0 || x.is_nan() { x } else { x.signum() }),
        ("pow", [Int, Int]) => int_pow,
        ("pow", [Float, Float]) => float2!(libm::pow),
        ("gcd", _) => gcd,
        ("isqrt", _) => isqrt,
        ("div_floor", _) => div_floor,
        ("mod_floor", _) => mod_floor,
        ("cbrt", _) => float!(libm::cbrt),
        ("exp", _) => float!(libm::exp),
        ("exp2", _) => float!(libm::exp2),
        ("ln", _) => float!(libm::log),
        ("log2", _) => float!(libm::log2),
        ("log10", _) => float!(libm::log10),
        ("sin", _) => float!(libm::sin),
        ("cos", _) => float!(libm::cos),
        ("tan", _) => float!(libm::tan),
        ("asin", _) => float!(libm::asin),
        ("acos", _) => float!(libm::acos),
        ("atan", _) => float!(libm::atan),
        ("atan2", _) => float2!(libm::atan2),
        ("sinh", _) => float!(libm::sinh),
        ("cosh", _) => float!(libm::cosh),
        ("tanh", _) => float!(libm::tanh),
        ("hypot", _) => float2!(libm::hypot),
        ("round", _) => float!(f64::round),
        ("trunc", _) => float!(f64::trunc),
        ("is_nan", _) => is_nan,
        ("is_finite", _) => is_finite,
        ("float_bits", _) => float_bits,
        ("bits_float", _) => bits_float,
        ("count_ones", _) => int!(|x: i64| i64::from(x.count_ones())),
        ("leading_zeros", _) => int!(|x: i64| i64::from(x.leading_zeros())),
        ("trailing_zeros", _) => int!(|x: i64| i64::from(x.trailing_zeros())),
        ("rotate_left", _) => |call| rotate(call, i64::rotate_left),
        ("rotate_right", _) => |call| rotate(call, i64::rotate_right),
        ("shift_right_logical", _) => shift_right_logical,
        _ => return None,
    })
}

fn clamp(call: &mut HostCall) -> Outcome {
    if call.of() == TypeId::FLOAT {
        let (x, lo, hi) = (call.float(0), call.float(1), call.float(2));
        if total_order(lo, hi).is_gt() {
            return Err(Fault::trap(TrapCode::InvalidArgument, format!("clamp to at least {lo} and at most {hi}")));
        }
        let raised = if total_order(x, lo).is_lt() { lo } else { x };
        call.return_float(if total_order(raised, hi).is_gt() { hi } else { raised });
    } else {
        let (x, lo, hi) = (call.int(0), call.int(1), call.int(2));
        if lo > hi {
            return Err(Fault::trap(TrapCode::InvalidArgument, format!("clamp to at least {lo} and at most {hi}")));
        }
        call.return_int(x.clamp(lo, hi));
    }
    Ok(())
}

fn int_pow(call: &mut HostCall) -> Outcome {
    let (base, exponent) = (call.int(0), call.int(1));
    if exponent < 0 {
        return Err(Fault::trap(TrapCode::InvalidArgument, format!("pow with the negative exponent {exponent}")));
    }
    let power = match base {
        0 | 1 => Some(if exponent == 0 { 1 } else { base }),
        -1 => Some(if exponent % 2 == 0 { 1 } else { -1 }),
        _ => u32::try_from(exponent).ok().and_then(|exponent| base.checked_pow(exponent)),
    };
    call.return_int(power.ok_or_else(|| Fault::trap(TrapCode::Overflow, format!("pow({base}, {exponent})")))?);
    Ok(())
}

fn gcd(call: &mut HostCall) -> Outcome {
    let (a, b) = (call.int(0), call.int(1));
    let (mut x, mut y) = (a.unsigned_abs(), b.unsigned_abs());
    while y != 0 {
        (x, y) = (y, x % y);
    }
    call.return_int(i64::try_from(x).map_err(|_| Fault::trap(TrapCode::Overflow, format!("gcd({a}, {b})")))?);
    Ok(())
}

fn isqrt(call: &mut HostCall) -> Outcome {
    let n = call.int(0);
    let root = n.checked_isqrt();
    call.return_int(root.ok_or_else(|| Fault::trap(TrapCode::InvalidArgument, format!("isqrt({n})")))?);
    Ok(())
}

fn div_floor(call: &mut HostCall) -> Outcome {
    let (a, b) = (call.int(0), call.int(1));
    let quotient = a.checked_div(b).ok_or_else(|| division_fault("div_floor", a, b))?;
    call.return_int(quotient - i64::from(a % b != 0 && (a < 0) != (b < 0)));
    Ok(())
}

fn mod_floor(call: &mut HostCall) -> Outcome {
    let (a, b) = (call.int(0), call.int(1));
    let rest = a.checked_rem(b).ok_or_else(|| division_fault("mod_floor", a, b))?;
    call.return_int(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest });
    Ok(())
}

fn division_fault(name: &str, a: i64, b: i64) -> Fault {
    let code = if b == 0 { TrapCode::DivisionByZero } else { TrapCode::Overflow };
    Fault::trap(code, format!("{name}({a}, {b})"))
}

fn is_nan(call: &mut HostCall) -> Outcome {
    call.return_bool(call.float(0).is_nan());
    Ok(())
}

fn is_finite(call: &mut HostCall) -> Outcome {
    call.return_bool(call.float(0).is_finite());
    Ok(())
}

fn float_bits(call: &mut HostCall) -> Outcome {
    let x = call.float(0);
    // Which NaN it is depends on how it was computed, so all look the same.
    call.return_int(if x.is_nan() { 0x7ff8_0000_0000_0000 } else { x.to_bits() as i64 });
    Ok(())
}

fn bits_float(call: &mut HostCall) -> Outcome {
    call.return_float(f64::from_bits(call.int(0) as u64));
    Ok(())
}

fn rotate(call: &mut HostCall, by: fn(i64, u32) -> i64) -> Outcome {
    call.return_int(by(call.int(0), call.int(1).rem_euclid(64) as u32));
    Ok(())
}

fn shift_right_logical(call: &mut HostCall) -> Outcome {
    let (x, n) = (call.int(0), call.int(1));
    if !(0..64).contains(&n) {
        return Err(Fault::trap(TrapCode::ShiftAmount, n.to_string()));
    }
    call.return_int((x as u64 >> n) as i64);
    Ok(())
}
