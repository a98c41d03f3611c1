//! RNDZ: both ends of a data connection prove that they take part in the same transfer
//! (docs/protocol/extensions.md).
//!
//! ```text
//! each end:  hello (32) = "RNDZ1" CR LF NUL, flags, 23 random bytes
//!            proof (32) = HMAC-SHA-256(S, "ftp rendezvous 1" || role || hello of the file's sender
//!                                         || hello of the file's receiver || exporter)
//! ```
//!
//! ```
//! use ftp_proto::command::Direction;
//! use ftp_proto::rendezvous::{Exchange, Flags, Input, Output, RendezvousSecret};
//!
//! // Both ends got this secret with RNDZ. The nonces are random in a program.
//! let secret = RendezvousSecret::new([7; 32]);
//! let mut sender = Exchange::new(&secret, Direction::Send, Flags::default(), [1; 23], b"");
//! let mut receiver = Exchange::new(&secret, Direction::Receive, Flags::default(), [2; 23], b"");
//!
//! // Pass what one end sends to the other until neither sends anything.
//! loop {
//!     match (sender.poll(), receiver.poll()) {
//!         (Output::Send(to_receiver), Output::Send(to_sender)) => {
//!             receiver.input(Input::Bytes(&to_receiver));
//!             sender.input(Input::Bytes(&to_sender));
//!         }
//!         (Output::Proven, Output::Proven) => break,
//!         other => panic!("{other:?}"),
//!     }
//! }
//! ```

pub use crate::wire::RendezvousSecret;

use crate::command::Direction;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::VecDeque;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The length of a hello and of a proof in bytes.
pub const HELLO_LEN: usize = 32;

/// How every hello begins.
const MAGIC: &[u8; 8] = b"RNDZ1\r\n\0";

/// What both ends must agree on besides the secret. It is the ninth byte of a hello.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// Bit 0: the connection serves PROB instead of a transfer.
    pub probe: bool,
    /// Bit 1: the exchange takes place inside TLS.
    pub tls: bool,
}

impl Flags {
    fn to_byte(self) -> u8 {
        u8::from(self.probe) | u8::from(self.tls) << 1
    }
}

/// What the driver tells the exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// Bytes arrived, at most as many as the last [`Output::Read`] allowed.
    Bytes(&'a [u8]),
    /// The connection was closed or broke.
    Closed,
}

/// What the driver has to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send these bytes: the hello or the proof of this end.
    Send(Vec<u8>),
    /// Read at most this many bytes and pass them as [`Input::Bytes`]. The bytes behind them may
    /// belong to the file.
    Read(usize),
    /// The other end has proven itself. The next byte that is read belongs to the file.
    Proven,
    /// The other end has not proven itself and cannot do so any more. Close the connection.
    Refused,
}

/// One end of the exchange on one data connection.
///
/// ```text
/// Hello --32 bytes: right start, same flags, not our own--> (send our proof) --> Proof
/// Proof --32 bytes: the right proof of the other role--> Proven
/// anything else --> Refused
/// ```
pub struct Exchange {
    secret: RendezvousSecret,
    direction: Direction,
    hello: [u8; HELLO_LEN],
    exporter: Zeroizing<Vec<u8>>,
    state: State,
    /// The part that has arrived of what the state expects.
    arrived: Vec<u8>,
    out: VecDeque<Output>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The other end's hello is expected.
    Hello,
    /// The other end's proof is expected.
    Proof {
        expected: [u8; HELLO_LEN],
    },
    Proven,
    Refused,
}

impl Exchange {
    /// Creates one end of the exchange. `direction` is what this end does with the file, `nonce` is
    /// random, and `exporter` is the TLS exporter of the connection, empty without TLS.
    pub fn new(
        secret: &RendezvousSecret,
        direction: Direction,
        flags: Flags,
        nonce: [u8; 23],
        exporter: &[u8],
    ) -> Self {
        let mut hello = [0; HELLO_LEN];
        let parts = MAGIC.iter().copied().chain([flags.to_byte()]).chain(nonce);
        hello.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
        Self {
            secret: secret.clone(),
            direction,
            hello,
            exporter: Zeroizing::new(exporter.to_vec()),
            state: State::Hello,
            arrived: Vec::with_capacity(HELLO_LEN),
            out: VecDeque::from([Output::Send(hello.to_vec())]),
        }
    }

