//! The structs, tasks and functions that generated programs use.

/// What programs are put together from: the name, and the text. What a program does not name is left out of it.
pub const ITEMS: &[(&str, &str)] = &[
    ("P", "struct P { n: Int, xs: [Int], name: Str, f: Float }"),
    ("Q", "struct Q { p: P, ps: [P], m: [[Int]] }"),
    ("W", "struct W { a: Int, b: Float, c: Bool, d: Int, e: Int, s: Str, h: Int, xs: [Int] }"),
    (
        "spin",
        "fn spin(n: Int) -> Int {
    var x = n
    for i in 0..(n & 127) { x = x *% 31 +% i }
    return x & 1023
}",
    ),
    ("at", "fn at(i: Int, n: Int) -> Int { return if n <= 0 { 0 } else { mod_floor(i, n) } }"),
    ("work", "task work(n: Int) -> Int { return spin(n) & 255 }"),
    (
        "slow",
        "task slow(n: Int) -> Int {
    var x = n
    for i in 0..3000 { x = x *% 31 +% i }
    return x & 255
}",
    ),
    ("step", "task step(x: Int) -> Int { return x *% 5 +% spin(x) & 4095 }"),
    ("both", "task both(a: Int, b: Int) -> Int { return spin(a) - spin(b) }"),
    ("even", "task even(n: Int) -> Bool { return spin(n) % 2 == 0 }"),
    ("half", "task half(x: Float, n: Int) -> Float { return x / 2.0 + Float(spin(n)) }"),
    ("label", "task label(n: Int) -> Str { return \"<{spin(n) & 15}>\" }"),
    ("glue", "task glue(a: Str, b: Str) -> Str { return \"{a}{b}\"[..] }"),
    (
        "say",
        "task say(n: Int) -> Int {
    print(\"say {n}\")
    return spin(n) & 31
}",
    ),
    (
        "chat",
        "task chat(n: Int) -> Int {
    print(\"chat {n}\")
    let a = say(n)
    if n > 0 { print(\"more {chat(n - 1) + a}\") }
    return a + say(n + 1)
}",
    ),
    (
        "shout",
        "task shout(xs: [Int]) {
    for x in xs { write(\"{x} \") }
    print(\"shouted\")
}",
    ),
    (
        "set",
        "task set(inout xs: [Int], k: Int) {
    for i in 0..xs.len() { xs[i] = (xs[i] *% 3 +% k) & 255 }
}",
    ),
    (
        "total",
        "task total(xs: [Int]) -> Int {
    var t = 0
    for x in xs { t = t +% x }
    return t
}",
    ),
    (
        "copy",
        "task copy(inout to: [Int], from: [Int]) {
    for i in 0..min(to.len(), from.len()) { to[i] = (from[i] + to[i]) & 511 }
}",
    ),
    (
        "mix",
        "task mix(inout a: [Int], inout b: [Int]) -> Int {
    for i in 0..min(a.len(), b.len()) {
        let t = a[i]
        a[i] = b[i]
        b[i] = t + 1
    }
    return a.len() + b.len()
}",
    ),
    (
        "grow",
        "task grow(inout xs: [Int], k: Int) {
    xs.push(k)
    if xs.len() > 40 { xs.truncate(20) }
}",
    ),
    (
        "renew",
        "task renew(inout xs: [Int], k: Int) -> Int {
    let old = xs.len()
    xs = [Int](12 + (k & 7), fill: k & 63)
    return old
}",
    ),
    ("keep", "task keep(xs: [Int]) -> [Int] { return xs }"),
    ("make", "task make(n: Int) -> [Int] { return [spin(n + i) & 63 for i in 0..10 + (n & 7)] }"),
    (
        "bump",
        "task bump(inout n: Int, k: Int) {
    n = n + (spin(k) & 15)
}",
    ),
    (
        "swap_ints",
        "task swap_ints(inout a: Int, inout b: Int) -> Int {
    let t = a
    a = b & 65535
    b = t
    return spin(t)
}",
    ),
    (
        "tint",
        "task tint(inout g: Grid[Int], k: Int) {
    for r in 0..g.rows() { for c in 0..g.cols() { g[r, c] = (g[r, c] *% 3 +% k) & 255 } }
}",
    ),
    (
        "area",
        "task area(g: Grid[Int]) -> Int {
    var t = g.rows()
    for x in g { t = t +% x }
    return t
}",
    ),
    (
        "blend",
        "task blend(inout g: Grid[Int], h: Grid[Int]) {
    for r in 0..min(g.rows(), h.rows()) {
        for c in 0..min(g.cols(), h.cols()) { g[r, c] = (g[r, c] + h[r, c]) & 511 }
    }
}",
    ),
    ("person", "task person(n: Int) -> P { return P(n: n, xs: make(n), name: \"p{n & 7}\", f: Float(n)) }"),
    (
        "age",
        "task age(inout p: P, k: Int) {
    p.n = (p.n + spin(k)) & 4095
    set(&p.xs, k)
    if p.xs.len() > 14 { p.xs.pop() }
    p.name = p.name[0..1] + label(k)
}",
    ),
    ("weigh", "task weigh(p: P) -> Int { return p.n + total(p.xs) + p.name.len() }"),
    ("pack", "task pack(p: P) -> Q { return Q(p: p, ps: [p, p], m: [p.xs, p.xs, [1, 2]]) }"),
    ("unpack", "task unpack(q: Q) -> P { return if q.ps.len() > 0 { q.ps[0] } else { q.p } }"),
    (
        "deepen",
        "task deepen(inout q: Q, k: Int) -> Int {
    set(&q.p.xs, k)
    for i in 0..q.ps.len() { set(&q.ps[i].xs, k + i) }
    if q.ps.len() < 5 { q.ps.push(q.p) }
    if q.m.len() > 0 { q.m[0] = q.p.xs }
    return q.ps.len()
}",
    ),
    (
        "set_rows",
        "task set_rows(inout m: [[Int]], k: Int) {
    for i in 0..m.len() { set(&m[i], k + i) }
}",
    ),
    (
        "add_row",
        "task add_row(inout m: [[Int]], xs: [Int]) -> Int {
    if m.len() < 9 { m.push(xs) }
    return m.len()
}",
    ),
    ("longest", "task longest(m: [[Int]]) -> [Int] { return if m.len() == 0 { [] } else { m[m.len() - 1] } }"),
    (
        "fib",
        "task fib(n: Int) -> Int {
    if n < 2 { return n }
    return fib(n - 1) + fib(n - 2)
}",
    ),
    (
        "split",
        "task split(inout xs: [Int], k: Int) {
    if xs.len() < 3 {
        set(&xs, k)
        return
    }
    let mid = xs.len() / 2
    split(&xs[..mid], k + 1)
    split(&xs[mid..], k + 2)
    xs[mid] = total(xs[..mid])
}",
    ),
    (
        "down",
        "task down(n: Int, inout xs: [Int]) -> Int {
    if n <= 0 { return xs.len() }
    if xs.len() > 0 { xs[at(n, xs.len())] = n }
    return 1 + down(n - 1, &xs)
}",
    ),
    (
        "nest",
        "task nest(n: Int) -> Int {
    var t = 0
    for i in 0..n { t = t + work(i + t) + nest(min(i, 1) - 1 + n / 3) }
    return t
}",
    ),
    (
        "wide",
        "task wide(n: Int) -> W {
    return W(a: spin(n), b: Float(n) / 4.0, c: n > 4, d: n + 1, e: n + 2, s: \"w{n}\", h: spin(n + 1), xs: [n, n])
}",
    ),
    (
        "crowd",
        "task crowd(a: Int, b: Int, c: Int, d: Int, e: Float, s: Str, xs: [Int], ys: [Int], inout zs: [Int], g: Grid[Int],
    p: P, h: Int) -> Int {
    for i in 0..zs.len() { zs[i] = (zs[i] + a + b) & 255 }
    return (a - b + c - d + s.len() + xs.len() + total(ys) + area(g) + p.n + h) & 65535
}",
    ),
    (
        "late",
        "task late(inout xs: [Int], k: Int) {
    for j in 0..20 { set(&xs, spin(k + j) & 63) }
}",
    ),
    (
        "halo",
        "task halo(inout t: Grid[Int], near: Grid[Int], k: Int) {
    let around = sum(x for x in near)
    for r in 0..t.rows() { for c in 0..t.cols() { t[r, c] = (t[r, c] *% 3 +% around +% k) & 255 } }
}",
    ),
    (
        "wave",
        "task wave(inout t: Grid[Int], left: [Int], above: [Int], k: Int) {
    let before = spin(total(left) + total(above) +% k)
    for c in 0..t.cols() { t[0, c] = (t[0, c] *% 5 +% before +% c) & 255 }
}",
    ),
    ("total_rows", "task total_rows(m: [[Int]]) -> Int { return sum(total(xs) for xs in m) }"),
    ("weigh_all", "task weigh_all(ps: [P]) -> Int { return sum(weigh(p) for p in ps) }"),
    (
        "age_all",
        "task age_all(inout ps: [P], k: Int) {
    for i in 0..ps.len() { age(&ps[i], k + i) }
}",
    ),
    ("gather", "task gather(xs: [Int]) -> [Int] { return [work(x) for x in xs] + [x for x in xs if x % 3 != 1] }"),
    (
        "fold",
        "task fold(xs: [Int], k: Int) -> Int {
    let odd = any(spin(x) % 5 == 2 for x in xs) || all(work(x) % 3 != 1 for x in xs if x != k)
    return sum(work(x + k) for x in xs) + count(even(x) for x in xs) + max(work(x) for x in k..k + 3) + (if odd { 1 } else { 0 })
}",
    ),
    (
        "collect",
        "task collect(n: Int) -> [Int] {
    var out = [n]
    for i in 0..8 + (n & 7) { out.push(work(i + n)) }
    for i in n..n + 9 by 3 { out.push(step(i)) }
    return out
}",
    ),
    (
        "spread",
        "task spread(inout xs: [Int], k: Int) {
    each i in 0..xs.len() { xs[i] = work(xs[i] + k) }
}",
    ),
    (
        "chunks",
        "task chunks(inout xs: [Int], k: Int) {
    each lo in 0..xs.len() by 3 { set(&xs[lo..min(lo + 3, xs.len())], lo + k) }
}",
    ),
    (
        "paint",
        "task paint(inout g: Grid[Int], k: Int) {
    each r in 0..g.rows() { each c in 0..g.cols() { g[r, c] = (g[r, c] + spin(r * 9 + c + k)) & 255 } }
}",
    ),
    (
        "stripes",
        "task stripes(inout g: Grid[Int], k: Int) {
    each r in 0..g.rows() { set(&g[r, ..], r + k) }
}",
    ),
    (
        "within",
        "task within(inout xs: [Int], from: [Int], k: Int) {
    let n = xs.len()
    if n < 4 {
        copy(&xs, from)
        return
    }
    within(&xs[..n / 2], from[from.len() / 3..], k)
    within(&xs[n / 2..], from[..from.len() / 2], k + 1)
    set(&xs[1..n - 1], k)
}",
    ),
    (
        "until",
        "task until(xs: [Int], k: Int) -> Int {
    var t = 0
    for x in xs {
        let w = work(x + t)
        if w % 7 == k % 7 { return t + slow(t) }
        t += w + step(x)
        if even(t) { break }
        t += slow(x) & 3
    }
    return t + 1
}",
    ),
    (
        "every",
        "task every(xs: [Int], lo: Int, k: Int) -> Int {
    var t = 0
    for i in lo..xs.len() by k { t += work(xs[i] + i) }
    return t + sum(work(x) for x in lo..40 by k)
}",
    ),
    (
        "risky",
        "task risky(inout xs: [Int], k: Int) {
    for i in 0..xs.len() { xs[i] = (xs[i] + risk(i, k)) & 255 }
}",
    ),
    (
        "divide",
        "task divide(inout xs: [Int], k: Int) {
    each i in 0..xs.len() { xs[i] = 1000 / (work(i) - k) }
}",
    ),
    (
        "ask",
        "task ask(n: Int) -> Str {
    var line = \"\"
    if read_line(&line) { return \"{line}{spin(n) & 3}\" }
    return \"end\"
}",
    ),
    ("given", "task given(n: Int) -> Int { return args().len() + spin(n) }"),
    (
        "complain",
        "task complain(n: Int) -> Int {
    eprint(\"no {n}\")
    return spin(n) & 7
}",
    ),
    (
        "publish",
        "task publish(n: Int, to: Str) -> Int {
    print(\"publish {n}\")
    append_file(to, \"{n};\")
    return given(n)
}",
    ),
    (
        "title",
        "task title(inout words: [Str], k: Int) {
    for i in 0..words.len() { words[i] = words[i][..min(1, words[i].len())] + label(k + i) }
}",
    ),
    ("line_of", "task line_of(words: [Str]) -> Str { return words.join(\"-\") }"),
    (
        "scale",
        "task scale(inout fs: [Float], k: Int) {
    for i in 0..fs.len() { fs[i] = half(fs[i], k + i) }
}",
    ),
    ("norm", "task norm(fs: [Float]) -> Float { return sum(f * f for f in fs) }"),
    ("plain", "fn plain(n: Int) -> Int { return work(n) + step(n + 1) }"),
    (
        "plain_set",
        "fn plain_set(inout xs: [Int], k: Int) {
    let mid = xs.len() / 2
    set(&xs[..mid], k)
    set(&xs[mid..], k + 1)
}",
    ),
    (
        "note",
        "task note(n: Int) -> Int {
    append_file(\"notes\", \"{n} \")
    return spin(n)
}",
    ),
    ("recall", "task recall(n: Int) -> Int { return read_file(\"notes\").len() + spin(n) }"),
    ("tick", "task tick() -> Float { return clock() }"),
    (
        "risk",
        "task risk(n: Int, k: Int) -> Int {
    let x = spin(n)
    if n == k {
        print(\"about to\")
        let few = [1, 2, 3]
        if x % 6 == 0 { return few[x + 3] }
        if x % 6 == 1 { return INT_MAX - 3 + x + 4 }
        if x % 6 == 2 { assert(x < 0, \"no {x}\") }
        if x % 6 == 3 { exit(x & 127) }
        if x % 6 == 4 { return x / (n - k) }
        panic(\"risk {x}\")
    }
    return x & 63
}",
    ),
];
