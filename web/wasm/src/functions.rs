//! Functions of scripts: which there are, and how a call of one gets to its thread's script and back. `web/src/functions.js` is the
//! other side.
//!
//! A call writes its arguments into a *frame*, an array of words: first [`RESULT`] words for the result, then for each parameter a
//! scalar's bits, or where a text or an array lies and how long it is, or where a grid lies, its rows, its columns and the elements from
//! one row to the next. The script reads them there, puts what `inout` scalars and texts are afterwards in their place, and the result,
//! or why there is none, into the first words. Memory that it needs for that is from `tgvm_allocate`, and is taken over here.
//!
//! Every thread has its own instance of a script's module. It finds out what a function's number stands for when it first calls it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::c_void;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::json;
use smallvec::SmallVec;
use tgvm::embed::{
    Arg, Bound, Dynamic, Element, Flag, Functions, GridView, GridViewMut, Kind, Module, Output, Resource, Scalar,
    Signature, Value,
};
use tgvm::syntax::diagnostic::Diagnostic;

use crate::requests::{Response, respond};

#[link(wasm_import_module = "tgvm")]
unsafe extern "C" {
    /// Calls the function of that number, which may print to `output`: 0 if it gave what is declared, 1 if there is a text instead that
    /// says why it did not, 2 if there is none.
    ///
    /// # Safety
    /// The frame is one of that function's.
    fn call_function(number: u32, frame: *mut u64, output: *mut c_void) -> u32;
}

/// Words of a frame that come before the arguments.
const RESULT: usize = 4;
/// Words of a frame that takes no memory.
const FEW: usize = 20;

/// What a module says of one of its functions.
#[derive(Deserialize, Clone)]
pub struct Declared {
    name: String,
    /// How many parameters it has at least.
    params: usize,
    /// Whether something is said of what it does besides computing; then it does nothing else.
    said: bool,
    prints: bool,
    reads: Vec<String>,
    writes: Vec<String>,
}

/// A function of a script: of the module of that number.
#[derive(Clone)]
struct Script {
    module: u32,
    declared: Declared,
}

#[derive(Default)]
struct State {
    /// By name.
    scripts: BTreeMap<String, Script>,
    resources: BTreeMap<String, Resource>,
    table: Arc<Functions<'static>>,
    /// What has been declared of functions; where it is in there is its number.
    bound: Vec<serde_json::Value>,
    numbers: HashMap<String, u32>,
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(Mutex::default);

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those that there are.
pub fn table() -> Arc<Functions<'static>> {
    state().table.clone()
}

/// Adds those of a module, in place of others of their names.
pub fn provide(module: u32, all: Vec<Declared>) {
    let mut state = state();
    let state = &mut *state;
    for declared in all {
        state.scripts.insert(declared.name.clone(), Script { module, declared });
    }
    let mut table = Functions::new();
    for (name, script) in &state.scripts {
        let declared = &script.declared;
        let mut entry = table.add_dynamic(name, script.clone());
        for (names, writes) in [(&declared.reads, false), (&declared.writes, true)] {
            for name in names {
                let resource = state.resources.entry(name.clone()).or_insert_with(|| Resource::new(name.as_str()));
                entry = if writes { entry.writes(resource) } else { entry.reads(resource) };
            }
        }
        if declared.said && declared.reads.is_empty() && declared.writes.is_empty() {
            entry.pure();
        }
    }
    state.table = Arc::new(table);
}

/// A module linked with the functions that it declares.
///
/// # Errors
/// Those that there are not, or not so.
pub fn link(module: Module) -> Result<Module, Vec<Diagnostic>> {
    if module.program().functions.iter().any(|function| function.is_extern()) {
        module.link(&table()).map_err(|mistakes| mistakes.diagnostics)
    } else {
        Ok(module)
    }
}

/// What a number stands for, as JSON: the module, the function's name, and what is declared of it.
#[unsafe(no_mangle)]
pub extern "C" fn tgvm_function(number: u32) -> *mut Response {
    respond(state().bound[number as usize].to_string().into_bytes())
}

/// Prints for the function that `output` was made for: a text that [`text`] takes over.
///
/// # Safety
/// The call of the function has not ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tgvm_print(output: *mut c_void, is_error: u32, at: usize, length: usize) {
    // SAFETY: the caller's.
    let (output, text) = unsafe { (&mut *output.cast::<Output>(), text(at as u64, length as u64)) };
    if is_error == 0 {
        output.write(&text);
    } else {
        output.write_error(&text);
    }
}

