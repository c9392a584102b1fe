//! Reading what a command works on: a source text or compiled bytecode, told apart by how it begins.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Exit, complain, reason, render, say};
use crate::bytecode::file::is_bytecode;
use crate::bytecode::program::Program;
use crate::embed::{LoadError, Module, compile_source};
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Source;

/// The largest source text or bytecode that is read, in bytes.
const MAX_SIZE: u64 = 1 << 28;

/// What is in a file.
pub enum Input {
    /// A program's text.
    Source(Source),
    /// A compiled program: what messages call the file, and its bytes.
    Bytecode(String, Vec<u8>),
}

/// Why there is no input: what is wrong, and what to do about it.
pub struct Unreadable {
    /// What messages call the file.
    pub name: String,
    /// What is wrong.
    pub message: String,
    /// What to do, each one line.
    pub help: Vec<String>,
}

/// Reads `path`, or standard input for `-`.
pub fn read(path: &Path) -> Result<Input, Unreadable> {
    let (name, bytes) = if path == Path::new("-") {
        ("<stdin>".to_owned(), read_all(std::io::stdin().lock(), 0))
    } else {
        let read = |file: File| read_all(&file, file.metadata().map_or(0, |metadata| metadata.len()));
        (path.display().to_string(), File::open(path).and_then(read))
    };
    let unreadable = |message, help| Unreadable { name: name.clone(), message, help };
    let bytes = bytes.map_err(|error| {
        let mut help = Vec::new();
        let with_extension = path.with_added_extension("tg");
        if error.kind() == std::io::ErrorKind::NotFound && with_extension.is_file() {
            help.push(format!("did you mean `{}`?", with_extension.display()));
        }
        unreadable(format!("can't read `{name}`: {}", reason(&error)), help)
    })?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(unreadable(format!("`{name}` is too large for a program: over {} MiB", MAX_SIZE >> 20), vec![]));
    }
    if is_bytecode(&bytes) {
        return Ok(Input::Bytecode(name, bytes));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Input::Source(Source { name, text })),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            let line = memchr::memchr_iter(b'\n', &bytes[..at]).count() + 1;
            let byte = bytes[at];
            let message = format!("`{name}` is not UTF-8 text: byte 0x{byte:02x} in line {line}, at offset {at}");
            Err(unreadable(message, vec!["save it as UTF-8, or give a program compiled by `tgvm build`".to_owned()]))
        }
    }
}

fn read_all(file: impl Read, size: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(size.min(MAX_SIZE) as usize + 1);
    file.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads, compiles and verifies `path`; where that fails, says why.
pub fn load(path: &Path) -> Result<Module, Exit> {
    load_by(path, Module::from_source, Module::from_bytecode)
}

/// Reads and compiles `path`, to be looked at or written and not to be run; where that fails, says why.
pub fn compile(path: &Path) -> Result<Program, Exit> {
    load_by(path, compile_source, |bytes| Module::from_bytecode(bytes).map(Module::into_program))
}

fn load_by<T>(
    path: &Path,
    compile: fn(&Source) -> Result<T, Vec<Diagnostic>>,
    decode: fn(&[u8]) -> Result<T, LoadError>,
) -> Result<T, Exit> {
    let loaded = match read(path) {
        Ok(Input::Source(source)) => match compile(&source) {
            Ok(compiled) => Ok(compiled),
            Err(diagnostics) => {
                report(&diagnostics, &source);
                return Err(Exit::Unusable);
            }
        },
        Ok(Input::Bytecode(name, bytes)) => decode(&bytes).map_err(|error| unusable(name, &error)),
        Err(unreadable) => Err(unreadable),
    };
    loaded.map_err(|Unreadable { message, help, .. }| {
        complain(&message, &help);
        Exit::Unusable
    })
}

/// The same for a program that is to run here, where there is no host.
pub fn load_to_run(path: &Path) -> Result<Module, Exit> {
    let module = load(path)?;
    let needs = module.needs_host();
    if needs.is_empty() {
        return Ok(module);
    }
    let program = module.program();
    report(&needs, &Source::new(program.source_name.clone(), program.source.clone()));
    Err(Exit::Unusable)
}

/// Reads a program's text; where that fails, says why.
pub fn text(path: &Path) -> Result<String, Exit> {
    let Unreadable { message, help, .. } = match read(path) {
        Ok(Input::Source(source)) => return Ok(source.text),
        Ok(Input::Bytecode(name, _)) => {
            Unreadable { message: format!("`{name}` is compiled; its text is needed here"), help: Vec::new(), name }
        }
        Err(unreadable) => unreadable,
    };
    complain(&message, &help);
    Err(Exit::Unusable)
}

/// Why bytecode is refused, in words.
pub fn unusable(name: String, error: &LoadError) -> Unreadable {
    let message = format!("`{name}` can't be used: {error}");
    Unreadable { name, message, help: vec!["compile it again with `tgvm build`".to_owned()] }
}

/// Shows diagnostics on standard error: the first ones, and how many there are.
pub fn report(diagnostics: &[Diagnostic], source: &Source) {
    let (painter, text) = (super::painter(), render::Text::new(&source.name, &source.text));
    let mut shown = String::new();
    for diagnostic in diagnostics.iter().take(render::MAX_SHOWN) {
        shown += &painter.diagnostic(diagnostic, &text);
        shown.push('\n');
    }
    let left = diagnostics.len().saturating_sub(render::MAX_SHOWN);
    if left > 0 {
        shown += &format!("… and {left} more {}\n", if left == 1 { "error" } else { "errors" });
    } else if let Some(first) = diagnostics.first() {
        shown += &format!("`tgvm help {}` explains this error\n", first.code);
    }
    say(&shown);
}

/// `path` with the extension `tgb`.
pub fn bytecode_path(path: &Path) -> PathBuf {
    path.with_extension("tgb")
}
