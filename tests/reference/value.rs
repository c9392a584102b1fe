//! Values of the reference: plain trees, copied whenever they are used. Comparison and printing follow sections 4 and 6 of the
//! spec, with nothing taken from the machine.

use std::cmp::Ordering;
use tgvm::bytecode::types::{Type, TypeId, TypeTable};
use tgvm::syntax::tree::{Align, Format, Radix};

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    Unit,
    Int(i64),
    Float(f64),
    Bool(bool),
    Str(String),
    Array(Vec<Value>),
    /// Row by row.
    Grid {
        rows: usize,
        cols: usize,
        cells: Vec<Value>,
    },
    /// The fields in order of declaration.
    Struct(Vec<Value>),
}

impl Value {
    pub fn int(&self) -> i64 {
        match self {
            Value::Int(n) => *n,
            other => panic!("{other:?} is no Int"),
        }
    }

    pub fn float(&self) -> f64 {
        match self {
            Value::Float(x) => *x,
            other => panic!("{other:?} is no Float"),
        }
    }

    pub fn bool(&self) -> bool {
        match self {
            Value::Bool(b) => *b,
            other => panic!("{other:?} is no Bool"),
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Value::Str(s) => s,
            other => panic!("{other:?} is no Str"),
        }
    }

    pub fn elements(&self) -> &[Value] {
        match self {
            Value::Array(elements) | Value::Grid { cells: elements, .. } => elements,
            other => panic!("{other:?} has no elements"),
        }
    }

    pub fn array_mut(&mut self) -> &mut Vec<Value> {
        match self {
            Value::Array(elements) => elements,
            other => panic!("{other:?} is no array"),
        }
    }

    /// How many values it is made of: what copying it costs.
    pub fn size(&self) -> u64 {
        match self {
            Value::Array(parts) | Value::Struct(parts) | Value::Grid { cells: parts, .. } => {
                1 + parts.iter().map(Value::size).sum::<u64>()
            }
            Value::Str(text) => 1 + text.len() as u64 / 8,
            _ => 1,
        }
    }
}

/// `==`
pub fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Array(a), Value::Array(b)) | (Value::Struct(a), Value::Struct(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Grid { rows, cols, cells }, Value::Grid { rows: rows2, cols: cols2, cells: cells2 }) => {
            rows == rows2 && cols == cols2 && cells.iter().zip(cells2).all(|(a, b)| equal(a, b))
        }
        _ => total_order(a, b) == Ordering::Equal,
    }
}

/// The order of `<` and `<=`: none if a NaN decides.
pub fn partial_order(a: &Value, b: &Value) -> Option<Ordering> {
    ordering(a, b, &|a, b| a.partial_cmp(&b))
}

/// The order of `min`, `max` and sorting.
pub fn total_order(a: &Value, b: &Value) -> Ordering {
    ordering(a, b, &|a, b| {
        Some(match (a.is_nan(), b.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            // 0.0 == -0.0: there the sign decides.
            _ => a.partial_cmp(&b)?.then(b.is_sign_negative().cmp(&a.is_sign_negative())),
        })
    })
    .expect("the order is total")
}

fn ordering(a: &Value, b: &Value, floats: &dyn Fn(f64, f64) -> Option<Ordering>) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Str(a), Value::Str(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Value::Float(a), Value::Float(b)) => floats(*a, *b),
        (Value::Array(a), Value::Array(b)) | (Value::Struct(a), Value::Struct(b)) => {
            for (a, b) in a.iter().zip(b) {
                match ordering(a, b, floats) {
                    Some(Ordering::Equal) => {}
                    decided => return decided,
                }
            }
            Some(a.len().cmp(&b.len()))
        }
        _ => panic!("{a:?} and {b:?} have no order"),
    }
}

/// As `print` prints it.
pub fn display(types: &TypeTable, ty: TypeId, value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        _ => nested(types, ty, value),
    }
}

