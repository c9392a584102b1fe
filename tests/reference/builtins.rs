//! The built-in functions of section 7 that depend on their arguments only, and printing.

use super::evaluate::{Eval, Evaluator, Leave, Unknown};
use super::value::{Value, display, equal, total_order};
use tgvm::bytecode::builtins::BUILTINS;
use tgvm::bytecode::trap::TrapCode;
use tgvm::bytecode::types::TypeId;

/// Calls a built-in. Parameters that are `inout` hold their values before, and are left with those after.
pub fn call(evaluator: &mut Evaluator, builtin: u16, of: TypeId, args: &mut [Value]) -> Eval<Value> {
    let name = BUILTINS[builtin as usize].name;
    let types = &evaluator.typed.types;
    match (name, &*args) {
        ("print", []) => evaluator.output.push('\n'),
        ("print" | "eprint", [value]) => {
            let line = display(types, of, value) + "\n";
            evaluator.output.push_str(&line);
        }
        ("write" | "ewrite", [value]) => {
            let text = display(types, of, value);
            evaluator.output.push_str(&text);
        }
        ("panic", _) => return Err(TrapCode::Panic.into()),
        ("exit", [code]) => {
            return Err(match u8::try_from(code.int()) {
                Ok(code) => Leave::Exit(code),
                Err(_) => TrapCode::InvalidArgument.into(),
            });
        }
        ("args", []) => return Ok(Value::Array(evaluator.arguments.iter().cloned().map(Value::Str).collect())),
        _ => {
            // The types decide between functions of one name, so whoever knows the arguments takes them.
            for area in [numbers, floats, texts, arrays, random] {
                if let Some(result) = area(name, args)? {
                    return Ok(result);
                }
            }
            return Err(Leave::Unknown(Unknown::Builtin(name)));
        }
    }
    evaluator.charge(1)?;
    Ok(Value::Unit)
}

/// `None`: it is none of these.
type Known = Result<Option<Value>, TrapCode>;

fn numbers(name: &str, args: &mut [Value]) -> Known {
    let ints: Vec<i64> = args.iter().map_while(|arg| if let Value::Int(n) = arg { Some(*n) } else { None }).collect();
    if ints.len() < args.len() {
        return Ok(None);
    }
    let shift = |n: i64| n.rem_euclid(64) as u32;
    Ok(Some(Value::Int(match (name, ints.as_slice()) {
        ("abs", &[n]) => n.checked_abs().ok_or(TrapCode::Overflow)?,
        ("min", &[a, b]) => a.min(b),
        ("max", &[a, b]) => a.max(b),
        ("clamp", &[_, lo, hi]) if lo > hi => return Err(TrapCode::InvalidArgument),
        ("clamp", &[n, lo, hi]) => n.max(lo).min(hi),
        ("sign", &[n]) => n.signum(),
        ("pow", &[_, exponent]) if exponent < 0 => return Err(TrapCode::InvalidArgument),
        ("pow", &[base, exponent]) => {
            // 0, 1 and -1 have all powers; of the others the 64th overflows.
            let exponent = if (-1..=1).contains(&base) && exponent > 64 { 64 + exponent % 2 } else { exponent.min(64) };
            (0..exponent).try_fold(1, |power: i64, _| power.checked_mul(base)).ok_or(TrapCode::Overflow)?
        }
        ("gcd", &[a, b]) => {
            let (mut a, mut b) = (i128::from(a).abs(), i128::from(b).abs());
            while b != 0 {
                (a, b) = (b, a % b);
            }
            i64::try_from(a).map_err(|_| TrapCode::Overflow)?
        }
        ("isqrt", &[n]) if n < 0 => return Err(TrapCode::InvalidArgument),
        ("isqrt", &[n]) => {
            let (mut lo, mut hi) = (0, 3_037_000_500);
            while lo + 1 < hi {
                let middle = (lo + hi) / 2;
                if middle * middle <= n { lo = middle } else { hi = middle }
            }
            lo
        }
        ("div_floor" | "mod_floor", &[_, 0]) => return Err(TrapCode::DivisionByZero),
        ("div_floor" | "mod_floor", &[i64::MIN, -1]) => return Err(TrapCode::Overflow),
        ("div_floor", &[a, b]) => {
            let (a, b) = (i128::from(a), i128::from(b));
            let (a, b) = if b < 0 { (-a, -b) } else { (a, b) };
            a.div_euclid(b) as i64
        }
        ("mod_floor", &[a, b]) => {
            let rest = i128::from(a).rem_euclid(i128::from(b).abs());
            (if b < 0 && rest > 0 { rest + i128::from(b) } else { rest }) as i64
        }
        ("bits_float", &[bits]) => return Ok(Some(Value::Float(f64::from_bits(bits as u64)))),
        ("count_ones", &[n]) => i64::from(n.count_ones()),
        ("leading_zeros", &[n]) => i64::from(n.leading_zeros()),
        ("trailing_zeros", &[n]) => i64::from(n.trailing_zeros()),
        ("rotate_left", &[n, by]) => n.rotate_left(shift(by)),
        ("rotate_right", &[n, by]) => n.rotate_right(shift(by)),
        ("shift_right_logical", &[_, by]) if !(0..64).contains(&by) => return Err(TrapCode::ShiftAmount),
        ("shift_right_logical", &[n, by]) => ((n as u64) >> by) as i64,
        ("random_int", &[seed, counter, lo, hi]) => {
            let mut number = numbered(seed, counter);
            let mut first = true;
            between(lo, hi, || {
                if !std::mem::replace(&mut first, false) {
                    number = mix(number.wrapping_add(GAMMA));
                }
                number
            })?
        }
        ("random_float", &[seed, counter]) => return Ok(Some(Value::Float(unit(numbered(seed, counter))))),
        _ => return Ok(None),
    })))
}

