//! Paths into values, with their indices evaluated: reading, writing, and whether two of them overlap.

use super::value::Value;
use tgvm::bytecode::trap::TrapCode;

/// A step of a path.
#[derive(Clone, Copy, Debug)]
pub enum Atom {
    Field(usize),
    Index(i64),
    Index2(i64, i64),
    Slice(i64, i64),
    Slice2(Dimension, Dimension),
}

/// What a slice takes of one dimension of a grid.
#[derive(Clone, Copy, Debug)]
pub enum Dimension {
    At(i64),
    Range(i64, i64),
}

fn index(at: i64, length: usize) -> Result<usize, TrapCode> {
    usize::try_from(at).ok().filter(|&at| at < length).ok_or(TrapCode::IndexOutOfBounds)
}

fn range(lo: i64, hi: i64, length: usize) -> Result<std::ops::Range<usize>, TrapCode> {
    if 0 <= lo && lo <= hi && hi <= length as i64 {
        Ok(lo as usize..hi as usize)
    } else {
        Err(TrapCode::SliceOutOfBounds)
    }
}

impl Dimension {
    fn indices(self, length: usize) -> Result<std::ops::Range<usize>, TrapCode> {
        match self {
            Dimension::At(at) => index(at, length).map(|at| at..at + 1),
            Dimension::Range(lo, hi) => range(lo, hi, length),
        }
    }
}

/// The length that an open range of dimension `dimension` ends at.
pub fn length(value: &Value, dimension: usize) -> i64 {
    let length = match value {
        Value::Str(text) => text.len(),
        Value::Array(elements) => elements.len(),
        Value::Grid { rows, .. } if dimension == 0 => *rows,
        Value::Grid { cols, .. } => *cols,
        other => panic!("{other:?} has no length"),
    };
    length as i64
}

/// What one step leads to, copied.
pub fn step(value: &Value, atom: Atom) -> Result<Value, TrapCode> {
    Ok(match (value, atom) {
        (Value::Struct(fields), Atom::Field(field)) => fields[field].clone(),
        (Value::Str(text), Atom::Index(at)) => Value::Int(i64::from(text.as_bytes()[index(at, text.len())?])),
        (Value::Str(text), Atom::Slice(lo, hi)) => {
            let range = range(lo, hi, text.len())?;
            Value::Str(text.get(range).ok_or(TrapCode::SplitCharacter)?.into())
        }
        (Value::Array(elements), Atom::Index(at)) => elements[index(at, elements.len())?].clone(),
        (Value::Array(elements), Atom::Slice(lo, hi)) => Value::Array(elements[range(lo, hi, elements.len())?].into()),
        (Value::Grid { rows, cols, cells }, Atom::Index2(row, col)) => {
            let row = index(row, *rows)?;
            cells[row * cols + index(col, *cols)?].clone()
        }
        (Value::Grid { rows, cols, cells }, Atom::Slice2(of_rows, of_cols)) => {
            let row_range = of_rows.indices(*rows)?;
            let col_range = of_cols.indices(*cols)?;
            let parts: Vec<Value> = row_range
                .clone()
                .flat_map(|row| col_range.clone().map(move |col| cells[row * cols + col].clone()))
                .collect();
            match of_rows {
                Dimension::At(_) => Value::Array(parts),
                Dimension::Range(..) => Value::Grid { rows: row_range.len(), cols: col_range.len(), cells: parts },
            }
        }
        (value, atom) => panic!("{atom:?} of {value:?}"),
    })
}

/// What a path leads to, copied.
pub fn read(value: &Value, path: &[Atom]) -> Result<Value, TrapCode> {
    path.iter().try_fold(value.clone(), |value, &atom| step(&value, atom))
}

