//! `tgvm help`: explains commands, error and trap codes, and built-in functions.

use std::fmt::Write;

use clap::CommandFactory;

use super::{Cli, Exit, complain, explain, print};
use crate::bytecode::builtins::{BUILTINS, Builtin, FLOAT_CONSTANTS, INT_CONSTANTS, Mode, Pattern};

/// Explain a command, an error or trap code, or a built-in function.
///
/// Without a topic: the commands. Further topics are `builtins` (all built-in functions) and `codes` (all error and trap
/// codes).
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tgvm help run\n  tgvm help E0107\n  tgvm help builtins\n  tgvm help sort")]
pub struct Args {
    /// A command, a code, the name of a built-in function, reduction or constant, `builtins` or `codes`
    topic: Option<String>,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let mut cli = Cli::command();
    let Some(topic) = args.topic else { return print(&cli.render_long_help().to_string()) };
    if let Some(code) = explain::find(&topic.to_uppercase()) {
        return print(&explain::text(code));
    }
    cli.build();
    if let Some(command) = cli.find_subcommand_mut(&topic) {
        return print(&command.render_long_help().to_string());
    }
    match topic.as_str() {
        "builtins" => return print(&all_builtins()),
        "codes" => return print(&all_codes()),
        _ => {}
    }
    let named: Vec<_> = BUILTINS.iter().filter(|b| b.name == topic && !is_internal(b)).collect();
    let forms = FORMS.iter().flat_map(|(_, forms)| *forms).filter(|form| form.0 == topic);
    let found = entries(&named) + &forms.map(form).collect::<String>() + &constants(|name| name == topic);
    if !found.is_empty() {
        return print(&found);
    }
    complain(&format!("there is no help for `{topic}`"), &[suggestion(&topic, &cli)]);
    Exit::Unusable
}

/// The nearest topic, or where to look.
fn suggestion(topic: &str, cli: &clap::Command) -> String {
    let commands = cli.get_subcommands().map(|command| command.get_name());
    let topics = commands
        .chain(["builtins", "codes"])
        .chain(explain::all().into_iter().map(|code| code.code))
        .chain(BUILTINS.iter().filter(|b| !is_internal(b)).map(|b| b.name))
        .chain(FORMS.iter().flat_map(|(_, forms)| *forms).map(|form| form.0))
        .chain(
            FLOAT_CONSTANTS.iter().map(|constant| constant.0).chain(INT_CONSTANTS.iter().map(|constant| constant.0)),
        );
    let wanted = topic.to_lowercase();
    let scored = topics.map(|known| (strsim::damerau_levenshtein(&wanted, &known.to_lowercase()), known));
    match scored.min() {
        Some((distance, known)) if distance <= topic.chars().count().div_ceil(3) => {
            format!("did you mean `tgvm help {known}`?")
        }
        _ => "`tgvm help` lists the commands, `tgvm help builtins` the functions, `tgvm help codes` the errors"
            .to_owned(),
    }
}

/// Whether only the compiler calls it.
fn is_internal(builtin: &Builtin) -> bool {
    builtin.name.starts_with("__")
}

/// The groups of the table, each with the name of its first function.
const GROUPS: [(&str, &str); 9] = [
    ("Printing", "print"),
    ("Ending", "panic"),
    ("Int and Float", "abs"),
    ("Bits", "count_ones"),
    ("Str", "len"),
    ("Arrays", "len"),
    ("Grids", "len"),
    ("Random numbers", "next_int"),
    ("The world", "args"),
];

