//! The dependency graph of a run, in the language of Graphviz.
//!
//! A node for each entry, and for each instruction of a frame itself that needed one; an edge for each dependency, with what
//! carries it; frames inside entries as clusters. Past [`MOST`] nodes, one node stands for all that one line of a function has
//! issued.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

use crate::bytecode::program::Program;
use crate::machine::record::{Carrier, EntryId, Issued, Kind, Need, Record, What};

/// Past so many nodes they are drawn by source line.
pub const MOST: usize = 1000;

/// The graph of a run of `program`; `None` if the record was cut.
pub fn dot(record: &Record, program: &Program) -> Option<String> {
    if record.is_cut() {
        return None;
    }
    let graph = Graph::of(record, program);
    Some(if graph.nodes.len() > MOST { graph.by_line() } else { graph.whole() })
}

struct Frame {
    function: u32,
    parent: EntryId,
    entries: Vec<usize>,
    children: Vec<u32>,
}

struct Graph<'r> {
    program: &'r Program,
    /// Where lines begin in the source.
    lines: Vec<u32>,
    /// Each, and whether the frame itself ran it.
    nodes: Vec<(&'r Issued, bool)>,
    frames: BTreeMap<u32, Frame>,
}

impl<'r> Graph<'r> {
    fn of(record: &'r Record, program: &'r Program) -> Graph<'r> {
        let mut frames = BTreeMap::new();
        let mut nodes: Vec<(&Issued, bool)> = Vec::new();
        for event in &record.events {
            match &event.what {
                What::Promoted { frame, function, parent } => {
                    let (function, parent) = (*function, *parent);
                    frames.insert(*frame, Frame { function, parent, entries: Vec::new(), children: Vec::new() });
                    if let Some(around) = frames.get_mut(&parent.frame) {
                        around.children.push(*frame);
                    }
                }
                What::Issued(issued) => nodes.push((issued, false)),
                What::Ran(ran) => nodes.push((ran, true)),
                _ => {}
            }
        }
        for (at, (issued, _)) in nodes.iter().enumerate() {
            if let Some(frame) = frames.get_mut(&issued.entry.frame) {
                frame.entries.push(at);
            }
        }
        let ends = program.source.bytes().zip(1..).filter(|&(byte, _)| byte == b'\n').map(|(_, after)| after);
        Graph { program, lines: std::iter::once(0).chain(ends).collect(), nodes, frames }
    }

    fn function(&self, index: u32) -> &str {
        self.program.functions.get(index as usize).map_or("?", |function| &function.name)
    }

    fn line(&self, issued: &Issued) -> usize {
        let start = self.program.sites.get(issued.site as usize).map_or(0, |site| site.start);
        self.lines.partition_point(|&line| line <= start)
    }

    fn name(&self, issued: &Issued) -> &str {
        match issued.kind {
            Kind::Call(function) => self.function(function),
            Kind::Operation(op) => op.info().name,
        }
    }

    fn whole(&self) -> String {
        let mut out = self.head();
        if !self.frames.is_empty() {
            let _ = writeln!(out, "  {} [label={}];", node(EntryId::ROOT), quoted(self.function(self.program.main)));
        }
        for (&number, frame) in &self.frames {
            if !self.frames.contains_key(&frame.parent.frame) {
                self.cluster(&mut out, number);
            }
        }
        for frame in self.frames.values() {
            if let Some(&first) = frame.entries.first() {
                let (from, to) = (node(frame.parent), node(self.nodes[first].0.entry));
                let _ = writeln!(out, "  {from} -> {to} [style=dotted, arrowhead=none];");
            }
        }
        for (issued, _) in &self.nodes {
            for need in &issued.needs {
                let from = node(EntryId { number: need.on, ..issued.entry });
                let _ = writeln!(out, "  {from} -> {} [label={}];", node(issued.entry), quoted(&label(need)));
            }
        }
        out.push_str("}\n");
        out
    }

    fn head(&self) -> String {
        format!(
            "digraph {} {{\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n",
            quoted(&self.program.source_name)
        )
    }

    /// A frame and those inside it. They may be nested deeply, but a thousand nodes have no more than a thousand frames.
    fn cluster(&self, out: &mut String, number: u32) {
        let frame = &self.frames[&number];
        let _ = writeln!(out, "  subgraph cluster_{number} {{ label={};", quoted(self.function(frame.function)));
        for &at in &frame.entries {
            let (issued, own) = self.nodes[at];
            let text = format!("{}\nline {}", self.name(issued), self.line(issued));
            let shape = if own { ", shape=plaintext" } else { "" };
            let _ = writeln!(out, "    {} [label={}{shape}];", node(issued.entry), quoted(&text));
        }
        for &child in &frame.children {
            self.cluster(out, child);
        }
        out.push_str("  }\n");
    }

    /// One node for each line and what it issues.
    fn by_line(&self) -> String {
        let mut out = self.head();
        let _ = writeln!(out, "  // {} nodes, drawn by source line", self.nodes.len());
        // Function, line, name, run by the frame itself.
        type Key<'a> = (u32, usize, &'a str, bool);
        let mut groups: BTreeMap<Key<'_>, (usize, usize)> = BTreeMap::new();
        let mut group_of: HashMap<EntryId, usize> = HashMap::new();
        for &(issued, own) in &self.nodes {
            let function = self.frames.get(&issued.entry.frame).map_or(self.program.main, |frame| frame.function);
            let next = groups.len();
            let group = groups.entry((function, self.line(issued), self.name(issued), own)).or_insert((next, 0));
            group.1 += 1;
            group_of.insert(issued.entry, group.0);
        }
        let functions: BTreeSet<u32> = groups.keys().map(|key| key.0).collect();
        for function in functions {
            let _ = writeln!(out, "  subgraph cluster_{function} {{ label={};", quoted(self.function(function)));
            for (&(_, line, name, own), (number, count)) in
                groups.range((function, 0, "", false)..(function + 1, 0, "", false))
            {
                let text = format!("{name}\nline {line}\n× {count}");
                let shape = if own { ", shape=plaintext" } else { "" };
                let _ = writeln!(out, "    g{number} [label={}{shape}];", quoted(&text));
            }
            out.push_str("  }\n");
        }
        let mut edges: BTreeMap<(usize, usize, &str, &str), usize> = BTreeMap::new();
        for (issued, _) in &self.nodes {
            for need in &issued.needs {
                let Some(&from) = group_of.get(&EntryId { number: need.on, ..issued.entry }) else { continue };
                let carrier = match &need.carrier {
                    Carrier::Register(_) => "register",
                    Carrier::Region(region) => region.sort(),
                };
                *edges.entry((from, group_of[&issued.entry], carrier, need.order.name())).or_insert(0) += 1;
            }
        }
        for ((from, to, carrier, order), count) in edges {
            let text = format!("{carrier} {order} × {count}");
            let _ = writeln!(out, "  g{from} -> g{to} [label={}];", quoted(&text));
        }
        out.push_str("}\n");
        out
    }
}

fn node(entry: EntryId) -> String {
    format!("n{}_{}", entry.frame, entry.number)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn label(need: &Need) -> String {
    let order = need.order.name();
    let region = match need.carrier {
        Carrier::Register(register) => return format!("register r{register} {order}"),
        Carrier::Region(region) => region,
    };
    let stride = u64::from(region.stride);
    let (from, to) = (region.cols.0 / stride, region.cols.1.div_ceil(stride));
    let sort = region.sort();
    let row = if region.rows.0 > 0 { format!("{}, ", region.rows.0) } else { String::new() };
    match sort {
        "effect" | "whole" => format!("{sort} {order}"),
        "tile" => format!("tile [{}..{}, {from}..{to}] {order}", region.rows.0, region.rows.1),
        "field" => format!("field {} of [{row}{from}] {order}", region.cols.0 % stride),
        "element" => format!("element [{row}{from}] {order}"),
        _ => format!("slice [{row}{from}..{to}] {order}"),
    }
}