/// Writes what a path leads to. A slice takes only what has its length, or shape.
pub fn write(value: &mut Value, path: &[Atom], new: Value) -> Result<(), TrapCode> {
    let Some((&first, rest)) = path.split_first() else {
        *value = new;
        return Ok(());
    };
    let mut part = step(value, first)?;
    write(&mut part, rest, new)?;
    match (value, first) {
        (Value::Struct(fields), Atom::Field(field)) => fields[field] = part,
        (Value::Array(elements), Atom::Index(at)) => elements[at as usize] = part,
        (Value::Grid { cols, cells, .. }, Atom::Index2(row, col)) => cells[row as usize * *cols + col as usize] = part,
        (Value::Array(elements), Atom::Slice(lo, hi)) => {
            let part = part.elements();
            if part.len() as i64 != hi - lo {
                return Err(TrapCode::LengthMismatch);
            }
            elements[lo as usize..hi as usize].clone_from_slice(part);
        }
        (Value::Grid { rows, cols, cells }, Atom::Slice2(of_rows, of_cols)) => {
            let (row_range, col_range) = (of_rows.indices(*rows)?, of_cols.indices(*cols)?);
            let fits = match &part {
                Value::Grid { rows, cols, .. } => (*rows, *cols) == (row_range.len(), col_range.len()),
                part => part.elements().len() == col_range.len(),
            };
            if !fits {
                return Err(TrapCode::LengthMismatch);
            }
            let mut parts = part.elements().iter();
            for row in row_range {
                for col in col_range.clone() {
                    cells[row * *cols + col] = parts.next().expect("the shapes are equal").clone();
                }
            }
        }
        (value, atom) => panic!("{atom:?} of {value:?}"),
    }
    Ok(())
}

/// What a path covers, one part after the other: a field, or the indices of one dimension.
#[derive(Clone, Copy, Debug)]
enum Part {
    Field(usize),
    Indices(i64, i64),
}

fn parts(path: &[Atom]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    // The dimensions, by index into `parts`, that the next index counts in.
    let mut open: Vec<usize> = Vec::new();
    for &atom in path {
        let one = |at: i64| (at, at.saturating_add(1));
        let (ranges, stays): (Vec<(i64, i64)>, Vec<bool>) = match atom {
            Atom::Field(field) => {
                parts.push(Part::Field(field));
                open.clear();
                continue;
            }
            Atom::Index(at) => (vec![one(at)], vec![false]),
            Atom::Index2(row, col) => (vec![one(row), one(col)], vec![false, false]),
            Atom::Slice(lo, hi) => (vec![(lo, hi)], vec![true]),
            Atom::Slice2(rows, cols) => {
                let range = |dimension| match dimension {
                    Dimension::At(at) => one(at),
                    Dimension::Range(lo, hi) => (lo, hi),
                };
                // A row is an array; a column is a grid.
                (vec![range(rows), range(cols)], vec![matches!(rows, Dimension::Range(..)), true])
            }
        };
        if open.is_empty() {
            open = (parts.len()..parts.len() + ranges.len()).collect();
            parts.extend(ranges.iter().map(|&(lo, hi)| Part::Indices(lo, hi)));
        } else {
            for (&at, (lo, hi)) in open.iter().zip(ranges) {
                let Part::Indices(start, _) = parts[at] else { panic!("an index of a field") };
                parts[at] = Part::Indices(start + lo, start + hi);
            }
        }
        open = open.into_iter().zip(stays).filter(|&(_, stays)| stays).map(|(at, _)| at).collect();
    }
    parts
}

/// Whether two paths from one variable, both within bounds, have something in common.
pub fn overlap(a: &[Atom], b: &[Atom]) -> bool {
    let (a, b) = (parts(a), parts(b));
    let empty = |part: &Part| matches!(part, Part::Indices(lo, hi) if lo >= hi);
    if a.iter().chain(&b).any(empty) {
        return false;
    }
    a.iter().zip(&b).all(|(a, b)| match (*a, *b) {
        (Part::Field(a), Part::Field(b)) => a == b,
        (Part::Indices(lo, hi), Part::Indices(from, to)) => lo < to && from < hi,
        _ => panic!("a field of an array"),
    })
}