    /// Tells the exchange what happened. Drain [`Exchange::poll`] afterwards.
    ///
    /// The exchange has no timer, so it takes no time. Its driver bounds how long it may last.
    pub fn input(&mut self, input: Input<'_>) {
        match input {
            Input::Bytes([]) => {}
            Input::Bytes(bytes) => self.bytes(bytes),
            Input::Closed if self.state == State::Proven => {}
            Input::Closed => self.state = State::Refused,
        }
    }

    /// Returns the next output. Call this until it returns something else than [`Output::Send`].
    pub fn poll(&mut self) -> Output {
        match self.state {
            State::Refused => Output::Refused,
            State::Hello | State::Proof { .. } | State::Proven => {
                self.out.pop_front().unwrap_or_else(|| self.due())
            }
        }
    }

    /// Whether the other end has not sent a whole hello yet.
    pub const fn expects_hello(&self) -> bool {
        matches!(self.state, State::Hello)
    }

    fn due(&self) -> Output {
        match self.state {
            State::Hello | State::Proof { .. } => Output::Read(HELLO_LEN - self.arrived.len()),
            State::Proven => Output::Proven,
            State::Refused => Output::Refused,
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.arrived.extend_from_slice(bytes);
        if let Ok(whole) = self.arrived.as_slice().try_into() {
            self.arrived.clear();
            self.check(whole);
        } else if !self.may_continue() {
            self.state = State::Refused;
        }
    }

    /// Whether the part that has arrived can still become what is expected.
    fn may_continue(&self) -> bool {
        let begins_right = || self.arrived.iter().zip(MAGIC).all(|(a, m)| a == m);
        self.arrived.len() < HELLO_LEN
            && match self.state {
                State::Hello => begins_right(),
                State::Proof { .. } => true,
                State::Proven | State::Refused => false,
            }
    }

    /// Checks a complete hello or proof.
    fn check(&mut self, whole: [u8; HELLO_LEN]) {
        self.state = match self.state {
            // The first eight bytes and the flags must be those of our own hello. Our own hello as a
            // whole comes from a mirror, not from another end.
            State::Hello if self.hello.first_chunk::<9>() == whole.first_chunk() && whole != self.hello => {
                self.out.push_back(Output::Send(self.proof(self.direction, &whole).to_vec()));
                State::Proof { expected: self.proof(other(self.direction), &whole) }
            }
            State::Proof { expected } if bool::from(expected.ct_eq(&whole)) => State::Proven,
            State::Hello | State::Proof { .. } | State::Proven | State::Refused => State::Refused,
        };
    }

    /// The proof of the end that does `role` with the file.
    fn proof(&self, role: Direction, theirs: &[u8; HELLO_LEN]) -> [u8; HELLO_LEN] {
        let letter = match role {
            Direction::Send => b"S",
            Direction::Receive => b"R",
        };
        let (sender, receiver) = match self.direction {
            Direction::Send => (&self.hello, theirs),
            Direction::Receive => (theirs, &self.hello),
        };
        // A key that is shorter than the block is padded with zeros (RFC 2104 section 2).
        let mut key = Zeroizing::new([0; 64]);
        key.iter_mut().zip(self.secret.as_bytes()).for_each(|(k, s)| *k = *s);
        let mut mac = Hmac::<Sha256>::new((&*key).into());
        for part in [b"ftp rendezvous 1".as_slice(), letter, sender, receiver, &self.exporter] {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Hello => "expects a hello",
            State::Proof { .. } => "expects a proof",
            State::Proven => "proven",
            State::Refused => "refused",
        };
        write!(f, "Exchange({:?}, {state})", self.direction)
    }
}

const fn other(direction: Direction) -> Direction {
    match direction {
        Direction::Send => Direction::Receive,
        Direction::Receive => Direction::Send,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 32] = [7; 32];

    /// An end, and the hello that it sends.
    fn end(secret: [u8; 32], direction: Direction, flags: Flags, nonce: u8) -> (Exchange, Vec<u8>) {
        hello(Exchange::new(&RendezvousSecret::new(secret), direction, flags, [nonce; 23], b""))
    }

    fn hello(mut exchange: Exchange) -> (Exchange, Vec<u8>) {
        let Output::Send(hello) = exchange.poll() else { panic!("no hello") };
        assert_eq!(exchange.poll(), Output::Read(HELLO_LEN));
        (exchange, hello)
    }

    fn sender() -> (Exchange, Vec<u8>) {
        end(SECRET, Direction::Send, Flags::default(), 1)
    }

    fn receiver() -> (Exchange, Vec<u8>) {
        end(SECRET, Direction::Receive, Flags::default(), 2)
    }

    /// Passes bytes and returns the next output.
    fn push(end: &mut Exchange, bytes: &[u8]) -> Output {
        end.input(Input::Bytes(bytes));
        end.poll()
    }

    /// Runs two ends against each other; returns what each ends with. An end that refuses the other
    /// sends nothing more.
    fn meet(a: (Exchange, Vec<u8>), b: (Exchange, Vec<u8>)) -> (Output, Output) {
        let ((mut a, hello_a), (mut b, hello_b)) = (a, b);
        let (from_a, from_b) = (push(&mut a, &hello_b), push(&mut b, &hello_a));
        let finish = |end: &mut Exchange, mine: &Output, theirs: &Output| match (mine, theirs) {
            (Output::Send(_), Output::Send(proof)) => {
                assert_eq!(end.poll(), Output::Read(32));
                push(end, proof)
            }
            _ => mine.clone(),
        };
        (finish(&mut a, &from_a, &from_b), finish(&mut b, &from_b, &from_a))
    }

    #[test]
    fn two_ends_with_one_secret_prove_themselves() {
        assert_eq!(meet(sender(), receiver()), (Output::Proven, Output::Proven));
        assert_eq!(meet(receiver(), sender()), (Output::Proven, Output::Proven));
    }

    #[test]
    fn its_debug_text_names_the_state_and_no_secret() {
        let (mut end, _) = sender();
        assert_eq!(format!("{end:?}"), "Exchange(Send, expects a hello)");
        let _ = push(&mut end, &receiver().1);
        assert_eq!(format!("{end:?}"), "Exchange(Send, expects a proof)");
    }

    #[test]
    fn a_wrong_secret_is_found_at_both_ends() {
        let stranger = end([8; 32], Direction::Receive, Flags::default(), 2);
        assert_eq!(meet(sender(), stranger), (Output::Refused, Output::Refused));
    }

    #[test]
    fn two_senders_or_two_receivers_are_wrong() {
        for direction in [Direction::Send, Direction::Receive] {
            let (a, b) =
                (end(SECRET, direction, Flags::default(), 1), end(SECRET, direction, Flags::default(), 2));
            assert_eq!(meet(a, b), (Output::Refused, Output::Refused));
        }
    }

    #[test]
    fn another_exporter_is_wrong() {
        let secret = RendezvousSecret::new(SECRET);
        let tls = Flags { probe: false, tls: true };
        let a = hello(Exchange::new(&secret, Direction::Send, tls, [1; 23], &[1; 32]));
        let b = hello(Exchange::new(&secret, Direction::Receive, tls, [2; 23], &[2; 32]));
        assert_eq!(meet(a, b), (Output::Refused, Output::Refused));
    }

    #[test]
    fn different_flags_are_wrong_before_any_proof_is_sent() {
        for flags in [Flags { probe: true, tls: false }, Flags { probe: false, tls: true }] {
            let (_, hello) = end(SECRET, Direction::Receive, flags, 2);
            assert_eq!(push(&mut sender().0, &hello), Output::Refused);
        }
    }

    #[test]
    fn a_wrong_beginning_is_wrong_at_its_first_byte_and_no_proof_is_sent() {
        let (_, hello) = receiver();
        for at in 0..8 {
            let mut spoiled = hello.clone();
            spoiled[at] ^= 0x20;
            assert_eq!(push(&mut sender().0, &spoiled), Output::Refused);
            let (mut early, _) = sender();
            assert_eq!(push(&mut early, &spoiled[..=at]), Output::Refused);
            assert_eq!(push(&mut early, &hello), Output::Refused, "wrong stays wrong");
        }
        assert_eq!(push(&mut sender().0, b"220 ftp.example ready\r\n"), Output::Refused);
    }

    #[test]
    fn a_mirror_is_wrong() {
        let (mut end, hello) = sender();
        assert_eq!(push(&mut end, &hello), Output::Refused);
        // A mirror with a nonce of its own sends our proof back: it has our role, not the other.
        let (mut end, _) = sender();
        let Output::Send(proof) = push(&mut end, &receiver().1) else { panic!("no proof") };
        assert_eq!(push(&mut end, &proof), Output::Refused);
    }

    #[test]
    fn bytes_may_come_in_any_pieces() {
        for piece in 1..=32 {
            let ((mut a, hello_a), (mut b, hello_b)) = (sender(), receiver());
            let Output::Send(proof) = push(&mut b, &hello_a) else { panic!("no proof") };
            let mut last = a.poll();
            for whole in [hello_b.as_slice(), &proof] {
                let mut rest = whole;
                while !rest.is_empty() {
                    let Output::Read(most) = last else { panic!("no need: {last:?}") };
                    assert_eq!(most, rest.len(), "never more than the rest of this part");
                    let (now, later) = rest.split_at(piece.min(rest.len()));
                    rest = later;
                    last = push(&mut a, now);
                }
                if matches!(last, Output::Send(_)) {
                    last = a.poll();
                }
            }
            assert_eq!(last, Output::Proven, "pieces of {piece}");
        }
    }

    #[test]
    fn more_bytes_than_allowed_are_wrong() {
        let (mut a, _) = sender();
        assert_eq!(push(&mut a, &[receiver().1.as_slice(), b"x"].concat()), Output::Refused);
    }

    #[test]
    fn nothing_is_taken_after_the_proof() {
        let ((mut a, hello_a), (mut b, hello_b)) = (sender(), receiver());
        let (Output::Send(_), Output::Send(proof)) = (push(&mut a, &hello_b), push(&mut b, &hello_a)) else {
            panic!("no proofs")
        };
        assert_eq!(push(&mut a, &proof), Output::Proven);
        assert_eq!(push(&mut a, &[]), Output::Proven);
        assert_eq!(push(&mut a, b"a byte of the file"), Output::Refused);
    }

    #[test]
    fn a_connection_that_ends_before_the_proof_is_refused() {
        let (mut end, _) = sender();
        end.input(Input::Closed);
        assert_eq!(end.poll(), Output::Refused);

        let ((mut a, hello_a), (mut b, hello_b)) = (sender(), receiver());
        let (_, Output::Send(proof)) = (push(&mut a, &hello_b), push(&mut b, &hello_a)) else { panic!() };
        assert_eq!(push(&mut a, &proof), Output::Proven);
        a.input(Input::Closed);
        assert_eq!(a.poll(), Output::Proven, "an end of the file is not an end of the exchange");
    }

    /// The digests were computed with another implementation of HMAC (Python's).
    #[test]
    fn the_proofs_are_those_of_another_implementation() {
        let secret = RendezvousSecret::new(std::array::from_fn(|i| i as u8));
        let nonce = |first: u8| std::array::from_fn(|i| first + i as u8);
        let check = |exporter: &[u8], of_sender: &str, of_receiver: &str| {
            let end = |direction, first| {
                hello(Exchange::new(&secret, direction, Flags::default(), nonce(first), exporter))
            };
            let (mut a, hello_a) = end(Direction::Send, 100);
            let (mut b, hello_b) = end(Direction::Receive, 200);
            assert_eq!(hello_a, *b"RNDZ1\r\n\0\0defghijklmnopqrstuvwxyz");
            for (output, expected) in
                [(push(&mut a, &hello_b), of_sender), (push(&mut b, &hello_a), of_receiver)]
            {
                let proof = RendezvousSecret::from_hex(expected.as_bytes()).unwrap();
                assert_eq!(output, Output::Send(proof.as_bytes().to_vec()));
            }
        };
        check(
            b"",
            "7da716ba7a311ef4918124b8e3afb36134972d9910c7d9f008f39743b817be24",
            "96fdb36582ede8a62471f2ece75a42acc9f076e21fd4c04c2ccb5483f8e19013",
        );
        check(
            &[7; 32],
            "8a241e9c0b47fea2abeb2a30b019c114bb4c151aedee7f9dc2ff28e76afe6848",
            "6e8819b951f7183f322dee751c02421ffacfdf6d2dde8838fd3d0881e6cfdd97",
        );
    }
}
