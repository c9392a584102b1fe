//! Which Rust functions can be functions of the host: those of up to eight parameters that are [`Param`]s, with a result that is a
//! [`Return`]; and such that take something more before them: a [`Completer`], or parts of the host's data. A call of one is monomorphic
//! from the shim on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::completer::Completer;
use super::crossing::{Give, Kind, Param, Pass, Return, Slot};
use super::region::Parts;
use crate::machine::answer::Wait;
use crate::machine::extern_call::ExternCall;
use crate::machine::trap::Fault;

/// A function of the host: see [`Functions::add`](super::Functions::add). `M` tells those of different types apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can not be a function of the host",
    note = "it is `Send`, `Sync` and `Fn`, takes up to eight parameters, and takes and gives what the documentation of `Functions::add` lists"
)]
pub trait Callable<M>: Call<M> {}
impl<M, F: Call<M>> Callable<M> for F {}

/// What is behind it.
pub trait Call<M>: Send + Sync {
    /// The parameters that a declaration has.
    fn params() -> Vec<Slot>;
    /// The result that it has.
    fn result() -> Option<Kind>;
    /// Whether it may print.
    fn prints() -> bool;

    /// Calls it.
    ///
    /// # Safety
    /// The call is one of a function that has these parameters and this result.
    unsafe fn call(&self, call: &mut ExternCall<'_, '_>) -> Result<(), Fault>;
}

/// A function that takes parts of the host's data first.
pub struct WithParts<P, F> {
    pub(super) parts: P,
    pub(super) function: F,
}

/// Tells functions that take a completer from others.
pub struct Later;

/// What a declaration has, from the parameters and the result.
macro_rules! declared {
    ($result:ty, [$($name:ident)*]) => {
        fn params() -> Vec<Slot> {
            let slots: &[Option<Slot>] = &[$(<$name as Pass>::SLOT),*];
            slots.iter().copied().flatten().collect()
        }

        fn result() -> Option<Kind> {
            <$result as Give>::KIND
        }

        fn prints() -> bool {
            let slots: &[Option<Slot>] = &[$(<$name as Pass>::SLOT),*];
            slots.contains(&None)
        }
    };
}

/// Takes up the arguments of `$call`, whose result is a `$result`; calls `$function` with `$first` and them, through `$enter`, which has the
/// types that arguments are lent in; puts back what it has written. What it gave.
macro_rules! called {
    ($call:ident: $result:ty, $enter:expr, $function:expr, [$($first:expr)?], [$($name:ident)*]) => {{
        let mut at = usize::from(<$result as Give>::KIND.is_some());
        $(
            // SAFETY: the caller's: the registers of a result come first, then those of each parameter.
            let mut $name = (unsafe { <$name as Pass>::load($call, at) }, at);
            at += <$name as Pass>::WIDTH;
        )*
        // SAFETY: they were taken up just now, and a call's arguments meet only where they are read.
        let given = catch_unwind(AssertUnwindSafe(|| unsafe {
            $enter($function, $($first,)? $(<$name as Pass>::lend(&mut $name.0)),*)
        }));
        let given = given.map_err(|payload| Fault::panicked(&*payload))?;
        // SAFETY: the caller's.
        $(unsafe { <$name as Pass>::store($name.0, $call, $name.1)? };)*
        given
    }};
}

macro_rules! callables {
    ($($($name:ident)*;)*) => {$(
        impl<F, Out, $($name),*> Call<fn($($name),*) -> Out> for F
        where
            F: Send + Sync,
            Out: Return,
            $($name: Param,)*
            // The first finds out the types of the parameters, the second that they may live as short as a call.
            for<'c> &'c F: Fn($($name),*) -> Out + Fn($(<$name as Pass>::Lent<'c>),*) -> Out,
        {
            declared! { Out, [$($name)*] }

            #[inline(always)]
            #[allow(non_snake_case, unused_mut, unused_variables, unused_assignments, unused_unsafe)]
            unsafe fn call(&self, call: &mut ExternCall<'_, '_>) -> Result<(), Fault> {
                #[allow(clippy::too_many_arguments)]
                fn enter<Out, $($name),*>(function: impl Fn($($name),*) -> Out, $($name: $name),*) -> Out {
                    function($($name),*)
                }
                let given = called!(call: Out, enter::<Out, $(<$name as Pass>::Lent<'_>),*>, self, [], [$($name)*]);
                // SAFETY: the caller's.
                unsafe { given.give(call) }
            }
        }

        impl<F, Out, $($name),*> Call<(Later, fn(Completer<Out>, $($name),*))> for F
        where
            F: Send + Sync,
            Out: Return + Send + 'static,
            $($name: Param,)*
            for<'c> &'c F: Fn(Completer<Out>, $($name),*) + Fn(Completer<Out>, $(<$name as Pass>::Lent<'c>),*),
        {
            declared! { Out, [$($name)*] }

            #[allow(non_snake_case, unused_mut, unused_variables, unused_assignments, unused_unsafe)]
            unsafe fn call(&self, call: &mut ExternCall<'_, '_>) -> Result<(), Fault> {
                #[allow(clippy::too_many_arguments)]
                fn enter<Out: Return + Send + 'static, $($name),*>(
                    function: impl Fn(Completer<Out>, $($name),*),
                    completer: Completer<Out>,
                    $($name: $name),*
                ) {
                    function(completer, $($name),*)
                }
                if let Some(give) = call.answered() {
                    return give(call);
                }
                let wait = Arc::new(Wait::default());
                let completer = Completer::new(wait.clone());
                called!(call: Out, enter::<Out, $(<$name as Pass>::Lent<'_>),*>, self, [completer], [$($name)*]);
                call.wait_for(wait)?(call)
            }
        }

        impl<P, F, First, Out, $($name),*> Call<fn(First, $($name),*) -> Out> for WithParts<P, F>
        where
            P: Parts,
            F: Send + Sync,
            Out: Return,
            $($name: Param,)*
            for<'c> &'c F: Fn(First, $($name),*) -> Out + Fn(P::Lent<'c>, $(<$name as Pass>::Lent<'c>),*) -> Out,
        {
            declared! { Out, [$($name)*] }

            #[allow(non_snake_case, unused_mut, unused_variables, unused_assignments, unused_unsafe)]
            unsafe fn call(&self, call: &mut ExternCall<'_, '_>) -> Result<(), Fault> {
                #[allow(clippy::too_many_arguments)]
                fn enter<First, Out, $($name),*>(
                    function: impl Fn(First, $($name),*) -> Out,
                    first: First,
                    $($name: $name),*
                ) -> Out {
                    function(first, $($name),*)
                }
                let mut held = self.parts.hold();
                let given = called!(
                    call: Out,
                    enter::<P::Lent<'_>, Out, $(<$name as Pass>::Lent<'_>),*>,
                    &self.function,
                    [P::lend(&mut held)],
                    [$($name)*]
                );
                drop(held);
                // SAFETY: the caller's.
                unsafe { given.give(call) }
            }
        }
    )*};
}

callables! {
    ;
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E G;
    A B C D E G H;
    A B C D E G H I;
}
