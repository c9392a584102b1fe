//! Values of a host as arguments and results of programs.

use crate::machine::transfer::TransferError;
pub use crate::machine::transfer::Value;

/// What can be an argument.
///
/// Int is `i64`, Float `f64`, Bool `bool`, Str text, `[T]` a vector of what is a T, `Grid[T]` a [`Grid`], a struct a [`Struct`] of its
/// fields, or a type of yours for which you implement this:
///
/// ```
/// # use tgvm::embed::{Engine, FromValue, IntoValue, Module, Struct, TransferError, Value};
/// struct Body { name: String, at: (f64, f64) }
///
/// impl IntoValue for Body {
///     fn into_value(self) -> Value {
///         Struct((self.name, Struct(self.at))).into_value()
///     }
/// }
///
/// impl FromValue for Body {
///     fn from_value(value: Value) -> Result<Body, TransferError> {
///         let Struct((name, Struct(at))) = FromValue::from_value(value)?;
///         Ok(Body { name, at })
///     }
/// }
///
/// let module = Module::library("bodies.tg", "
///     struct Point { x: Float, y: Float }
///     struct Body { name: Str, at: Point }
///
///     fn lift(inout bodies: [Body], up: Float) {
///         for i in 0..bodies.len() { bodies[i].at.y += up }
///     }")?;
/// let engine = Engine::new()?;
/// let bodies = vec![Body { name: "ball".to_owned(), at: (1.0, 2.0) }];
/// let bodies = engine.submit::<Vec<Body>>(&module, "lift", (bodies, 0.5))?.wait()?;
/// assert_eq!((bodies[0].name.as_str(), bodies[0].at), ("ball", (1.0, 2.5)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can not be an argument of a program",
    note = "implement `IntoValue` for it; numbers are `i64` and `f64`"
)]
pub trait IntoValue: Sized {
    /// The value.
    fn into_value(self) -> Value;
    /// An array of such values.
    fn into_array(values: Vec<Self>) -> Value {
        Value::Array(values.into_iter().map(Self::into_value).collect())
    }
}

/// What can be a result: the way back of [`IntoValue`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` can not be the result of a program",
    note = "implement `FromValue` for it; numbers are `i64` and `f64`"
)]
pub trait FromValue: Sized {
    /// The value, if it is one of that type.
    ///
    /// # Errors
    /// It is of another type.
    fn from_value(value: Value) -> Result<Self, TransferError>;
    /// The elements of an array of such values.
    ///
    /// # Errors
    /// As above.
    fn from_array(value: Value) -> Result<Vec<Self>, TransferError> {
        match value {
            Value::Ints(ints) => ints.into_iter().map(|int| Self::from_value(Value::Int(int))).collect(),
            Value::Floats(floats) => floats.into_iter().map(|float| Self::from_value(Value::Float(float))).collect(),
            Value::Array(values) => values.into_iter().map(Self::from_value).collect(),
            _ => Err(TransferError::Type("an array".to_owned())),
        }
    }
}

/// A grid: its elements row by row.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Grid<T> {
    /// How many rows.
    pub rows: usize,
    /// How many columns.
    pub cols: usize,
    /// `rows * cols` of them.
    pub cells: Vec<T>,
}

/// A struct of a program: a tuple of its fields, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Struct<T>(pub T);

fn wrong<T>(wanted: &str) -> Result<T, TransferError> {
    Err(TransferError::Type(wanted.to_owned()))
}

macro_rules! scalar {
    ($type:ty, $variant:ident, $name:literal) => {
        impl IntoValue for $type {
            fn into_value(self) -> Value {
                Value::$variant(self)
            }
        }
        impl FromValue for $type {
            fn from_value(value: Value) -> Result<$type, TransferError> {
                match value {
                    Value::$variant(value) => Ok(value),
                    _ => wrong($name),
                }
            }
        }
    };
    // With arrays of its own.
    ($type:ty, $variant:ident, $name:literal, $array:ident) => {
        impl IntoValue for $type {
            fn into_value(self) -> Value {
                Value::$variant(self)
            }
            fn into_array(values: Vec<$type>) -> Value {
                Value::$array(values)
            }
        }
        impl FromValue for $type {
            fn from_value(value: Value) -> Result<$type, TransferError> {
                match value {
                    Value::$variant(value) => Ok(value),
                    _ => wrong($name),
                }
            }
            fn from_array(value: Value) -> Result<Vec<$type>, TransferError> {
                match value {
                    Value::$array(values) => Ok(values),
                    Value::Array(values) if values.is_empty() => Ok(Vec::new()),
                    _ => wrong(concat!("[", $name, "]")),
                }
            }
        }
    };
}