fn floats(name: &str, args: &mut [Value]) -> Known {
    let floats: Vec<f64> =
        args.iter().map_while(|arg| if let Value::Float(x) = arg { Some(*x) } else { None }).collect();
    if floats.len() < args.len() {
        return Ok(None);
    }
    let lesser = |a: f64, b: f64| total_order(&Value::Float(a), &Value::Float(b)).is_lt();
    Ok(Some(Value::Float(match (name, floats.as_slice()) {
        ("abs", &[x]) => x.abs(),
        ("min", &[a, b]) => {
            if lesser(b, a) {
                b
            } else {
                a
            }
        }
        ("max", &[a, b]) => {
            if lesser(a, b) {
                b
            } else {
                a
            }
        }
        ("clamp", &[_, lo, hi]) if lesser(hi, lo) => return Err(TrapCode::InvalidArgument),
        ("clamp", &[x, lo, _]) if lesser(x, lo) => lo,
        ("clamp", &[x, _, hi]) if lesser(hi, x) => hi,
        ("clamp", &[x, ..]) => x,
        ("sign", &[x]) if x > 0.0 => 1.0,
        ("sign", &[x]) if x < 0.0 => -1.0,
        ("sign", &[x]) => x,
        ("pow", &[x, y]) => libm::pow(x, y),
        ("sqrt", &[x]) => x.sqrt(),
        ("cbrt", &[x]) => libm::cbrt(x),
        ("exp", &[x]) => libm::exp(x),
        ("exp2", &[x]) => libm::exp2(x),
        ("ln", &[x]) => libm::log(x),
        ("log2", &[x]) => libm::log2(x),
        ("log10", &[x]) => libm::log10(x),
        ("sin", &[x]) => libm::sin(x),
        ("cos", &[x]) => libm::cos(x),
        ("tan", &[x]) => libm::tan(x),
        ("floor", &[x]) => x.floor(),
        ("ceil", &[x]) => x.ceil(),
        ("round", &[x]) => x.round(),
        ("trunc", &[x]) => x.trunc(),
        ("is_nan", &[x]) => return Ok(Some(Value::Bool(x.is_nan()))),
        ("is_finite", &[x]) => return Ok(Some(Value::Bool(x.is_finite()))),
        ("float_bits", &[x]) => {
            let bits = if x.is_nan() { f64::NAN } else { x }.to_bits();
            return Ok(Some(Value::Int(bits as i64)));
        }
        _ => return Ok(None),
    })))
}

