//! What the window holds, along straight-line code, and whether it still is what it was.
//!
//! A borrow or view in the window points to the buffer of a local register, its *source*. It is good until that register
//! is written, moved or modified. A view to write through also needs its buffer to have no other owner, so sharing the
//! source ends it, too. To tell, every such event gets the time of a clock that the source remembers; what is in the
//! window remembers when it was put there.
//!
//! The invariant for the unwinder: an owned value is put there only to be taken, by a call or a move; it is never overwritten
//! or forgotten.

use super::signature::Signature;
use crate::bytecode::program::RegType;
use crate::bytecode::types::TypeId;

/// What a window register holds.
#[derive(Clone, Copy, Debug)]
pub enum Held {
    /// An Int, Float or Bool.
    Scalar(RegType),
    /// An owned value.
    Own(TypeId),
    /// A borrowed value: its type, source, and since when.
    Borrow(TypeId, u16, u32),
    /// The first register of a view.
    View(View),
    /// A further one, of the view that begins at that window register.
    Tail(u16),
}

/// A view in the window.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The array or grid that it shows.
    pub ty: TypeId,
    /// Its elements may be written.
    pub mutable: bool,
    /// How many registers it takes.
    pub width: u16,
    /// The register whose buffer it points into.
    pub source: u16,
    since: u32,
}

/// When something last happened to a local register; 0 is never.
#[derive(Clone, Copy, Default)]
struct Source {
    /// Written, moved, modified, or its buffer exchanged for a copy.
    written: u32,
    /// That, or it got one more owner.
    shared: u32,
    /// It was made the only owner of its buffer.
    unique: u32,
    /// The number of the last call with a view to write to it.
    call: u32,
}

struct Entry {
    /// It holds something if this is the window's epoch.
    epoch: u64,
    held: Held,
}

/// The window of the function at hand.
#[derive(Default)]
pub struct Window {
    size: usize,
    entries: Vec<Entry>,
    epoch: u64,
    clock: u32,
    /// The clock where straight-line code began: what was known before counts no more.
    begin: u32,
    calls: u32,
    owned: usize,
    sources: Vec<Source>,
}

type Result<T> = std::result::Result<T, String>;

impl Window {
    /// Begins a function with that many registers and window registers.
    pub fn start(&mut self, registers: usize, size: usize) {
        self.size = size;
        self.epoch += 1;
        self.clock = 0;
        self.begin = 0;
        self.calls = 0;
        self.owned = 0;
        self.sources.clear();
        self.sources.resize(registers, Source::default());
    }

    /// How many window registers hold owned values.
    pub fn owned(&self) -> usize {
        self.owned
    }

    /// Whether the register exists.
    pub fn has(&self, at: usize) -> bool {
        at < self.size
    }

    fn tick(&mut self) -> u32 {
        self.clock += 1;
        self.clock
    }

    /// Forgets what it holds, at a jump or its target.
    pub fn clear(&mut self) -> Result<()> {
        if self.owned > 0 {
            return Err("an owned value in the window is forgotten".into());
        }
        self.epoch += 1;
        self.begin = self.clock;
        Ok(())
    }

    fn entry(&self, at: usize) -> Option<Held> {
        self.entries.get(at).filter(|entry| entry.epoch == self.epoch).map(|entry| entry.held)
    }

    /// Puts something into a register.
    pub fn put(&mut self, at: usize, held: Held) -> Result<()> {
        if !self.has(at) {
            return Err(format!("w{at} is beyond the window"));
        }
        if let Some(Held::Own(_)) = self.entry(at) {
            return Err(format!("the owned value in w{at} is overwritten"));
        }
        self.owned += usize::from(matches!(held, Held::Own(_)));
        if self.entries.len() <= at {
            let blank = || Entry { epoch: 0, held: Held::Tail(0) };
            self.entries.resize_with(at + 1, blank);
        }
        self.entries[at] = Entry { epoch: self.epoch, held };
        Ok(())
    }

    /// Puts a borrow of local register `source`.
    pub fn put_borrow(&mut self, at: usize, ty: TypeId, source: u16) -> Result<()> {
        let since = self.tick();
        self.put(at, Held::Borrow(ty, source, since))
    }

