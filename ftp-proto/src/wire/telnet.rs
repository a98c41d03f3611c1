//! Telnet under FTP (RFC 1123 4.1.2.12): commands are taken out of the octets, options are refused.

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const INTERRUPT: u8 = 244;
const DATA_MARK: u8 = 242;
const SE: u8 = 240;

/// The Telnet layer of one direction of one control connection.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Telnet(State);

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum State {
    #[default]
    Data,
    Iac,
    /// After IAC IP.
    Interrupted,
    /// After IAC and this verb.
    Option(u8),
    Sub,
    SubIac,
}

/// What an octet was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Decoded {
    /// Part of a Telnet command: nothing for FTP.
    Nothing,
    /// An octet of the line.
    Data(u8),
    /// 0xFF and this octet of the line: the IAC began no Telnet command, so it was a careless
    /// writer's undoubled 0xFF.
    Undoubled(u8),
    /// The end of a Synch.
    Mark,
    /// An offer or request that is refused with these octets (A07).
    Refuse([u8; 3]),
}

impl Telnet {
    pub(crate) const fn new() -> Self {
        Self(State::Data)
    }

    pub(crate) const fn push(&mut self, octet: u8) -> Decoded {
        let (state, decoded) = match (self.0, octet) {
            // The IAC before the mark is sent as urgent and lost where urgent octets are not inline.
            (State::Interrupted, DATA_MARK) => (State::Data, Decoded::Mark),
            (State::Data | State::Interrupted, IAC) => (State::Iac, Decoded::Nothing),
            (State::Data | State::Interrupted, _) => (State::Data, Decoded::Data(octet)),
            (State::Iac, IAC) => (State::Data, Decoded::Data(IAC)),
            (State::Iac, WILL | WONT | DO | DONT) => (State::Option(octet), Decoded::Nothing),
            (State::Iac, SB) => (State::Sub, Decoded::Nothing),
            (State::Iac, DATA_MARK) => (State::Data, Decoded::Mark),
            (State::Iac, INTERRUPT) => (State::Interrupted, Decoded::Nothing),
            (State::Iac, SE..) => (State::Data, Decoded::Nothing), // AO, AYT and the like, without effect
            (State::Iac, _) => (State::Data, Decoded::Undoubled(octet)),
            (State::Option(WILL), _) => (State::Data, Decoded::Refuse([IAC, DONT, octet])),
            (State::Option(DO), _) => (State::Data, Decoded::Refuse([IAC, WONT, octet])),
            (State::Option(_), _) => (State::Data, Decoded::Nothing),
            (State::Sub, IAC) => (State::SubIac, Decoded::Nothing),
            (State::SubIac, SE) => (State::Data, Decoded::Nothing),
            (State::Sub | State::SubIac, _) => (State::Sub, Decoded::Nothing),
        };
        self.0 = state;
        decoded
    }
}

/// Appends `octets` as they travel inside a line: 0xFF doubled, CR as CR NUL (RFC 2640 3.1).
pub(crate) fn escape(octets: &[u8], out: &mut Vec<u8>) {
    for &octet in octets {
        out.push(octet);
        match octet {
            IAC => out.push(IAC),
            b'\r' => out.push(0),
            _ => {}
        }
    }
}
