//! The `.tgb` file: a program as bytes, and back.
//!
//! ```text
//!   "TGB\0" | version u32 | fingerprint u64 | length of the body u64 | CRC-32 of the body u32 | body
//! ```
//!
//! Numbers of the header are little-endian; those of the body are LEB128 but for instructions and words, which are 8 bytes
//! each. The fingerprint is that of the instruction and built-in tables: bytecode made with other ones is refused. The
//! checksum finds accidents; against intent there is the verifier, which whoever reads a file runs next.
//!
//! Reading any bytes ends in a program or an error: it never panics or recurses, and allocates no more than some
//! multiple of the bytes' length, apart from [`MAX_LEAVES`].

use super::builtins::BUILTINS;
use super::effects::Effects;
use super::ops::{Field, Instr, Op, TABLE};
use super::program::{Constant, Function, Param, Passing, Program, RegType, Site, Value};
use super::types::{StructType, Type, TypeId, TypeTable};
use super::verify::struct_order;

const MAGIC: &[u8; 4] = b"TGB\0";
/// Goes up when the layout changes.
const VERSION: u32 = 3;
/// How many bytes stand before the body.
pub const HEADER_LENGTH: usize = 28;
/// The most slots that all structs of a file take together.
pub const MAX_LEAVES: usize = 1 << 22;

/// Why bytes are not a program.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FileError {
    /// Something else.
    #[error("it is not compiled bytecode")]
    NotBytecode,
    /// Of another version.
    #[error("it was compiled by another version of tgvm: compile it again from its source")]
    Version,
    /// The end is missing.
    #[error("it is truncated: {missing} bytes are missing")]
    Truncated {
        /// How many bytes there should be besides.
        missing: u64,
    },
    /// Bytes are not what they were.
    #[error("it is damaged: its checksum does not fit")]
    Damaged,
    /// The checksum fits and the contents are senseless.
    #[error("its contents are not a program: {0}")]
    Malformed(String),
}