fn texts(name: &str, args: &mut [Value]) -> Known {
    let strs =
        |parts: &mut dyn Iterator<Item = &str>| Value::Array(parts.map(|part| Value::Str(part.into())).collect());
    Ok(Some(match (name, &*args) {
        ("len", [Value::Str(s)]) => Value::Int(s.len() as i64),
        ("is_empty", [Value::Str(s)]) => Value::Bool(s.is_empty()),
        ("contains", [Value::Str(s), Value::Str(part)]) => Value::Bool(s.contains(part.as_str())),
        ("starts_with", [s, part]) => Value::Bool(s.text().starts_with(part.text())),
        ("ends_with", [s, part]) => Value::Bool(s.text().ends_with(part.text())),
        ("find", [Value::Str(s), Value::Str(part)]) => {
            Value::Int(s.find(part.as_str()).map_or(-1, |offset| offset as i64))
        }
        ("replace", [_, old, _]) | ("split", [_, old]) if old.text().is_empty() => {
            return Err(TrapCode::InvalidArgument);
        }
        ("replace", [s, old, new]) => Value::Str(s.text().replace(old.text(), new.text())),
        ("upper", [s]) => Value::Str(s.text().chars().flat_map(char::to_uppercase).collect()),
        ("lower", [s]) => Value::Str(s.text().chars().flat_map(char::to_lowercase).collect()),
        ("trim", [s]) => Value::Str(s.text().trim().into()),
        ("trim_start", [s]) => Value::Str(s.text().trim_start().into()),
        ("trim_end", [s]) => Value::Str(s.text().trim_end().into()),
        ("split", [s, separator]) => strs(&mut s.text().split(separator.text())),
        ("words", [s]) => strs(&mut s.text().split_whitespace()),
        ("lines", [s]) => strs(&mut s.text().lines()),
        ("chars", [s]) => Value::Array(s.text().chars().map(|c| Value::Str(c.to_string())).collect()),
        ("bytes", [s]) => Value::Array(s.text().bytes().map(|b| Value::Int(i64::from(b))).collect()),
        ("codepoints", [s]) => Value::Array(s.text().chars().map(|c| Value::Int(i64::from(u32::from(c)))).collect()),
        ("from_bytes", [bytes]) => {
            let bytes: Result<Vec<u8>, _> = bytes.elements().iter().map(|b| u8::try_from(b.int())).collect();
            let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
            Value::Str(text.ok_or(TrapCode::InvalidText)?)
        }
        ("from_codepoints", [points]) => {
            let c = |point: &Value| u32::try_from(point.int()).ok().and_then(char::from_u32);
            let text: Option<String> = points.elements().iter().map(c).collect();
            Value::Str(text.ok_or(TrapCode::InvalidText)?)
        }
        ("repeat", [s, n]) => {
            Value::Str(s.text().repeat(usize::try_from(n.int()).map_err(|_| TrapCode::InvalidArgument)?))
        }
        ("join", [parts, separator]) => {
            let parts: Vec<&str> = parts.elements().iter().map(Value::text).collect();
            Value::Str(parts.join(separator.text()))
        }
        ("parse_int", [s]) => Value::Int(s.text().trim().parse().map_err(|_| TrapCode::NotANumber)?),
        ("parse_float", [s]) => Value::Float(s.text().trim().parse().map_err(|_| TrapCode::NotANumber)?),
        ("is_int", [s]) => Value::Bool(s.text().trim().parse::<i64>().is_ok()),
        ("is_float", [s]) => Value::Bool(s.text().trim().parse::<f64>().is_ok()),
        _ => return Ok(None),
    }))
}

fn index(at: &Value, end: usize) -> Result<usize, TrapCode> {
    usize::try_from(at.int()).ok().filter(|&at| at < end).ok_or(TrapCode::IndexOutOfBounds)
}

fn count(n: &Value) -> Result<usize, TrapCode> {
    usize::try_from(n.int()).map_err(|_| TrapCode::InvalidArgument)
}

