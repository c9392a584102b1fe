//! Data of the host that its functions read and write, part by part: a world with its components, a framebuffer.
//!
//! A part is a resource with its data. A function of the host says which parts it takes, and is lent just these: the machine lets calls run side
//! by side that take different parts, or only read the same ones, and all others in the order of the program.
//!
//! Invariant: a part's data is reached under its lock alone. The machine has seen to it that calls of one submission do not meet there, and
//! the engine that those of different submissions do not, so that is free, unless the host itself has the part.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::function::Resource;

/// A part of the host's data, by name. A clone is the same part.
///
/// ```
/// # use tgvm::embed::{Engine, Functions, Module, Part};
/// let position = Part::new("position", vec![0.0, 1.0]);
/// let velocity = Part::new("velocity", vec![1.0, 2.0]);
/// let mut functions = Functions::new();
/// functions.add_with("accelerate", velocity.writes(), |velocity: &mut Vec<f64>, more: f64| {
///     velocity.iter_mut().for_each(|v| *v += more);
/// });
/// functions.add_with(
///     "move_on",
///     (position.writes(), velocity.reads()),
///     |(position, velocity): (&mut Vec<f64>, &Vec<f64>), time: f64| {
///         position.iter_mut().zip(velocity).for_each(|(x, v)| *x += v * time);
///     },
/// );
/// let module = Module::library("game.tg", "
///     extern task accelerate(more: Float)
///     extern task move_on(time: Float)
///
///     fn frame() {
///         accelerate(0.5)
///         move_on(2.0)
///     }")?;
/// let engine = Engine::new()?;
/// engine.submit::<()>(&module.link(&functions)?, "frame", ())?.wait()?;
/// assert_eq!(*position.read(), [3.0, 6.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Part<T> {
    resource: Resource,
    data: Arc<RwLock<T>>,
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Part<T> {
        Part { resource: self.resource.clone(), data: self.data.clone() }
    }
}

impl<T> Part<T> {
    /// A new one; messages call it `name`.
    pub fn new(name: impl Into<Arc<str>>, data: T) -> Part<T> {
        Part { resource: Resource::new(name), data: Arc::new(RwLock::new(data)) }
    }

    /// The resource, for functions that use the part without taking it.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// For a function that reads it.
    pub fn reads(&self) -> Reads<T> {
        Reads(self.clone())
    }

    /// For a function that writes it.
    pub fn writes(&self) -> Writes<T> {
        Writes(self.clone())
    }

    /// The data, to be read by the host itself. Calls that write it wait meanwhile, with their workers: who holds it does not wait for
    /// a submission.
    pub fn read(&self) -> impl Deref<Target = T> + '_ {
        self.lock_to_read()
    }

    /// The data, to be written by the host itself. Calls that use it wait meanwhile, as above.
    pub fn write(&self) -> impl DerefMut<Target = T> + '_ {
        self.lock_to_write()
    }

    /// What a panic has left half written is indeterminate, as after any trap.
    fn lock_to_read(&self) -> RwLockReadGuard<'_, T> {
        self.data.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_to_write(&self) -> RwLockWriteGuard<'_, T> {
        self.data.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A part that a function reads: see [`Part::reads`].
#[derive(Debug)]
pub struct Reads<T>(Part<T>);

/// A part that a function writes: see [`Part::writes`].
#[derive(Debug)]
pub struct Writes<T>(Part<T>);

/// Parts that a function takes: one, or a tuple of several.
pub trait Parts: Send + Sync {
    /// What a call holds while the function has them.
    type Held<'h>
    where
        Self: 'h;
    /// What the function has.
    type Lent<'c>;

    /// Takes them, for a call.
    fn hold(&self) -> Self::Held<'_>;

    /// Lends them to the function.
    fn lend<'c>(held: &'c mut Self::Held<'_>) -> Self::Lent<'c>;

    /// The resources that they are, and whether they are written.
    fn uses(&self) -> Vec<(Resource, bool)>;
}

impl<T: Send + Sync + 'static> Parts for Reads<T> {
    type Held<'h> = RwLockReadGuard<'h, T>;
    type Lent<'c> = &'c T;

    fn hold(&self) -> RwLockReadGuard<'_, T> {
        self.0.lock_to_read()
    }

    fn lend<'c>(held: &'c mut RwLockReadGuard<'_, T>) -> &'c T {
        held
    }

    fn uses(&self) -> Vec<(Resource, bool)> {
        vec![(self.0.resource.clone(), false)]
    }
}

impl<T: Send + Sync + 'static> Parts for Writes<T> {
    type Held<'h> = RwLockWriteGuard<'h, T>;
    type Lent<'c> = &'c mut T;

    fn hold(&self) -> RwLockWriteGuard<'_, T> {
        self.0.lock_to_write()
    }

    fn lend<'c>(held: &'c mut RwLockWriteGuard<'_, T>) -> &'c mut T {
        held
    }

    fn uses(&self) -> Vec<(Resource, bool)> {
        vec![(self.0.resource.clone(), true)]
    }
}

macro_rules! tuples {
    ($($($name:ident $at:tt)*;)*) => {$(
        impl<$($name: Parts),*> Parts for ($($name,)*) {
            type Held<'h> = ($($name::Held<'h>,)*) where Self: 'h;
            type Lent<'c> = ($($name::Lent<'c>,)*);

            fn hold(&self) -> Self::Held<'_> {
                ($(self.$at.hold(),)*)
            }

            fn lend<'c>(held: &'c mut Self::Held<'_>) -> Self::Lent<'c> {
                ($($name::lend(&mut held.$at),)*)
            }

            fn uses(&self) -> Vec<(Resource, bool)> {
                [$(self.$at.uses()),*].concat()
            }
        }
    )*};
}

tuples! {
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
}