impl Dynamic for Script {
    fn prints(&self) -> bool {
        self.declared.prints
    }

    fn bind(&self, signature: &Signature) -> Result<Bound, String> {
        let Declared { name, params, prints, .. } = &self.declared;
        let most = signature.params.len() + usize::from(*prints);
        if *params > most {
            return Err(format!("the script's `{name}` takes {params} arguments, and gets {most}"));
        }
        let number = self.number(signature);
        let result = signature.result;
        // SAFETY: the frame is one of the function that was given this number.
        Ok(Box::new(move |args, output| unsafe { call(number, result, args, output) }))
    }
}

impl Script {
    /// The number of the function with that signature.
    fn number(&self, signature: &Signature) -> u32 {
        let name = &self.declared.name;
        let mut state = state();
        let state = &mut *state;
        *state.numbers.entry(format!("{} {name}{signature}", self.module)).or_insert_with(|| {
            let params: Vec<String> = signature.params.iter().map(ToString::to_string).collect();
            let result = signature.result.map(|kind| kind.to_string());
            state.bound.push(json!({ "module": self.module, "name": name, "params": params, "result": result }));
            state.bound.len() as u32 - 1
        })
    }
}

/// The words of an argument.
fn write(arg: &mut Arg<'_>, frame: &mut SmallVec<[u64; FEW]>) {
    fn lies<T>(frame: &mut SmallVec<[u64; FEW]>, at: *const T, length: usize) {
        frame.extend([at.expose_provenance() as u64, length as u64]);
    }
    fn grid<T: Element>(frame: &mut SmallVec<[u64; FEW]>, view: &GridView<'_, T>) {
        let row = |row| if row < view.rows() { view.row(row).as_ptr().expose_provenance() } else { 0 };
        rows(frame, row, view.rows(), view.cols());
    }
    fn grid_mut<T: Element>(frame: &mut SmallVec<[u64; FEW]>, view: &mut GridViewMut<'_, T>) {
        let (all, cols) = (view.rows(), view.cols());
        let row = |row| if row < all { view.row_mut(row).as_mut_ptr().expose_provenance() } else { 0 };
        rows(frame, row, all, cols);
    }
    fn rows(frame: &mut SmallVec<[u64; FEW]>, mut row: impl FnMut(usize) -> usize, rows: usize, cols: usize) {
        let first = row(0);
        let pitch = if rows > 1 { (row(1) - first) / size_of::<u64>() } else { cols };
        frame.extend([first as u64, rows as u64, cols as u64, pitch as u64]);
    }
    match arg {
        Arg::Int(x) => frame.push(*x as u64),
        Arg::Float(x) => frame.push(x.to_bits()),
        Arg::Bool(x) => frame.push(u64::from(*x)),
        Arg::IntMut(x) => frame.push(**x as u64),
        Arg::FloatMut(x) => frame.push(x.to_bits()),
        Arg::BoolMut(x) => frame.push(u64::from(**x)),
        Arg::Str(x) => lies(frame, x.as_ptr(), x.len()),
        Arg::StrMut(x) => lies(frame, x.as_ptr(), x.len()),
        Arg::Ints(x) => lies(frame, x.as_ptr(), x.len()),
        Arg::Floats(x) => lies(frame, x.as_ptr(), x.len()),
        Arg::Bools(x) => lies(frame, x.as_ptr(), x.len()),
        Arg::IntsMut(x) => lies(frame, x.as_mut_ptr(), x.len()),
        Arg::FloatsMut(x) => lies(frame, x.as_mut_ptr(), x.len()),
        Arg::BoolsMut(x) => lies(frame, x.as_mut_ptr(), x.len()),
        Arg::IntGrid(x) => grid(frame, x),
        Arg::FloatGrid(x) => grid(frame, x),
        Arg::BoolGrid(x) => grid(frame, x),
        Arg::IntGridMut(x) => grid_mut(frame, x),
        Arg::FloatGridMut(x) => grid_mut(frame, x),
        Arg::BoolGridMut(x) => grid_mut(frame, x),
    }
}

