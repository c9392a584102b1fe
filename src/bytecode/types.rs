//! Types and how their values lie in registers and elements: shared by the checker, the compiler and the machine.
//!
//! A value takes a fixed number of 64-bit *slots*: one for Int, Float, Bool (their bits), Str, `[T]` and
//! `Grid[T]` (a pointer to a counted buffer), and for a struct those of its fields, side by side. The same
//! holds for an array's elements, so `bodies[i].pos` is one load.

use rustc_hash::FxHashMap;

/// A type of a [`TypeTable`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct TypeId(pub u32);

#[allow(missing_docs)]
impl TypeId {
    pub const INT: TypeId = TypeId(0);
    pub const FLOAT: TypeId = TypeId(1);
    pub const BOOL: TypeId = TypeId(2);
    pub const STR: TypeId = TypeId(3);
    /// What a function without `->` gives: no slots.
    pub const UNIT: TypeId = TypeId(4);
    /// What `panic` and `exit` give: fits anywhere, no slots. It never reaches bytecode.
    pub const NEVER: TypeId = TypeId(5);
}

/// The shape of a type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// i64
    Int,
    /// f64
    Float,
    /// 0 or 1
    Bool,
    /// UTF-8 text
    Str,
    /// No value.
    Unit,
    /// No return.
    Never,
    /// `[T]`
    Array(TypeId),
    /// `Grid[T]`
    Grid(TypeId),
    /// Index into [`TypeTable::structs`].
    Struct(u32),
}

/// A struct's definition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StructType {
    /// Its name.
    pub name: String,
    /// Name and type of each field, in order.
    pub fields: Vec<(String, TypeId)>,
}

/// The largest number of slots that one struct may take, so that a slot's number fits into an instruction's X.
pub const MAX_STRUCT_SLOTS: usize = 256;

/// All types of a program, each once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TypeTable {
    types: Vec<Type>,
    index: FxHashMap<Type, TypeId>,
    /// The structs.
    pub structs: Vec<StructType>,
    leaves: Vec<Box<[TypeId]>>,
}

impl Default for TypeTable {
    fn default() -> Self {
        let mut table =
            TypeTable { types: Vec::new(), index: FxHashMap::default(), structs: Vec::new(), leaves: Vec::new() };
        for ty in [Type::Int, Type::Float, Type::Bool, Type::Str, Type::Unit, Type::Never] {
            table.add(ty);
        }
        table
    }
}

impl TypeTable {
    /// The id of `ty`, made if it is new. For a struct, call [`TypeTable::lay_out`] when its fields are known.
    pub fn add(&mut self, ty: Type) -> TypeId {
        if let Some(&id) = self.index.get(&ty) {
            return id;
        }
        let id = TypeId(self.types.len() as u32);
        let leaves: Box<[TypeId]> = match ty {
            Type::Unit | Type::Never | Type::Struct(_) => Box::new([]),
            _ => Box::new([id]),
        };
        self.leaves.push(leaves);
        self.types.push(ty.clone());
        self.index.insert(ty, id);
        id
    }

    /// The array of `element`.
    pub fn array(&mut self, element: TypeId) -> TypeId {
        self.add(Type::Array(element))
    }

    /// The grid of `element`.
    pub fn grid(&mut self, element: TypeId) -> TypeId {
        self.add(Type::Grid(element))
    }

    /// The array of `element`, if the program has it.
    pub fn find(&self, ty: &Type) -> Option<TypeId> {
        self.index.get(ty).copied()
    }

    /// Computes the slots of the struct `ty` from its fields, whose own layouts must be known. `false` if it
    /// would take more than [`MAX_STRUCT_SLOTS`].
    pub fn lay_out(&mut self, ty: TypeId) -> bool {
        let Type::Struct(index) = self.types[ty.0 as usize] else { return true };
        let mut leaves = Vec::new();
        for &(_, field) in &self.structs[index as usize].fields {
            leaves.extend_from_slice(&self.leaves[field.0 as usize]);
            if leaves.len() > MAX_STRUCT_SLOTS {
                return false;
            }
        }
        self.leaves[ty.0 as usize] = leaves.into();
        true
    }

    /// The shape of `ty`.
    pub fn get(&self, ty: TypeId) -> &Type {
        &self.types[ty.0 as usize]
    }

    /// How many types there are.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Never: the basic types are always there.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The types of the slots of `ty`, none of which is a struct.
    pub fn leaves(&self, ty: TypeId) -> &[TypeId] {
        &self.leaves[ty.0 as usize]
    }

    /// How many slots a value of `ty` takes.
    pub fn slots(&self, ty: TypeId) -> usize {
        self.leaves(ty).len()
    }

    /// The first slot and the type of field `field` of struct `ty`.
    pub fn field(&self, ty: TypeId, field: usize) -> (usize, TypeId) {
        let Type::Struct(index) = *self.get(ty) else { panic!("a field of a type that has none") };
        let fields = &self.structs[index as usize].fields;
        (fields[..field].iter().map(|&(_, ty)| self.slots(ty)).sum(), fields[field].1)
    }

    /// The element type of an array or grid.
    pub fn element(&self, ty: TypeId) -> Option<TypeId> {
        match *self.get(ty) {
            Type::Array(element) | Type::Grid(element) => Some(element),
            _ => None,
        }
    }

    /// Str, an array or a grid: its slot points to a counted buffer.
    pub fn is_ref(&self, ty: TypeId) -> bool {
        matches!(self.get(ty), Type::Str | Type::Array(_) | Type::Grid(_))
    }

    /// As it is written in a program.
    pub fn name(&self, ty: TypeId) -> String {
        let (mut open, mut close, mut ty) = (String::new(), String::new(), ty);
        loop {
            let base = match self.get(ty) {
                Type::Int => "Int",
                Type::Float => "Float",
                Type::Bool => "Bool",
                Type::Str => "Str",
                Type::Unit => "no value",
                Type::Never => "never",
                Type::Struct(index) => &self.structs[*index as usize].name,
                Type::Array(element) => {
                    open.push('[');
                    close.push(']');
                    ty = *element;
                    continue;
                }
                Type::Grid(element) => {
                    open.push_str("Grid[");
                    close.push(']');
                    ty = *element;
                    continue;
                }
            };
            return format!("{open}{base}{close}");
        }
    }
}
