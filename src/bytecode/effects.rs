//! What a function does besides computing: which resources it uses, and in which class.

/// A set of effects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Effects(pub u32);

#[allow(missing_docs)]
impl Effects {
    pub const NONE: Effects = Effects(0);
    /// Output class: prints.
    pub const OUTPUT: Effects = Effects(1);
    /// Ordered class: reads the file system.
    pub const READ_FILES: Effects = Effects(2);
    /// Irrevocable class: writes the file system.
    pub const WRITE_FILES: Effects = Effects(4);
    /// Irrevocable class: takes from standard input.
    pub const STDIN: Effects = Effects(8);
    /// Ordered class: reads the program's arguments.
    pub const ARGS: Effects = Effects(16);
    /// A fence: reads the clock.
    pub const CLOCK: Effects = Effects(32);
    /// Irrevocable class: ends the program (`exit`).
    pub const EXIT: Effects = Effects(64);
    /// Calls a function of the host: what that does is known when the program is linked.
    pub const HOST: Effects = Effects(128);
    /// What waits for all older work: the irrevocable class, of what is built in.
    pub const IRREVOCABLE: Effects = Effects(4 | 8 | 64);
    /// Name of each, in the order of the bits.
    pub const NAMES: [&'static str; 8] =
        ["output", "read-files", "write-files", "stdin", "args", "clock", "exit", "host"];

    /// Both together.
    pub const fn with(self, other: Effects) -> Effects {
        Effects(self.0 | other.0)
    }

    /// What is left without those of `other`.
    pub const fn without(self, other: Effects) -> Effects {
        Effects(self.0 & !other.0)
    }

    /// Whether they have some in common.
    pub const fn meets(self, other: Effects) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether all of `other` is in it.
    pub const fn has(self, other: Effects) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::fmt::Display for Effects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> =
            Self::NAMES.iter().enumerate().filter(|(i, _)| self.0 >> i & 1 == 1).map(|(_, n)| *n).collect();
        f.write_str(&names.join(" "))
    }
}
