//! What several tests share: worlds to run programs in, and how programs are made.
#![allow(dead_code, reason = "each test is a program of its own and uses a part")]

use tgvm::embed::Module;
use tgvm::machine::host_call::{Stream, World};
use tgvm::machine::trap::{Fault, Stop};

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("a Str is UTF-8")
}

/// Tasks that end soon, never, and with a lot of memory.
pub const TASKS: &str = "
task fib(n: Int) -> Int {
    if n < 2 { return n }
    return fib(n - 1) + fib(n - 2)
}
task for_ever(n: Int) -> Int {
    var x = n
    while x != -1 { x = x +% 2 & 1023 }
    return x
}
task grow(inout xs: [Int], n: Int) -> Int {
    for i in 0..n { xs.push(i) }
    return xs.len()
}
";

/// A module of that text.
pub fn library(text: &str) -> Module {
    Module::library("test.tg", text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
}

/// A world with nothing in it, which keeps what is printed; what goes to standard error between `<` and `>`.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Page(pub String);

impl World for Page {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Fault> {
        match stream {
            Stream::Out => self.0.push_str(text(bytes)),
            Stream::Error => self.0 += &format!("<{}>", text(bytes)),
        }
        Ok(())
    }
}

/// A world that keeps what is printed to either stream, has arguments, and reads files; what is written is lost.
pub struct WithArguments {
    pub output: String,
    pub arguments: Vec<String>,
}

impl World for WithArguments {
    fn write(&mut self, _: Stream, bytes: &[u8]) -> Result<(), Fault> {
        self.output.push_str(text(bytes));
        Ok(())
    }
    fn args(&mut self) -> Result<Vec<String>, Fault> {
        Ok(self.arguments.clone())
    }
    fn read_file(&mut self, path: &str, _: u64) -> Result<Vec<u8>, Fault> {
        std::fs::read(path).map_err(|_| Fault::Stop(Stop::Interrupted))
    }
    fn file_exists(&mut self, _: &str) -> Result<bool, Fault> {
        Ok(false)
    }
    fn write_file(&mut self, _: &str, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }
    fn append_file(&mut self, _: &str, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }
    fn clock(&mut self) -> Result<f64, Fault> {
        Ok(0.0)
    }
}