scalar!(i64, Int, "Int", Ints);
scalar!(f64, Float, "Float", Floats);
scalar!(bool, Bool, "Bool");
scalar!(String, Str, "Str");

impl IntoValue for &str {
    fn into_value(self) -> Value {
        Value::Str(self.to_owned())
    }
}

impl IntoValue for Value {
    fn into_value(self) -> Value {
        self
    }
}

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Value, TransferError> {
        Ok(value)
    }
}

impl<T: IntoValue> IntoValue for Vec<T> {
    fn into_value(self) -> Value {
        T::into_array(self)
    }
}

impl<T: IntoValue + Clone> IntoValue for &[T] {
    fn into_value(self) -> Value {
        T::into_array(self.to_vec())
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value) -> Result<Vec<T>, TransferError> {
        T::from_array(value)
    }
}

impl<T: IntoValue> IntoValue for Grid<T> {
    fn into_value(self) -> Value {
        Value::Grid(self.rows, self.cols, Box::new(T::into_array(self.cells)))
    }
}

impl<T: FromValue> FromValue for Grid<T> {
    fn from_value(value: Value) -> Result<Grid<T>, TransferError> {
        match value {
            Value::Grid(rows, cols, cells) => Ok(Grid { rows, cols, cells: T::from_array(*cells)? }),
            _ => wrong("a grid"),
        }
    }
}

/// The arguments of a call: a tuple of them, an array or vector of [`Value`]s, or `()`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can not be the arguments of a call",
    note = "arguments are a tuple, `(x,)` if there is one"
)]
pub trait IntoArgs {
    /// Passes each value on, in order.
    fn pass(self, to: &mut dyn FnMut(Value));
}

impl IntoArgs for Vec<Value> {
    fn pass(self, to: &mut dyn FnMut(Value)) {
        self.into_iter().for_each(to);
    }
}

impl<const N: usize> IntoArgs for [Value; N] {
    fn pass(self, to: &mut dyn FnMut(Value)) {
        self.into_iter().for_each(to);
    }
}

/// What comes back from a call: its result, if it has one, and then what is in each `inout` parameter. `()` if that is nothing, the
/// value itself if it is one, a tuple if there are several, [`Values`] however many.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can not come back from a call",
    note = "that is `()`, one value, or a tuple of the result and what is in each `inout` parameter"
)]
pub trait FromAnswer: Sized {
    /// The values, if they are of these types.
    ///
    /// # Errors
    /// They are others.
    fn from_answer(values: Vec<Value>) -> Result<Self, TransferError>;
}

/// However many values.
#[derive(Clone, PartialEq, Debug)]
pub struct Values(pub Vec<Value>);

impl FromAnswer for Values {
    fn from_answer(values: Vec<Value>) -> Result<Values, TransferError> {
        Ok(Values(values))
    }
}

impl<T: FromValue> FromAnswer for T {
    fn from_answer(values: Vec<Value>) -> Result<T, TransferError> {
        match <[Value; 1]>::try_from(values) {
            Ok([value]) => T::from_value(value),
            Err(values) => Err(TransferError::Count(1, values.len())),
        }
    }
}

macro_rules! tuples {
    ($($count:literal: $($name:ident)*;)*) => {$(
        impl<$($name: IntoValue),*> IntoValue for Struct<($($name,)*)> {
            #[allow(non_snake_case)]
            fn into_value(self) -> Value {
                let ($($name,)*) = self.0;
                Value::Struct(vec![$($name.into_value()),*])
            }
        }
        impl<$($name: FromValue),*> FromValue for Struct<($($name,)*)> {
            #[allow(non_snake_case)]
            fn from_value(value: Value) -> Result<Self, TransferError> {
                let Value::Struct(fields) = value else { return wrong("a struct") };
                match <[Value; $count]>::try_from(fields) {
                    Ok([$($name),*]) => Ok(Struct(($($name::from_value($name)?,)*))),
                    Err(fields) => Err(TransferError::Count($count, fields.len())),
                }
            }
        }
        impl<$($name: IntoValue),*> IntoArgs for ($($name,)*) {
            #[allow(non_snake_case, unused_variables)]
            fn pass(self, to: &mut dyn FnMut(Value)) {
                let ($($name,)*) = self;
                $(to($name.into_value());)*
            }
        }
        impl<$($name: FromValue),*> FromAnswer for ($($name,)*) {
            #[allow(non_snake_case)]
            fn from_answer(values: Vec<Value>) -> Result<($($name,)*), TransferError> {
                match <[Value; $count]>::try_from(values) {
                    Ok([$($name),*]) => Ok(($($name::from_value($name)?,)*)),
                    Err(values) => Err(TransferError::Count($count, values.len())),
                }
            }
        }
    )*};
}

tuples! {
    0: ;
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
}
