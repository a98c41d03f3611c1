//! Telnet below FTP (RFC 1123 section 4.1.2.12): commands are removed and options are refused.

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const INTERRUPT: u8 = 244;
const DATA_MARK: u8 = 242;
const SE: u8 = 240;

/// The Telnet decoder for one direction of a control connection.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Telnet(State);

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum State {
    #[default]
    Data,
    Iac,
    /// After IAC IP (interrupt process).
    Interrupted,
    /// After IAC and WILL, WONT, DO or DONT.
    Option(u8),
    Sub,
    SubIac,
}

/// What one byte turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Decoded {
    /// A part of a Telnet command, which means nothing to FTP.
    Nothing,
    /// A byte of the line.
    Data(u8),
    /// 0xFF and this byte of the line. The IAC began no Telnet command, so the sender forgot to double a
    /// 0xFF.
    Undoubled(u8),
    /// The end of a Synch.
    Mark,
    /// The end of an offer or request, which is refused with these bytes (A07).
    Refuse([u8; 3]),
}

impl Telnet {
    pub(crate) const fn new() -> Self {
        Self(State::Data)
    }

    /// How many bytes at the beginning of `bytes` are data of the line, and no byte that `ends` it is among them. Whatever
    /// follows has to be pushed; perhaps these, too.
    pub(crate) fn plain(self, bytes: &[u8], ends: u8) -> usize {
        match self.0 {
            State::Data => memchr::memchr2(IAC, ends, bytes).unwrap_or(bytes.len()),
            State::Iac | State::Interrupted | State::Option(_) | State::Sub | State::SubIac => 0,
        }
    }

    pub(crate) const fn push(&mut self, byte: u8) -> Decoded {
        let (state, decoded) = match (self.0, byte) {
            // Where urgent data is not inline, the IAC before the mark is lost.
            (State::Interrupted, DATA_MARK) => (State::Data, Decoded::Mark),
            (State::Data | State::Interrupted, IAC) => (State::Iac, Decoded::Nothing),
            (State::Data | State::Interrupted, _) => (State::Data, Decoded::Data(byte)),
            (State::Iac, IAC) => (State::Data, Decoded::Data(IAC)),
            (State::Iac, WILL | WONT | DO | DONT) => (State::Option(byte), Decoded::Nothing),
            (State::Iac, SB) => (State::Sub, Decoded::Nothing),
            (State::Iac, DATA_MARK) => (State::Data, Decoded::Mark),
            (State::Iac, INTERRUPT) => (State::Interrupted, Decoded::Nothing),
            (State::Iac, SE..) => (State::Data, Decoded::Nothing), // AO, AYT and the like, without effect
            (State::Iac, _) => (State::Data, Decoded::Undoubled(byte)),
            (State::Option(WILL), _) => (State::Data, Decoded::Refuse([IAC, DONT, byte])),
            (State::Option(DO), _) => (State::Data, Decoded::Refuse([IAC, WONT, byte])),
            (State::Option(_), _) => (State::Data, Decoded::Nothing),
            (State::Sub, IAC) => (State::SubIac, Decoded::Nothing),
            (State::SubIac, SE) => (State::Data, Decoded::Nothing),
            (State::Sub | State::SubIac, _) => (State::Sub, Decoded::Nothing),
        };
        self.0 = state;
        decoded
    }
}

/// Appends `bytes` as they travel inside a line: 0xFF doubled, CR as CR NUL (RFC 2640 section 3.1).
pub(crate) fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = memchr::memchr2(IAC, b'\r', rest) {
        let (plain, behind) = rest.split_at(at + 1);
        out.extend_from_slice(plain);
        out.push(if plain.last() == Some(&IAC) { IAC } else { 0 });
        rest = behind;
    }
    out.extend_from_slice(rest);
}
