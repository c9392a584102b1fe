//! Hello world from start to exit against Lua 5.4: time on the wall and peak memory.
//!
//! `cargo bench --bench startup`, `-- --runs 500` for more runs (200).

mod common;

use common::{Options, fail, least, median, run, target};
use std::process::Command;

fn main() {
    let options = Options::read(200);
    let folder = std::env::temp_dir().join(format!("tgvm-startup-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap_or_else(|e| fail(&format!("{}: {e}", folder.display())));
    let (tg, lua) = (folder.join("hello.tg"), folder.join("hello.lua"));
    std::fs::write(&tg, "fn main() {\n    print(\"Hello, world\")\n}\n").expect("a temporary file can be written");
    std::fs::write(&lua, "print(\"Hello, world\")\n").expect("a temporary file can be written");

    let (mut ours, mut theirs, mut peak) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.runs {
        let here = run(Command::new(common::TGVM).arg("run").arg(&tg)).unwrap_or_else(|| fail("tgvm does not start"));
        if !here.ok || here.stdout != b"Hello, world\n" {
            fail("hello world failed in tgvm");
        }
        ours.push(here.wall);
        peak.push(here.peak);
        if let Some(there) = run(Command::new("lua5.4").arg(&lua)) {
            theirs.push(there.wall);
        }
    }
    std::fs::remove_dir_all(&folder).ok();

    println!("Hello world, milliseconds on the wall, least / median of {} interleaved runs", options.runs);
    println!("tgvm    {:.2} / {:.2}, peak {:.1} MiB", least(&ours) * 1e3, median(&ours) * 1e3, median(&peak));
    if theirs.is_empty() {
        println!("lua5.4 is not installed: nothing to compare with");
    } else {
        println!("lua5.4  {:.2} / {:.2}", least(&theirs) * 1e3, median(&theirs) * 1e3);
        target("median time against Lua 5.4", median(&ours) / median(&theirs), 1.5);
    }
    target("peak resident memory in MiB", median(&peak), 10.0);
}