/// Whether the bytes begin like a `.tgb` file; no source text does.
pub fn is_bytecode(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// FNV-1a, 64 bits.
const fn hash(mut state: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        state = (state ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    state
}

const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

/// Changes with the tables that instructions refer to.
const FINGERPRINT: u64 = {
    let mut state = HASH_START;
    let mut i = 0;
    while i < TABLE.len() {
        state = hash(hash(state, TABLE[i].name.as_bytes()), TABLE[i].doc.as_bytes());
        let operands = TABLE[i].operands;
        let mut j = 0;
        while j < operands.len() {
            state = hash(state, &[operands[j].field as u8, operands[j].role as u8, operands[j].kind as u8]);
            j += 1;
        }
        i += 1;
    }
    i = 0;
    while i < BUILTINS.len() {
        state = hash(hash(state, BUILTINS[i].name.as_bytes()), &[BUILTINS[i].result as u8]);
        let params = BUILTINS[i].params;
        let mut j = 0;
        while j < params.len() {
            state = hash(state, &[params[j].1 as u8, params[j].2 as u8]);
            j += 1;
        }
        i += 1;
    }
    state
};

/// The program as the bytes of a file.
pub fn write(program: &Program) -> Vec<u8> {
    let instructions: usize = program.functions.iter().map(|function| function.code.len()).sum();
    // About what it comes to: growing what has millions of bytes would cost more than filling it.
    let size = program.source.len() + instructions * 12 + program.sites.len() * 6 + program.functions.len() * 64;
    let mut writer = Writer(Vec::with_capacity(size));
    writer.0.resize(HEADER_LENGTH, 0);
    writer.program(program);
    seal(&mut writer.0);
    writer.0
}

/// What reading a file of the program gives: all but that iterations of a loop are independent, which a file can't say.
pub fn as_read(program: &Program) -> Program {
    let mut program = program.clone();
    for function in &mut program.functions {
        function.range = None;
        function.code.iter_mut().for_each(|instr| *instr = without_range(*instr));
    }
    program
}

/// Writes the header that fits the body; for [`write`], and for tests that forge files. Does nothing to bytes that are
/// too short for one.
pub fn seal(bytes: &mut [u8]) {
    let Some((header, body)) = bytes.split_at_mut_checked(HEADER_LENGTH) else { return };
    header[..4].copy_from_slice(MAGIC);
    header[4..8].copy_from_slice(&VERSION.to_le_bytes());
    header[8..16].copy_from_slice(&FINGERPRINT.to_le_bytes());
    header[16..24].copy_from_slice(&(body.len() as u64).to_le_bytes());
    header[24..28].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
}

/// The program of a file's bytes. It is not verified.
///
/// # Errors
/// They are not what [`write`] gives.
pub fn read(bytes: &[u8]) -> Result<Program, FileError> {
    if !is_bytecode(bytes) {
        return Err(FileError::NotBytecode);
    }
    let Some((header, body)) = bytes.split_at_checked(HEADER_LENGTH) else {
        return Err(FileError::Truncated { missing: (HEADER_LENGTH - bytes.len()) as u64 });
    };
    let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("it is eight bytes"));
    if header[4..8] != VERSION.to_le_bytes() || number(8) != FINGERPRINT {
        return Err(FileError::Version);
    }
    let length = number(16);
    if let Some(missing @ 1..) = length.checked_sub(body.len() as u64) {
        return Err(FileError::Truncated { missing });
    }
    if length < body.len() as u64 || header[24..28] != crc32fast::hash(body).to_le_bytes() {
        return Err(FileError::Damaged);
    }
    let mut reader = Reader { bytes: body };
    let program = reader.program().map_err(FileError::Malformed)?;
    if !reader.bytes.is_empty() {
        return Err(FileError::Malformed("there is something after its end".into()));
    }
    Ok(program)
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    /// A number as its distance from the last one, which is small in a list that mostly goes up by little.
    fn step(&mut self, last: &mut u32, number: u32) {
        let distance = i64::from(number) - i64::from(*last);
        *last = number;
        self.number((distance << 1 ^ distance >> 63) as u64);
    }

    fn fixed(&mut self, bits: u64) {
        self.0.extend_from_slice(&bits.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn ty(&mut self, ty: TypeId) {
        self.number(u64::from(ty.0));
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.number(items.len() as u64);
        items.iter().for_each(|it| item(self, it));
    }

    fn program(&mut self, program: &Program) {
        self.types(&program.types);
        self.list(&program.functions, Self::function);
        self.number(u64::from(program.main));
        self.list(&program.words, |w, &word| w.fixed(word));
        self.list(&program.values, |w, value| {
            w.ty(value.ty);
            match &value.data {
                Constant::Str(text) => {
                    w.byte(0);
                    w.text(text);
                }
                Constant::Array(slots) => {
                    w.byte(1);
                    w.list(slots, |w, &slot| w.fixed(slot));
                }
            }
        });
        let mut last = 0;
        self.list(&program.sites, |w, site| {
            w.step(&mut last, site.start);
            w.number(u64::from(site.end.wrapping_sub(site.start)));
            match site.inlined {
                None => w.number(0),
                Some((function, call)) => {
                    w.number(u64::from(function) + 1);
                    w.number(u64::from(call));
                }
            }
        });
        self.text(&program.source_name);
        self.text(&program.source);
    }

    fn types(&mut self, types: &TypeTable) {
        let basic = TypeTable::default().len();
        self.number((types.len() - basic) as u64);
        for id in basic..types.len() {
            let (tag, number) = match *types.get(TypeId(id as u32)) {
                Type::Array(element) => (0, element.0),
                Type::Grid(element) => (1, element.0),
                Type::Struct(index) => (2, index),
                _ => unreachable!("each type is in the table once, the basic ones at its beginning"),
            };
            self.byte(tag);
            self.number(u64::from(number));
        }
        self.list(&types.structs, |w, definition| {
            w.text(&definition.name);
            w.list(&definition.fields, |w, (name, ty)| {
                w.text(name);
                w.ty(*ty);
            });
        });
    }

    fn function(&mut self, function: &Function) {
        self.text(&function.name);
        self.byte(u8::from(function.is_task));
        self.list(&function.params, |w, param| {
            w.byte(match param.passing {
                Passing::In => 0,
                Passing::View => 1,
                Passing::Inout => 2,
                Passing::InoutView => 3,
            });
            w.ty(param.ty);
        });
        self.ty(function.result);
        self.list(&function.registers, |w, &register| {
            let (tag, ty) = match register {
                RegType::Int => (0, None),
                RegType::Float => (1, None),
                RegType::Bool => (2, None),
                RegType::Tail => (3, None),
                RegType::Own(ty) => (4, Some(ty)),
                RegType::Borrow(ty) => (5, Some(ty)),
                RegType::View(ty) => (6, Some(ty)),
                RegType::ViewMut(ty) => (7, Some(ty)),
            };
            w.byte(tag);
            if let Some(ty) = ty {
                w.ty(ty);
            }
        });
        for number in [function.results, function.owned_start, function.owned_end, function.window] {
            self.number(u64::from(number));
        }
        self.number(u64::from(function.effects.0));
        self.list(&function.code, |w, &instr| w.fixed(without_range(instr).0));
        let mut last = 0;
        self.list(&function.sites, |w, &site| w.step(&mut last, site));
        self.number(function.part_of.map_or(0, |whole| u64::from(whole) + 1));
    }
}

/// As it is written in a file, which says of no function that it runs a range: then new arrays are zeros, and what decides a loop just leaves it.
fn without_range(instr: Instr) -> Instr {
    match instr.op() {
        Some(op @ Op::NewZeros) => {
            Instr::abc(op, instr.get(Field::A) as u16, instr.get(Field::B) as u16, instr.get(Field::C) as u16)
        }
        Some(op @ Op::Decide) => Instr::xabc(op, 0, 0, 0, 0),
        _ => instr,
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

type Read<T> = Result<T, String>;

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or("it ends too early")?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Read<u8> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Read<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number is too large".into())
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Read<T> {
        T::try_from(self.number()?).map_err(|_| "a number is too large".into())
    }

    fn instr(&mut self) -> Read<Instr> {
        let instr = Instr(self.fixed()?);
        if without_range(instr) == instr { Ok(instr) } else { Err("something is left to a range".into()) }
    }

    /// What [`Writer::step`] wrote.
    fn step(&mut self, last: &mut u32) -> Read<u32> {
        let number = self.number()?;
        let distance = (number >> 1) as i64 ^ -((number & 1) as i64);
        *last =
            i64::from(*last).checked_add(distance).and_then(|n| n.try_into().ok()).ok_or("a number is too large")?;
        Ok(*last)
    }

    fn fixed(&mut self) -> Read<u64> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().expect("it is eight bytes")))
    }

    fn text(&mut self) -> Read<String> {
        let length = self.small()?;
        let bytes = self.take(length)?;
        Ok(std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8")?.to_owned())
    }

    fn ty(&mut self) -> Read<TypeId> {
        Ok(TypeId(self.small()?))
    }

    /// A list whose items take `least` bytes at least: so a false count can't make us allocate.
    fn list<T>(&mut self, least: usize, mut item: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count: usize = self.small()?;
        if count > self.bytes.len() / least {
            return Err("it ends too early".into());
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn program(&mut self) -> Read<Program> {
        let mut last = 0;
        Ok(Program {
            types: self.types()?,
            functions: self.list(12, Self::function)?,
            main: self.small()?,
            words: self.list(8, Self::fixed)?,
            values: self.list(3, |r| {
                let ty = r.ty()?;
                let data = match r.byte()? {
                    0 => Constant::Str(r.text()?),
                    1 => Constant::Array(r.list(8, Self::fixed)?),
                    tag => return Err(format!("there are no constants of kind {tag}")),
                };
                Ok(Value { ty, data })
            })?,
            sites: self.list(3, |r| {
                let (start, length): (u32, u32) = (r.step(&mut last)?, r.small()?);
                let end = start.wrapping_add(length);
                let inlined = match r.number()?.checked_sub(1) {
                    None => None,
                    Some(function) => Some((function.try_into().map_err(|_| "a number is too large")?, r.small()?)),
                };
                Ok(Site { start, end, inlined })
            })?,
            source_name: self.text()?,
            source: self.text()?,
        })
    }

    fn types(&mut self) -> Read<TypeTable> {
        let mut types = TypeTable::default();
        let shapes = self.list(2, |r| {
            Ok(match r.byte()? {
                0 => Type::Array(r.ty()?),
                1 => Type::Grid(r.ty()?),
                2 => Type::Struct(r.small()?),
                tag => return Err(format!("there are no types of kind {tag}")),
            })
        })?;
        for shape in shapes {
            let next = types.len();
            if types.add(shape).0 as usize != next {
                return Err(format!("type {next} is there twice"));
            }
        }
        types.structs = self.list(2, |r| {
            let name = r.text()?;
            let fields = r.list(2, |r| Ok((r.text()?, r.ty()?)))?;
            Ok(StructType { name, fields })
        })?;
        let mut leaves = 0;
        for ty in struct_order(&types)? {
            if !types.lay_out(ty) {
                return Err(format!("type {} takes too many slots", ty.0));
            }
            leaves += types.slots(ty);
            if leaves > MAX_LEAVES {
                return Err("its structs take too many slots".into());
            }
        }
        Ok(types)
    }

    fn function(&mut self) -> Read<Function> {
        let mut last = 0;
        Ok(Function {
            name: self.text()?,
            is_task: match self.byte()? {
                0 => false,
                1 => true,
                tag => return Err(format!("there are no functions of kind {tag}")),
            },
            params: self.list(2, |r| {
                let passing = match r.byte()? {
                    0 => Passing::In,
                    1 => Passing::View,
                    2 => Passing::Inout,
                    3 => Passing::InoutView,
                    tag => return Err(format!("there are no parameters of kind {tag}")),
                };
                Ok(Param { ty: r.ty()?, passing })
            })?,
            result: self.ty()?,
            registers: self.list(1, |r| {
                Ok(match r.byte()? {
                    0 => RegType::Int,
                    1 => RegType::Float,
                    2 => RegType::Bool,
                    3 => RegType::Tail,
                    4 => RegType::Own(r.ty()?),
                    5 => RegType::Borrow(r.ty()?),
                    6 => RegType::View(r.ty()?),
                    7 => RegType::ViewMut(r.ty()?),
                    tag => return Err(format!("there are no registers of kind {tag}")),
                })
            })?,
            results: self.small()?,
            owned_start: self.small()?,
            owned_end: self.small()?,
            window: self.small()?,
            effects: Effects(self.small()?),
            code: self.list(8, Reader::instr)?,
            sites: self.list(1, |r| r.step(&mut last))?,
            part_of: match self.small::<u32>()? {
                0 => None,
                after => Some(after - 1),
            },
            // A promise that nothing in a file can prove.
            range: None,
        })
    }
}
