//! Values of a script as arguments, and results as values of a script.
//!
//! An Int is its decimal digits in `{ "int": … }`, since JSON has no 64 bits; a Float `{ "float": … }`, in words where it is not
//! finite. A plain number is what the parameter asks for. `{ "ints": n }` and `{ "floats": n }` are arrays whose elements, of 8 bytes,
//! are in the envelope's bytes. A grid is `{ "rows": …, "cols": …, "cells": … }`, a struct the array of its fields in
//! `{ "fields": … }`.

use serde_json::{Value as Json, json};
use tgvm::bytecode::types::{Type, TypeId, TypeTable};
use tgvm::embed::Value;

/// The value that a parameter of type `ty` gets; takes what it needs from the front of `bytes`.
///
/// # Errors
/// In words: the JSON stands for no value, or the bytes are too few. Whether the value is of the type, the machine sees.
pub fn value(json: &Json, ty: TypeId, types: &TypeTable, bytes: &mut &[u8]) -> Result<Value, String> {
    let not_a_value = || format!("it is no value: {json}");
    Ok(match json {
        Json::Bool(value) => Value::Bool(*value),
        Json::String(text) => Value::Str(text.clone()),
        Json::Number(number) => {
            let float = number.as_f64().ok_or_else(not_a_value)?;
            match types.get(ty) {
                Type::Int if float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0 => Value::Int(float as i64),
                _ => Value::Float(float),
            }
        }
        Json::Array(all) => {
            let of = match *types.get(ty) {
                Type::Array(of) | Type::Grid(of) => of,
                _ => ty,
            };
            let elements = all.iter().map(|one| value(one, of, types, bytes)).collect::<Result<Vec<_>, _>>()?;
            typed_array(elements, types.get(of))
        }
        Json::Object(object) => {
            if let Some(digits) = object.get("int").and_then(Json::as_str) {
                Value::Int(digits.parse().map_err(|_| format!("{digits} does not fit into an Int"))?)
            } else if let Some(words) = object.get("float").and_then(Json::as_str) {
                Value::Float(words.parse().map_err(|_| not_a_value())?)
            } else if let Some(count) = object.get("ints").and_then(Json::as_u64) {
                Value::Ints(eights(bytes, count)?.map(i64::from_le_bytes).collect())
            } else if let Some(count) = object.get("floats").and_then(Json::as_u64) {
                Value::Floats(eights(bytes, count)?.map(f64::from_le_bytes).collect())
            } else if let (Some(rows), Some(cols), Some(cells)) = (
                object.get("rows").and_then(Json::as_u64),
                object.get("cols").and_then(Json::as_u64),
                object.get("cells"),
            ) {
                Value::Grid(rows as usize, cols as usize, Box::new(value(cells, ty, types, bytes)?))
            } else if let Some(Json::Array(fields)) = object.get("fields") {
                let Type::Struct(index) = *types.get(ty) else {
                    return Err(format!("a `{}` has no fields", types.name(ty)));
                };
                let types_of = types.structs[index as usize].fields.iter().map(|&(_, ty)| ty);
                // Too many or too few the machine sees.
                let each = fields.iter().zip(types_of.chain(std::iter::repeat(ty)));
                Value::Struct(each.map(|(one, of)| value(one, of, types, bytes)).collect::<Result<_, _>>()?)
            } else {
                return Err(not_a_value());
            }
        }
        Json::Null => return Err(not_a_value()),
    })
}

/// An array that is written out, as the machine wants it.
fn typed_array(elements: Vec<Value>, of: &Type) -> Value {
    let int = |one: &Value| if let Value::Int(int) = one { Some(*int) } else { None };
    let float = |one: &Value| if let Value::Float(float) = one { Some(*float) } else { None };
    match of {
        Type::Int => elements.iter().map(int).collect::<Option<Vec<_>>>().map(Value::Ints),
        Type::Float => elements.iter().map(float).collect::<Option<Vec<_>>>().map(Value::Floats),
        _ => None,
    }
    .unwrap_or(Value::Array(elements))
}

/// The next so many groups of eight bytes.
fn eights<'b>(bytes: &mut &'b [u8], count: u64) -> Result<impl Iterator<Item = [u8; 8]> + use<'b>, String> {
    let length = usize::try_from(count).ok().and_then(|count| count.checked_mul(8));
    let (these, rest) =
        length.and_then(|length| bytes.split_at_checked(length)).ok_or("an array is shorter than it says")?;
    *bytes = rest;
    Ok(these.as_chunks().0.iter().copied())
}

/// The JSON of a value; elements of arrays are added to `bytes`.
pub fn to_json(value: &Value, bytes: &mut Vec<u8>) -> Json {
    match value {
        Value::Unit => Json::Null,
        Value::Int(int) => json!({ "int": int.to_string() }),
        Value::Float(float) if float.is_finite() => json!(float),
        Value::Float(float) => json!({ "float": float.to_string() }),
        Value::Bool(value) => json!(value),
        Value::Str(text) => json!(text),
        Value::Ints(ints) => {
            bytes.extend(ints.iter().flat_map(|int| int.to_le_bytes()));
            json!({ "ints": ints.len() })
        }
        Value::Floats(floats) => {
            bytes.extend(floats.iter().flat_map(|float| float.to_le_bytes()));
            json!({ "floats": floats.len() })
        }
        Value::Array(all) => all.iter().map(|one| to_json(one, bytes)).collect(),
        Value::Grid(rows, cols, cells) => json!({ "rows": rows, "cols": cols, "cells": to_json(cells, bytes) }),
        Value::Struct(fields) => {
            json!({ "fields": fields.iter().map(|one| to_json(one, bytes)).collect::<Vec<_>>() })
        }
    }
}
