//! Statements of several lines that bring about what single ones seldom do: buffers that move while parts of them are in flight, tiles
//! that read their neighbours, loops that run as ranges, and loops that are left while something is in flight.

use super::Generator;

impl Generator<'_> {
    /// One of them.
    pub(super) fn shape(&mut self) {
        match self.pick(18) {
            0..=2 => self.moved_in_parts(),
            3 | 4 => self.halo(),
            5 | 6 => self.wave(),
            7 | 8 => self.pushes(),
            9 | 10 => self.chunked(),
            11 => self.fails_in_the_middle(),
            12 => self.independent(),
            13 => self.resources(),
            14 => self.words(),
            15 => self.vectors(),
            16 => self.left_early(),
            _ => self.structs(),
        }
    }

    /// A buffer is moved, dropped, resized or shared while parts of it are in flight.
    fn moved_in_parts(&mut self) {
        let (b, k, i) = (self.fresh("b"), self.int(1), self.index());
        let value = if self.chance(50) { format!("make({i})") } else { "[Int](14, fill: 2)".into() };
        self.line(&format!("var {b} = {value}"));
        for part in ["..4", "4..9", "9..", "2..6"].into_iter().take(2 + self.pick(3)) {
            let text = match self.pick(5) {
                0 | 1 => format!("late(&{b}[{part}], {k})"),
                2 => format!("set(&{b}[{part}], {k})"),
                3 => format!("print(total({b}[{part}]))"),
                _ => format!("{b}[{}] = work({k})", part.trim_matches('.').split('.').next().unwrap_or("1")),
            };
            self.line(&text);
        }
        let scope = self.scope.clone();
        let (m, p) = (self.matrix_place(), self.person_place());
        let pack = self.one_of(&scope.packs);
        let to = match (self.pick(12), m, p, pack) {
            (0 | 1, Some(m), ..) => {
                // What has another owner is copied by the store.
                let kept = self.chance(50).then(|| self.fresh("kept"));
                kept.iter().for_each(|kept| self.line(&format!("let {kept} = {m}")));
                self.line(&format!("{m}[at({i}, {m}.len())] = {b}"));
                kept.iter().for_each(|kept| self.line(&format!("print(total_rows({kept}))")));
                format!("total({m}[at({i}, {m}.len())])")
            }
            (2, Some(m), ..) => {
                self.line(&format!("if {m}.len() < 9 {{ {m}.push({b}) }}"));
                format!("total_rows({m})")
            }
            (3, Some(m), ..) => {
                self.line(&format!("add_row(&{m}, {b})"));
                format!("total_rows({m}[{m}.len() / 2..])")
            }
            (4, _, Some(p), _) => {
                self.line(&format!("{p}.xs = {b}"));
                format!("weigh({p})")
            }
            (5, _, _, Some(q)) => {
                self.line(&format!("{q}.ps[at({i}, {q}.ps.len())] = P(n: 1, xs: {b}, name: \"moved\", f: 0.5)"));
                format!("weigh_all({q}.ps)")
            }
            (6, ..) => {
                self.line(&format!("grow(&{b}, {k})"));
                format!("total({b})")
            }
            (7, ..) => {
                self.line(&format!("let c{b} = {b}"));
                self.line(&format!("set(&{b}[1..5], 3)"));
                format!("total(c{b})")
            }
            (8, ..) => {
                self.line(&format!("{b}.push({k})"));
                format!("total({b}[3..])")
            }
            (9, ..) => {
                self.line(&format!("{b} = keep({b})"));
                format!("total({b})")
            }
            (10, ..) => {
                self.line(&format!("renew(&{b}, {k})"));
                format!("total({b}[..2])")
            }
            // It is dropped.
            _ => return,
        };
        if self.chance(70) {
            self.line(&format!("print({to})"));
        }
    }

    /// Tiles of a grid are written, each after a look at a larger one of another grid.
    fn halo(&mut self) {
        let grids = self.scope.grids.clone();
        let Some(g) = self.one_of(&grids) else { return self.declare() };
        let (h, r, c, k) = (self.fresh("h"), self.fresh("i"), self.fresh("i"), self.int(1));
        let size = 1 + self.pick(3);
        self.line(&format!("let {h} = {g}"));
        self.line(&format!("for {r} in 0..{g}.rows() by {size} {{"));
        self.line(&format!("    for {c} in 0..{g}.cols() by {size} {{"));
        let near = format!(
            "{h}[max({r} - 1, 0)..min({r} + {size} + 1, {h}.rows()), max({c} - 1, 0)..min({c} + {size} + 1, {h}.cols())]"
        );
        let tile = format!("{g}[{r}..min({r} + {size}, {g}.rows()), {c}..min({c} + {size}, {g}.cols())]");
        self.line(&format!("        halo(&{tile}, {near}, {k})"));
        self.line("    }");
        self.line("}");
    }

    /// Tiles that need those on their left and above, as in a table that is filled in.
    fn wave(&mut self) {
        let grids = self.scope.grids.clone();
        let Some(g) = self.one_of(&grids) else { return self.declare() };
        let (r, c, k) = (self.fresh("i"), self.fresh("i"), self.int(1));
        self.line(&format!("for {r} in 1..{g}.rows() {{"));
        self.line(&format!("    for {c} in 1..{g}.cols() - 1 by 2 {{"));
        let tile = format!("{g}[{r}..{r} + 1, {c}..{c} + 2]");
        self.line(&format!("        wave(&{tile}, {g}[{r}, {c} - 1..{c}], {g}[{r} - 1, {c} - 1..{c} + 2], {k})"));
        self.line("    }");
        self.line("}");
    }

    /// A loop that only pushes is a range.
    fn pushes(&mut self) {
        let Some(a) = self.array_place() else { return self.declare() };
        let (i, from, n) = (self.fresh("i"), self.other_array(), self.pick(14));
        let head = match self.pick(4) {
            0 | 1 => format!("for {i} in 0..{n}"),
            2 => format!("for {i} in {n}..0 by -2"),
            _ => format!("for {i} in {from}"),
        };
        let value = match self.pick(5) {
            0 => format!("say({i})"),
            1 => format!("risk({i}, {})", 2 + self.pick(40)),
            2 => format!("work({i}) + {a}.len()"),
            _ => format!("work({i})"),
        };
        self.line(&format!("{head} {{ {a}.push({value}) }}"));
        self.line(&format!("if {a}.len() > 40 {{ {a}.truncate(13) }}"));
    }

    /// A step, and a part for each.
    fn chunked(&mut self) {
        let Some(a) = self.array_place() else { return self.declare() };
        let (lo, k, step) = (self.fresh("i"), self.int(1), 2 + self.pick(4));
        let part = format!("{a}[{lo}..min({lo} + {step}, {a}.len())]");
        let text = match self.pick(6) {
            0 | 1 => format!("for {lo} in 0..{a}.len() by {step} {{ set(&{part}, {k}) }}"),
            2 => format!("each {lo} in 0..{a}.len() by {step} {{ late(&{part}, {lo}) }}"),
            3 => format!("print(sum(total({part}) for {lo} in 0..{a}.len() by {step}))"),
            4 => format!("print([work({lo} + {step}) for {lo} in {}..-9 by -{step}])", self.pick(30)),
            _ => format!("print(every({a}, {}, {step}))", self.pick(4)),
        };
        self.line(&text);
    }

    /// A range of which an element may trap.
    fn fails_in_the_middle(&mut self) {
        let Some(a) = self.array_part() else { return self.declare() };
        let k = 1 + self.pick(60);
        let text = match self.pick(7) {
            0 | 1 => format!("risky(&{a}, {k})"),
            2 => format!("divide(&{a}, {k})"),
            3 => format!("print([risk(x, {k}) for x in {a}])"),
            4 => format!("print(any(risk(x, {k}) % 7 == 3 for x in {a}))"),
            5 => format!("print(all(say(x) % {} != 2 for x in {a} if x != {k}))", 2 + k % 5),
            _ => format!("print(sum(100 / (work(x) - {k}) for x in {a}))"),
        };
        self.line(&text);
    }

    /// Loops that the compiler has proved independent.
    fn independent(&mut self) {
        let grids = self.scope.grids.clone();
        let (i, j, k) = (self.fresh("i"), self.fresh("i"), self.pick(9));
        let text = match (self.pick(4), self.array_place(), self.one_of(&grids)) {
            (0, Some(a), _) => format!("each {i} in 0..{a}.len() {{ {a}[{i}] = work({a}[{i}] + {k}) }}"),
            (1, Some(a), _) => {
                format!("each {i} in 0..{a}.len() / 2 {{ {a}[2 * {i} + 1] = step({a}[2 * {i}] + {k}) }}")
            }
            (_, _, Some(g)) => {
                format!(
                    "each {i} in 0..{g}.rows() {{ each {j} in 0..{g}.cols() {{ {g}[{i}, {j}] += work({i} + {j}) & {k} }} }}"
                )
            }
            (_, Some(a), None) => format!("spread(&{a}, {k})"),
            _ => return self.declare(),
        };
        self.line(&text);
    }

    /// Effects on several resources.
    fn resources(&mut self) {
        let k = self.int(1);
        let text = match self.pick(7) {
            0 => format!("print(ask({k}))"),
            1 => format!("print(given({k}) + complain({k}))"),
            2 => format!("print(work({k}) + publish({k}, \"notes\") + given({k}))"),
            3 => format!("print(slow({k}) + publish({k}, \"others\") + recall({k}))"),
            4 => format!("complain({k})"),
            5 => r#"print("{file_exists("others")} {ask(1)} {recall(3)}")"#.into(),
            _ => format!("print(recall({k}) + recall(2))"),
        };
        self.line(&text);
    }

    /// An array of Strs.
    fn words(&mut self) {
        let name = self.fresh("s");
        let (k, i) = (self.int(1), self.index());
        self.line(&format!("var {name} = [\"one\", label({k}), \"\"]"));
        for _ in 0..2 + self.pick(3) {
            let text = match self.pick(6) {
                0 => format!("title(&{name}[..1], {k}); title(&{name}[1..], {i})"),
                1 => format!("title(&{name}, {i}); print(slow({k}))"),
                2 => format!("{name}[at({i}, {name}.len())] = label({k})"),
                3 => format!("{name}.push(glue({name}[0], label({i})))"),
                4 => {
                    let (t, u) = (self.fresh("t"), self.fresh("t"));
                    format!("let {t} = line_of({name}); let {u} = line_of({name}[..2]); print({t} + {u})")
                }
                _ => format!("{name}[1] = glue({name}[2], {name}[0])"),
            };
            self.line(&text);
        }
        let (t, u) = (self.fresh("t"), self.fresh("t"));
        self.line(&format!("let {t} = line_of({name}); let {u} = line_of({name}[1..]); print({t} + label({k}) + {u})"));
    }

    /// An array of Floats, and sums in the fixed tree.
    fn vectors(&mut self) {
        let (name, k) = (self.fresh("y"), self.int(1));
        let length = [5, 40, 1500][self.pick(3)];
        self.line(&format!("var {name} = [Float(x) / 7.0 for x in 0..{length}]"));
        for _ in 0..1 + self.pick(3) {
            let text = match self.pick(4) {
                0 => format!("scale(&{name}[..5], {k})"),
                1 => format!("scale(&{name}[3..5], {k})"),
                2 => format!("print(norm({name}))"),
                _ => format!("print(sum(x * 0.1 for x in {name}) + norm({name}[2..]))"),
            };
            self.line(&text);
        }
        self.line(&format!("print(norm({name}[..5]))"));
    }

    /// A loop that is left, by what a task says, while others are in flight.
    fn left_early(&mut self) {
        let Some(a) = self.array_part() else { return self.declare() };
        let (w, k) = (self.fresh("n"), self.pick(40));
        match self.pick(3) {
            0 => self.line(&format!("print(until({a}, {k}))")),
            1 => {
                self.line(&format!("var {w} = {k}"));
                self.line(&format!("while {w} > 0 && {w} < 300 {{"));
                self.line(&format!("    print(total({a}))"));
                self.line(&format!("    {w} = {w} + work({w}) % 40 - 25"));
                self.line(&format!("    if even({w}) {{ break }}"));
                self.line("}");
            }
            _ => {
                self.line(&format!("for {w} in 0..20 {{"));
                self.line(&format!("    if work({w} + {k}) % 11 == 3 {{ break }}"));
                self.line(&format!("    if even({w}) {{ continue }}"));
                self.line(&format!("    print(slow({w}) + say({w}))"));
                self.line("}");
            }
        }
    }

    /// Structs with arrays in them, in arrays.
    fn structs(&mut self) {
        let packs = self.scope.packs.clone();
        let Some(q) = self.one_of(&packs) else { return self.declare() };
        let (k, i) = (self.int(1), self.index());
        for _ in 0..1 + self.pick(4) {
            let text = match self.pick(7) {
                0 => format!("age_all(&{q}.ps[..{q}.ps.len() / 2], {k})"),
                1 => format!("age_all(&{q}.ps[{q}.ps.len() / 2..], {k})"),
                2 => format!("print(weigh_all({q}.ps[at({i}, {q}.ps.len())..]))"),
                3 => format!("{q}.ps[0].n = slow({k}); {q}.ps[0].n = work({k}); {q}.ps[at({i}, {q}.ps.len())].n = 4"),
                4 => format!("{q}.ps[0].n += work({k}) & 7"),
                5 => format!("set(&{q}.ps[at({i}, {q}.ps.len())].xs[1..3], {k})"),
                _ => format!("set_rows(&{q}.m[..{q}.m.len() / 2], {k})"),
            };
            self.line(&text);
        }
        self.line(&format!("print(weigh_all({q}.ps))"));
    }
}