/// Takes back what the script has put into the words of an argument, and gives the others.
///
/// # Safety
/// They are a frame's, after a call that went well.
unsafe fn read<'f>(arg: &mut Arg<'_>, words: &'f [u64]) -> &'f [u64] {
    // A script may have written any bits.
    let normal = |flags: &mut [Flag]| flags.iter_mut().for_each(|flag| flag.set(flag.get()));
    let width = match arg {
        Arg::Int(_) | Arg::Float(_) | Arg::Bool(_) => 1,
        Arg::IntMut(x) => {
            **x = words[0] as i64;
            1
        }
        Arg::FloatMut(x) => {
            **x = f64::from_bits(words[0]);
            1
        }
        Arg::BoolMut(x) => {
            **x = words[0] != 0;
            1
        }
        Arg::StrMut(x) => {
            // SAFETY: the caller's.
            **x = unsafe { text(words[0], words[1]) };
            2
        }
        Arg::BoolsMut(x) => {
            normal(x);
            2
        }
        Arg::Str(_) | Arg::Ints(_) | Arg::Floats(_) | Arg::Bools(_) | Arg::IntsMut(_) | Arg::FloatsMut(_) => 2,
        Arg::BoolGridMut(x) => {
            (0..x.rows()).for_each(|row| normal(x.row_mut(row)));
            4
        }
        Arg::IntGrid(_) | Arg::FloatGrid(_) | Arg::BoolGrid(_) | Arg::IntGridMut(_) | Arg::FloatGridMut(_) => 4,
    };
    &words[width..]
}

/// Calls the function of that number.
///
/// # Safety
/// It was bound to the signature that these arguments and this result have.
unsafe fn call(number: u32, kind: Option<Kind>, args: &mut [Arg<'_>], output: &mut Output) -> Result<Value, String> {
    let mut frame = SmallVec::<[u64; FEW]>::new();
    frame.extend_from_slice(&[0; RESULT]);
    args.iter_mut().for_each(|arg| write(arg, &mut frame));
    // SAFETY: the caller's. What the script does with what it is lent is the host's to answer for, as with all of its functions.
    let status = unsafe { call_function(number, frame.as_mut_ptr(), (&raw mut *output).cast()) };
    match status {
        0 => {}
        // SAFETY: there is one then.
        1 => return Err(unsafe { text(frame[0], frame[1]) }),
        _ => return Err("it failed, and there was no memory to say why".to_owned()),
    }
    let (given, mut words) = frame.split_at(RESULT);
    for arg in args {
        // SAFETY: it went well.
        words = unsafe { read(arg, words) };
    }
    // SAFETY: as above.
    Ok(kind.map_or(Value::Unit, |kind| unsafe { result(kind, given) }))
}

/// The result in the first words of a frame.
///
/// # Safety
/// The script has put one of that kind there.
unsafe fn result(kind: Kind, words: &[u64]) -> Value {
    // SAFETY: the caller's.
    let elements = |of: Scalar| unsafe {
        match of {
            Scalar::Int => Value::Ints(taken_over(words[0], words[1])),
            Scalar::Float => Value::Floats(taken_over(words[0], words[1])),
            Scalar::Bool => {
                let flags: Vec<u8> = taken_over(words[0], words[1]);
                Value::Array(flags.into_iter().map(|flag| Value::Bool(flag != 0)).collect())
            }
        }
    };
    match kind {
        Kind::Scalar(Scalar::Int) => Value::Int(words[0] as i64),
        Kind::Scalar(Scalar::Float) => Value::Float(f64::from_bits(words[0])),
        Kind::Scalar(Scalar::Bool) => Value::Bool(words[0] != 0),
        // SAFETY: the caller's.
        Kind::Str => Value::Str(unsafe { text(words[0], words[1]) }),
        Kind::Array(of) => elements(of),
        Kind::Grid(of) => Value::Grid(words[2] as usize, words[3] as usize, Box::new(elements(of))),
    }
}

/// A text that the script has written.
///
/// # Safety
/// As for [`taken_over`].
unsafe fn text(at: u64, length: u64) -> String {
    // SAFETY: the caller's.
    let bytes = unsafe { taken_over(at, length) };
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Takes over so many values that the script has written.
///
/// # Safety
/// They lie in memory that `tgvm_allocate` has given for them; nowhere, if there are none.
unsafe fn taken_over<T>(at: u64, length: u64) -> Vec<T> {
    let length = length as usize;
    if length == 0 {
        return Vec::new();
    }
    // SAFETY: the caller's: a vector is allocated just so.
    unsafe { Vec::from_raw_parts(std::ptr::with_exposed_provenance_mut(at as usize), length, length) }
}