fn arrays(name: &str, args: &mut [Value]) -> Known {
    Ok(Some(match (name, args) {
        ("min", [a, b]) => if total_order(b, a).is_lt() { b } else { a }.clone(),
        ("max", [a, b]) => if total_order(b, a).is_gt() { b } else { a }.clone(),
        ("len", [xs]) => Value::Int(xs.elements().len() as i64),
        ("rows", [Value::Grid { rows, .. }]) => Value::Int(*rows as i64),
        ("cols", [Value::Grid { cols, .. }]) => Value::Int(*cols as i64),
        ("is_empty", [xs]) => Value::Bool(xs.elements().is_empty()),
        ("push", [xs, x]) => {
            xs.array_mut().push(x.clone());
            Value::Unit
        }
        ("pop", [xs]) => xs.array_mut().pop().ok_or(TrapCode::Empty)?,
        ("insert", [xs, at, x]) => {
            let at = index(at, xs.elements().len() + 1)?;
            xs.array_mut().insert(at, x.clone());
            Value::Unit
        }
        ("remove", [xs, at]) => {
            let at = index(at, xs.elements().len())?;
            xs.array_mut().remove(at)
        }
        ("clear", [xs]) => {
            xs.array_mut().clear();
            Value::Unit
        }
        ("truncate", [xs, n]) => {
            xs.array_mut().truncate(count(n)?);
            Value::Unit
        }
        ("resize", [xs, n, fill]) => {
            xs.array_mut().resize(count(n)?, fill.clone());
            Value::Unit
        }
        ("append", [xs, more]) => {
            xs.array_mut().extend_from_slice(more.elements());
            Value::Unit
        }
        ("swap", [xs, i, j]) => {
            let (i, j) = (index(i, xs.elements().len())?, index(j, xs.elements().len())?);
            xs.array_mut().swap(i, j);
            Value::Unit
        }
        ("fill", [Value::Array(elements) | Value::Grid { cells: elements, .. }, x]) => {
            elements.fill(x.clone());
            Value::Unit
        }
        ("reverse", [xs]) => {
            xs.array_mut().reverse();
            Value::Unit
        }
        ("sort", [xs]) => {
            xs.array_mut().sort_by(total_order);
            Value::Unit
        }
        ("sorted", [xs]) => {
            let mut sorted = xs.elements().to_vec();
            sorted.sort_by(total_order);
            Value::Array(sorted)
        }
        ("reversed", [xs]) => Value::Array(xs.elements().iter().rev().cloned().collect()),
        ("concat", [a, b]) => Value::Array([a.elements(), b.elements()].concat()),
        ("contains", [xs, x]) => Value::Bool(xs.elements().iter().any(|y| equal(x, y))),
        ("find", [xs, x]) => Value::Int(xs.elements().iter().position(|y| equal(x, y)).map_or(-1, |at| at as i64)),
        _ => return Ok(None),
    }))
}

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(z: u64) -> u64 {
    let z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}

/// The number of that seed and counter.
fn numbered(seed: i64, counter: i64) -> u64 {
    mix(mix(seed as u64).wrapping_add((counter as u64).wrapping_add(1).wrapping_mul(GAMMA)))
}

fn between(lo: i64, hi: i64, mut next: impl FnMut() -> u64) -> Result<i64, TrapCode> {
    let n = u128::try_from(i128::from(hi) - i128::from(lo)).ok().filter(|&n| n > 0).ok_or(TrapCode::InvalidArgument)?;
    loop {
        let product = u128::from(next()) * n;
        if u128::from(product as u64) >= (1 << 64) % n {
            return Ok((i128::from(lo) + (product >> 64) as i128) as i64);
        }
    }
}

fn unit(number: u64) -> f64 {
    (number >> 11) as f64 / (1u64 << 53) as f64
}

fn random(name: &str, args: &mut [Value]) -> Known {
    let next = |rng: &mut Value| {
        let Value::Struct(fields) = rng else { panic!("{rng:?} is no Rng") };
        let state = (fields[0].int() as u64).wrapping_add(GAMMA);
        fields[0] = Value::Int(state as i64);
        mix(state)
    };
    Ok(Some(match (name, args) {
        ("next_int", [rng, lo, hi]) => Value::Int(between(lo.int(), hi.int(), || next(rng))?),
        ("next_float", [rng]) => Value::Float(unit(next(rng))),
        ("shuffle", [xs, rng]) => {
            let xs = xs.array_mut();
            for i in (1..xs.len()).rev() {
                let j = between(0, i as i64 + 1, || next(rng))?;
                xs.swap(i, j as usize);
            }
            Value::Unit
        }
        _ => return Ok(None),
    }))
}
