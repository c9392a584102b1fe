//! The type table: every id is in range, no type holds itself but through an array or grid, every value takes a slot,
//! and the slots of structs are those of their fields. Called by [`super::verify`]; [`struct_order`] by the file reader.

use crate::bytecode::types::{MAX_STRUCT_SLOTS, StructType, Type, TypeId, TypeTable};

/// Whether values of the type exist: it is in the table, and neither no value nor never.
pub fn is_value(types: &TypeTable, ty: TypeId) -> bool {
    (ty.0 as usize) < types.len() && !matches!(types.get(ty), Type::Unit | Type::Never)
}

fn all(types: &TypeTable) -> impl Iterator<Item = TypeId> {
    (0..types.len() as u32).map(TypeId)
}

/// Proves the table well-formed.
pub fn check(types: &TypeTable) -> Result<(), String> {
    // By the table's making, the basic types stand at their ids and no type occurs twice.
    for id in all(types) {
        if let Type::Array(element) | Type::Grid(element) = *types.get(id)
            && (element >= id || !is_value(types, element))
        {
            return Err(format!("type {}: its elements can't be of type {}", id.0, element.0));
        }
    }
    let mut expected = Vec::new();
    for id in struct_order(types)? {
        expected.clear();
        for &(_, field) in &struct_of(types, id).expect("only structs are listed").fields {
            expected.extend_from_slice(types.leaves(field));
            if expected.len() > MAX_STRUCT_SLOTS {
                return Err(format!("type {}: it takes more than {MAX_STRUCT_SLOTS} slots", id.0));
            }
        }
        if expected.is_empty() {
            return Err(format!("type {}: a struct without fields", id.0));
        }
        if types.leaves(id) != expected {
            return Err(format!("type {}: its layout is not that of its fields", id.0));
        }
    }
    Ok(())
}

fn struct_of(types: &TypeTable, id: TypeId) -> Option<&StructType> {
    match *types.get(id) {
        Type::Struct(index) => types.structs.get(index as usize),
        _ => None,
    }
}

/// The struct types, each after those of its fields.
///
/// # Errors
/// A struct that is not there, a field whose type is not that of a value, a struct that holds itself.
pub fn struct_order(types: &TypeTable) -> Result<Vec<TypeId>, String> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; types.len()];
    let mut order = Vec::new();
    let mut path: Vec<(TypeId, usize)> = Vec::new();
    for root in all(types) {
        if !matches!(types.get(root), Type::Struct(_)) || states[root.0 as usize] != State::New {
            continue;
        }
        path.push((root, 0));
        while let Some((id, next)) = path.last_mut() {
            let id = *id;
            let Some(definition) = struct_of(types, id) else {
                return Err(format!("type {}: there is no such struct", id.0));
            };
            states[id.0 as usize] = State::Open;
            let Some(&(_, field)) = definition.fields.get(*next) else {
                states[id.0 as usize] = State::Done;
                order.push(id);
                path.pop();
                continue;
            };
            *next += 1;
            if !is_value(types, field) {
                return Err(format!("type {}: a field can't be of type {}", id.0, field.0));
            }
            if let Type::Struct(_) = types.get(field) {
                match states[field.0 as usize] {
                    State::New => path.push((field, 0)),
                    State::Open => return Err(format!("type {}: it holds itself", field.0)),
                    State::Done => {}
                }
            }
        }
    }
    Ok(order)
}