    /// Puts a view of local register `source`, of `width` registers. `unique`: its owner is made the only one first.
    pub fn put_view(
        &mut self,
        at: usize,
        ty: TypeId,
        mutable: bool,
        width: u16,
        source: u16,
        unique: bool,
    ) -> Result<()> {
        if unique {
            let known = self.sources[usize::from(source)];
            if known.unique <= known.shared || known.unique <= self.begin {
                self.wrote(source);
                self.sources[usize::from(source)].unique = self.tick();
            }
        }
        let since = self.tick();
        self.put(at, Held::View(View { ty, mutable, width, source, since }))?;
        (1..usize::from(width)).try_for_each(|i| self.put(at + i, Held::Tail(at as u16)))
    }

    /// Local register `source` was written, moved or modified.
    pub fn wrote(&mut self, source: u16) {
        let now = self.tick();
        let source = &mut self.sources[usize::from(source)];
        (source.written, source.shared) = (now, now);
    }

    /// What local register `source` holds got another owner.
    pub fn shared(&mut self, source: u16) {
        let now = self.tick();
        self.sources[usize::from(source)].shared = now;
    }

    /// What a register holds, if it still is what it was.
    pub fn get(&self, at: usize) -> Result<Held> {
        let Some(held) = self.entry(at) else { return Err(format!("w{at} holds nothing")) };
        match held {
            Held::Borrow(_, source, since) if self.sources[usize::from(source)].written > since => {
                Err(format!("r{source}, which w{at} borrows, has been written since"))
            }
            Held::View(view) => {
                let source = self.sources[usize::from(view.source)];
                if source.written > view.since {
                    return Err(format!("r{}, of which w{at} is a view, has been written since", view.source));
                }
                if view.mutable && source.shared > view.since {
                    return Err(format!("r{}, of which w{at} is a view, has been shared since", view.source));
                }
                let whole = (1..usize::from(view.width))
                    .all(|i| matches!(self.entry(at + i), Some(Held::Tail(head)) if usize::from(head) == at));
                if !whole {
                    return Err(format!("a part of the view in w{at} has been overwritten"));
                }
                Ok(held)
            }
            held => Ok(held),
        }
    }

    /// Takes an owned value out; the register must hold one.
    pub fn take(&mut self, at: usize) {
        debug_assert!(matches!(self.entry(at), Some(Held::Own(_))));
        self.entries[at].epoch = 0;
        self.owned -= 1;
    }

    /// A call: the parameters must be there; afterwards, results and `inout` parameters are.
    pub fn call(&mut self, callee: &Signature) -> Result<()> {
        if callee.registers.len() > self.size {
            return Err(format!("its callee needs {} window registers", callee.registers.len()));
        }
        self.calls += 1;
        let mut consumed = 0;
        let mut head = 0;
        let (mut borrows, mut writes) = (false, false);
        for (at, &wanted) in callee.registers.iter().enumerate().skip(callee.results) {
            let fits = match (wanted, self.get(at)?) {
                (RegType::Own(ty), Held::Own(held)) => {
                    consumed += 1;
                    ty == held
                }
                (RegType::Borrow(ty), Held::Borrow(held, ..)) => {
                    borrows = true;
                    ty == held
                }
                (RegType::View(ty), Held::View(view)) => {
                    head = at;
                    ty == view.ty && !view.mutable
                }
                (RegType::ViewMut(ty), Held::View(view)) => {
                    head = at;
                    writes = true;
                    self.sources[usize::from(view.source)].call = self.calls;
                    ty == view.ty && view.mutable
                }
                (RegType::Tail, Held::Tail(of)) => usize::from(of) == head,
                (wanted, Held::Scalar(held)) => wanted == held,
                _ => false,
            };
            if !fits {
                return Err(format!("w{at} is not what the callee's parameter there is"));
            }
        }
        if consumed != self.owned {
            return Err("an owned value in the window is forgotten".into());
        }
        if borrows && writes {
            self.check_borrows(callee)?;
        }
        self.owned = 0;
        self.clear()?;
        for &(at, register) in &callee.returned {
            let held = match register {
                RegType::Own(ty) => Held::Own(ty),
                scalar => Held::Scalar(scalar),
            };
            self.put(usize::from(at), held)?;
        }
        Ok(())
    }

    /// No register is both borrowed and shown by a view to write through: this is not checked at run time.
    fn check_borrows(&self, callee: &Signature) -> Result<()> {
        for at in callee.results..callee.registers.len() {
            if let Some(Held::Borrow(_, source, _)) = self.entry(at)
                && self.sources[usize::from(source)].call == self.calls
            {
                return Err(format!("r{source} is both borrowed and written by the call"));
            }
        }
        Ok(())
    }
}