/// What the checker knows besides the table: the name, how it is written, and what it gives.
type Form = (&'static str, &'static str, &'static str);

/// All of these, under headings.
const FORMS: [(&str, &[Form]); 2] = [
    (
        "Reductions",
        &[
            (
                "sum",
                "sum(value for x in source if cond)",
                "the total of Ints or Floats; traps if that of Ints does not fit",
            ),
            (
                "product",
                "product(value for x in source if cond)",
                "the product of Ints or Floats; traps if Ints overflow",
            ),
            ("min", "min(value for x in source if cond)", "the least value; traps if there is none"),
            ("max", "max(value for x in source if cond)", "the greatest value; traps if there is none"),
            ("count", "count(value for x in source if cond)", "how many of the Bools are true"),
            ("any", "any(value for x in source if cond)", "whether a Bool is true; stops at the first that is"),
            ("all", "all(value for x in source if cond)", "whether all Bools are true; stops at the first that is not"),
        ],
    ),
    (
        "Other forms",
        &[
            ("assert", "assert(cond: Bool)", "traps if `cond` is false"),
            ("assert", "assert(cond: Bool, message: Str)", "the same; the message is evaluated only then"),
            ("Rng", "Rng(seed: Int) -> Rng", "a generator of random numbers, the same for the same seed"),
            ("Grid", "Grid[T](rows: Int, cols: Int, fill: T) -> Grid[T]", "a grid of which every element is `fill`"),
            ("Int", "Int(x) -> Int", "of a Float, rounded towards zero, or a Bool; traps if it does not fit"),
            ("Float", "Float(x) -> Float", "of an Int, the nearest"),
            ("Str", "Str(x) -> Str", "the text that `print` shows"),
        ],
    ),
];

fn form(&(_, written, doc): &Form) -> String {
    format!("  {written}\n      {doc}\n")
}

/// The constants that are always there, of these names.
fn constants(wanted: impl Fn(&str) -> bool) -> String {
    let floats = FLOAT_CONSTANTS.iter().map(|&(name, value)| (name, format!("Float = {value}")));
    let ints = INT_CONSTANTS.iter().map(|&(name, value)| (name, format!("Int = {value}")));
    floats.chain(ints).filter(|(name, _)| wanted(name)).map(|(name, value)| format!("  {name}: {value}\n")).collect()
}

fn all_builtins() -> String {
    let mut out = String::from(
        "Every function may be called as a method: xs.push(3) is push(&xs, 3). T is any type, N Int or Float.\n\
         A [T] parameter takes a slice, too, unless the function changes its length.\n",
    );
    let mut groups = GROUPS.iter().peekable();
    let mut group: Vec<&Builtin> = Vec::new();
    for builtin in BUILTINS.iter().filter(|b| !is_internal(b)) {
        if let Some((heading, first)) = groups.peek().copied()
            && *first == builtin.name
        {
            out += &entries(&std::mem::take(&mut group));
            write!(out, "\n{heading}\n").expect("a String takes all");
            groups.next();
        }
        group.push(builtin);
    }
    out += &entries(&group);
    for (heading, forms) in FORMS {
        write!(out, "\n{heading}\n{}", forms.iter().map(form).collect::<String>()).expect("a String takes all");
    }
    out + "\nConstants\n" + &constants(|_| true)
}

fn all_codes() -> String {
    let mut out = String::from("Errors (E) are found before a program runs, traps (T) while it runs.\n\n");
    for code in explain::all() {
        writeln!(out, "{}: {}", code.code, code.title).expect("a String takes all");
    }
    out
}

/// Signature and meaning of each.
fn entries(builtins: &[&Builtin]) -> String {
    builtins.iter().map(|b| format!("  {}\n      {}\n", signature(b), b.doc)).collect()
}

/// As a declaration would look.
fn signature(builtin: &Builtin) -> String {
    let params: Vec<String> = builtin
        .params
        .iter()
        .map(|(name, mode, ty)| {
            let inout = if *mode == Mode::In { "" } else { "inout " };
            format!("{inout}{name}: {}", type_name(*ty))
        })
        .collect();
    let result = match builtin.result {
        Pattern::Unit | Pattern::Never => String::new(),
        ty => format!(" -> {}", type_name(ty)),
    };
    format!("{}({}){result}", builtin.name, params.join(", "))
}

fn type_name(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::Unit | Pattern::Never => "",
        Pattern::Int => "Int",
        Pattern::Float => "Float",
        Pattern::Bool => "Bool",
        Pattern::Str => "Str",
        Pattern::T => "T",
        Pattern::N => "N",
        Pattern::Ints => "[Int]",
        Pattern::Strs => "[Str]",
        Pattern::ArrayT => "[T]",
        Pattern::GridT => "Grid[T]",
        Pattern::GridInt => "Grid[Int]",
        Pattern::Rng => "Rng",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_builtins_is_complete_and_grouped() {
        let list = all_builtins();
        for builtin in BUILTINS {
            assert_eq!(list.contains(&signature(builtin)), !is_internal(builtin), "{}", builtin.name);
        }
        for (heading, _) in GROUPS {
            assert!(list.contains(&format!("\n{heading}\n")), "{heading}");
        }
        assert!(list.contains("  push(inout xs: [T], x: T)\n"));
    }
}
