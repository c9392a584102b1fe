//! What is inferred over the whole program: the effects of each function, and which `inout` parameters it may resize.
//!
//! Both are least fixed points over the call graph. A function's effects change at most once for each effect, a
//! parameter's mark once, and each change visits the callers again: linear in the calls.

use super::Checker;
use super::typed::LocalKind;
use crate::syntax::span::Span;

/// A parameter: function, index.
type ParameterId = (u32, u32);

/// What the bodies tell, to be inferred from.
#[derive(Default)]
pub(super) struct Facts {
    /// Callee, caller.
    calls: Vec<(u32, u32)>,
    /// Parameters that a body assigns as a whole or resizes by a built-in.
    resized: Vec<ParameterId>,
    /// A callee's parameter, and the parameter that a caller passes to it as a whole.
    passed: Vec<(ParameterId, ParameterId)>,
    /// A parameter, and a slice that is passed to it.
    slices: Vec<(ParameterId, Span)>,
}

impl Facts {
    /// `caller` calls `callee`.
    pub(super) fn called(&mut self, caller: u32, callee: u32) {
        if self.calls.last() != Some(&(callee, caller)) {
            self.calls.push((callee, caller));
        }
    }

    /// The parameter is assigned as a whole or resized.
    pub(super) fn resized(&mut self, parameter: ParameterId) {
        self.resized.push(parameter);
    }

    /// The parameter `from` is passed, as a whole, to the parameter `to`.
    pub(super) fn passed_on(&mut self, from: ParameterId, to: ParameterId) {
        self.passed.push((to, from));
    }

    /// A slice is passed to the parameter.
    pub(super) fn slice_passed(&mut self, callee: u32, position: u32, span: Span) {
        self.slices.push(((callee, position), span));
    }
}

/// For each node of a graph, where its edges come from.
struct Graph {
    starts: Vec<u32>,
    sources: Vec<u32>,
}

impl Graph {
    /// The graph of `edges` (to, from) between `count` nodes.
    fn new(count: usize, edges: impl Iterator<Item = (u32, u32)> + Clone) -> Graph {
        let mut starts = vec![0; count + 1];
        for (to, _) in edges.clone() {
            starts[to as usize + 1] += 1;
        }
        for node in 0..count {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut sources = vec![0; starts[count] as usize];
        for (to, from) in edges {
            sources[next[to as usize] as usize] = from;
            next[to as usize] += 1;
        }
        Graph { starts, sources }
    }

    fn sources(&self, node: u32) -> &[u32] {
        &self.sources[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }
}

impl Checker<'_> {
    /// Infers effects and resizing, and reports slices that would be resized.
    pub(super) fn infer(&mut self) {
        self.infer_effects();
        self.infer_resizing();
    }

    fn infer_effects(&mut self) {
        let graph = Graph::new(self.checked.len(), self.facts.calls.iter().copied());
        let mut open: Vec<u32> = (0..self.checked.len() as u32).collect();
        while let Some(callee) = open.pop() {
            let effects = self.checked[callee as usize].effects;
            for &caller in graph.sources(callee) {
                let own = &mut self.checked[caller as usize].effects;
                if !own.has(effects) {
                    *own = own.with(effects);
                    open.push(caller);
                }
            }
        }
    }

    fn infer_resizing(&mut self) {
        let mut first = Vec::with_capacity(self.functions.len() + 1);
        let mut count = 0;
        for function in &self.functions {
            first.push(count);
            count += function.params.len() as u32;
        }
        let node = |(function, index): ParameterId| first[function as usize] + index;
        let graph = Graph::new(count as usize, self.facts.passed.iter().map(|&(to, from)| (node(to), node(from))));
        let mut resizes = vec![false; count as usize];
        let mut open: Vec<u32> = self.facts.resized.iter().map(|&parameter| node(parameter)).collect();
        while let Some(parameter) = open.pop() {
            if !std::mem::replace(&mut resizes[parameter as usize], true) {
                open.extend(graph.sources(parameter));
            }
        }
        for (index, function) in self.checked.iter_mut().enumerate() {
            let params = function.params;
            for (position, local) in function.locals[..params].iter_mut().enumerate() {
                if let LocalKind::Inout { resizes: mark } = &mut local.kind {
                    *mark = resizes[first[index] as usize + position];
                }
            }
        }
        for (parameter, span) in std::mem::take(&mut self.facts.slices) {
            if resizes[node(parameter) as usize] {
                let callee = self.text(self.functions[parameter.0 as usize].item.name.symbol);
                self.report_slice_resized(callee, span);
            }
        }
    }
}