/// As it is printed inside of something.
fn nested(types: &TypeTable, ty: TypeId, value: &Value) -> String {
    let list = |element: TypeId, values: &[Value]| {
        let parts: Vec<String> = values.iter().map(|value| nested(types, element, value)).collect();
        format!("[{}]", parts.join(", "))
    };
    match (types.get(ty), value) {
        (_, Value::Int(n)) => n.to_string(),
        (_, Value::Float(x)) => float(*x),
        (_, Value::Bool(b)) => b.to_string(),
        (_, Value::Str(text)) => quoted(text),
        (Type::Array(element), Value::Array(values)) => list(*element, values),
        (Type::Grid(element), Value::Grid { rows, cols, cells }) => {
            let rows: Vec<String> =
                (0..*rows).map(|row| list(*element, &cells[row * cols..(row + 1) * cols])).collect();
            format!("[{}]", rows.join(", "))
        }
        (Type::Struct(index), Value::Struct(values)) => {
            let definition = &types.structs[*index as usize];
            let fields: Vec<String> = definition
                .fields
                .iter()
                .zip(values)
                .map(|((name, ty), value)| format!("{name}: {}", nested(types, *ty, value)))
                .collect();
            format!("{}({})", definition.name, fields.join(", "))
        }
        (ty, value) => panic!("{value:?} is no {ty:?}"),
    }
}

/// A Float in decimal.
pub fn float(x: f64) -> String {
    if x.is_nan() {
        return "nan".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.into();
    }
    // The shortest digits: `d.ddde-7`.
    let scientific = format!("{x:e}");
    let (digits, exponent) = scientific.split_once('e').expect("it has an exponent");
    let exponent: i32 = exponent.parse().expect("it is a number");
    if !(-5..=15).contains(&exponent) {
        return scientific;
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let mut digits: String = digits.chars().filter(|&c| c != '.').collect();
    let point = if exponent < 0 {
        digits.insert_str(0, &"0".repeat(-exponent as usize));
        1
    } else {
        exponent as usize + 1
    };
    while digits.len() <= point {
        digits.push('0');
    }
    format!("{sign}{}.{}", &digits[..point], &digits[point..])
}

/// A Str in quotes, escaped as in source.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '\n' => "\\n".into(),
            '\t' => "\\t".into(),
            '\r' => "\\r".into(),
            '\0' => "\\0".into(),
            '\\' | '"' | '{' | '}' => format!("\\{c}"),
            c if c.is_control() => format!("\\u{{{:X}}}", c as u32),
            c => c.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

/// As it is printed with a format.
pub fn formatted(types: &TypeTable, ty: TypeId, value: &Value, format: &Format) -> String {
    let precision = format.precision.map(usize::from);
    let body = match (value, format.radix) {
        (Value::Int(n), Some(Radix::Hex)) => format!("{n:x}"),
        (Value::Int(n), Some(Radix::Binary)) => format!("{n:b}"),
        (Value::Float(x), _) if !x.is_finite() => float(*x),
        (Value::Float(x), Some(Radix::Exponent)) => match precision {
            Some(precision) => format!("{x:.precision$e}"),
            None => format!("{x:e}"),
        },
        (Value::Float(x), _) => match precision {
            Some(precision) => format!("{x:.precision$}"),
            None => float(*x),
        },
        (Value::Str(text), _) => text.chars().take(precision.unwrap_or(usize::MAX)).collect(),
        _ => display(types, ty, value),
    };
    let number = matches!(value, Value::Int(_) | Value::Float(_));
    let missing = usize::from(format.width.unwrap_or(0)).saturating_sub(body.chars().count());
    let finite = !matches!(value, Value::Float(x) if !x.is_finite());
    if format.zero && number && finite {
        return match body.strip_prefix('-') {
            Some(digits) => format!("-{}{digits}", "0".repeat(missing)),
            None => format!("{}{body}", "0".repeat(missing)),
        };
    }
    let before = match (format.align, number) {
        (Some(Align::Left), _) | (None, false) => 0,
        (Some(Align::Center), _) => missing / 2,
        (Some(Align::Right), _) | (None, true) => missing,
    };
    format!("{}{body}{}", " ".repeat(before), " ".repeat(missing - before))
}
