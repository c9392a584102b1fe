//! A program has of the world outside it what its host grants.

use std::fs;
use std::path::Path;

use tgvm::embed::{Engine, Error, Grants, Module, Redirected, StdWorld};

use crate::{engine, library};

const PROGRAM: &str = "
fn read(path: Str) -> Str { return read_file(path) }
fn exists(path: Str) -> Bool { return file_exists(path) }
fn write(path: Str) { write_file(path, \"new\") }
fn append(path: Str) { append_file(path, \"more\") }
fn time() -> Bool { return clock() >= 0.0 }
fn first() -> Str { return args()[0] }
";

/// Which functions may be called, of those that take the path of a file, and of the others.
fn permitted(engine: &Engine, module: &Module, path: &Path, grants: Option<&Grants>) -> Vec<&'static str> {
    let may = |ended: Result<(), Error>| match ended {
        Ok(()) => true,
        Err(Error::Trap(trapped)) if trapped.trap.code.code() == "T0019" => false,
        Err(other) => panic!("{other}"),
    };
    let call = |name| {
        let call = engine.call(module, name);
        let world = |grants: &Grants| {
            let world = StdWorld::new(vec!["an argument".to_owned()], grants.clone());
            Box::new(Redirected { world: Box::new(world), write: |_, _: &[u8]| Ok(()) })
        };
        if let Some(grants) = grants { call.world(world(grants)) } else { call }
    };
    let text = path.to_str().expect("it is text");
    let mut all = Vec::new();
    let mut note = |name, ended| all.extend(may(ended).then_some(name));
    note("read", call("read").submit::<String>((text,)).unwrap().wait().map(|_| ()));
    note("exists", call("exists").submit::<bool>((text,)).unwrap().wait().map(|_| ()));
    note("write", call("write").submit::<()>((text,)).unwrap().wait());
    note("append", call("append").submit::<()>((text,)).unwrap().wait());
    note("time", call("time").submit::<bool>(()).unwrap().wait().map(|_| ()));
    note("first", call("first").submit::<String>(()).unwrap().wait().map(|_| ()));
    all
}

#[test]
fn an_engine_grants_nothing_unless_the_host_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.txt");
    fs::write(&path, "old").unwrap();
    let (engine, module) = (engine(2), library(PROGRAM));
    let permitted = |grants: Option<Grants>| permitted(&engine, &module, &path, grants.as_ref());
    assert_eq!(permitted(None), [""; 0]);
    assert_eq!(permitted(Some(Grants::none())), [""; 0]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(permitted(Some(Grants::none().read(folder.path()).unwrap())), ["read", "exists"]);
    assert_eq!(permitted(Some(Grants::none().with_clock())), ["time"]);
    assert_eq!(permitted(Some(Grants::none().with_environment())), ["first"]);
    assert_eq!(permitted(Some(Grants::none().write(folder.path()).unwrap())), ["write", "append"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "newmore");
    assert_eq!(permitted(Some(Grants::all())), ["read", "exists", "write", "append", "time", "first"]);
}

#[test]
fn a_session_grants_nothing_unless_the_host_does() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file.txt"), "text").unwrap();
    let path = folder.path().join("file.txt");
    let statement = format!("let text = read_file({:?})", path.to_str().expect("it is text"));
    let engine = engine(2);
    let closed = engine.session();
    closed.enter(&statement).unwrap();
    assert!(closed.get::<String>("text").is_err());
    let grants = Grants::none().read(folder.path()).unwrap();
    let worlds = Box::new(move |_| Box::new(StdWorld::new(Vec::new(), grants.clone())) as Box<_>);
    let open = engine.session_with(worlds, None);
    open.enter(&statement).unwrap();
    assert_eq!(open.get::<String>("text"), Ok("text".to_owned()));
}
