//! One end of the exchange of hellos and proofs.
//!
//! ```text
//! Hello --32 octets: right start, same flags, not our own--> (Send our proof) --> Proof
//! Proof --32 octets: the right proof of the other role--> Proven
//! anything else --> Wrong
//! ```

use super::RendezvousSecret;
use crate::command::Direction;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Octets of a hello and of a proof.
pub const HELLO_LEN: usize = 32;

/// How every hello begins.
const MAGIC: &[u8; 8] = b"RNDZ1\r\n\0";

/// What the two ends must agree on besides the secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// Bit 0: PROB instead of a transfer.
    pub probe: bool,
    /// Bit 1: inside TLS.
    pub tls: bool,
}

impl Flags {
    fn octet(self) -> u8 {
        u8::from(self.probe) | u8::from(self.tls) << 1
    }
}

/// One end of the exchange on one connection.
pub struct Exchange {
    secret: RendezvousSecret,
    direction: Direction,
    hello: [u8; HELLO_LEN],
    exporter: Zeroizing<Vec<u8>>,
    state: State,
    /// What has arrived of the 32 octets that the state waits for.
    arrived: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Hello,
    Proof { expected: [u8; HELLO_LEN] },
    Over(bool),
}

/// What became of octets that arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// More octets are needed: at most so many may be read, so that no octet of the file is.
    Need(usize),
    /// Send these (our proof), then go on reading the other's.
    Send(Vec<u8>),
    /// The other end has proven itself. Everything that was to be read has been read.
    Proven,
    /// It has not and cannot any more: close the connection.
    Wrong,
}

impl Exchange {
    /// Our end of a connection: `direction` is what this end does with the file, `nonce` 23 random
    /// octets, `exporter` the TLS exporter or empty. Gives the hello to send at once.
    pub fn new(
        secret: &RendezvousSecret,
        direction: Direction,
        flags: Flags,
        nonce: [u8; 23],
        exporter: &[u8],
    ) -> (Self, [u8; HELLO_LEN]) {
        let mut hello = [0; HELLO_LEN];
        let parts = MAGIC.iter().copied().chain([flags.octet()]).chain(nonce);
        hello.iter_mut().zip(parts).for_each(|(octet, part)| *octet = part);
        let exchange = Self {
            secret: secret.clone(),
            direction,
            hello,
            exporter: Zeroizing::new(exporter.to_vec()),
            state: State::Hello,
            arrived: Vec::with_capacity(HELLO_LEN),
        };
        (exchange, hello)
    }

    /// Takes octets of the other end, never more than the last [`Step::Need`] allowed (the first
    /// need is [`HELLO_LEN`]). After [`Step::Send`] call again with an empty slice.
    pub fn push(&mut self, octets: &[u8]) -> Step {
        if let State::Over(proven) = self.state {
            return if proven && octets.is_empty() { Step::Proven } else { Step::Wrong };
        }
        self.arrived.extend_from_slice(octets);
        match self.arrived.as_slice().try_into() {
            Ok(whole) => {
                self.arrived.clear();
                self.judge(whole)
            }
            Err(_) if self.may_go_on() => Step::Need(HELLO_LEN - self.arrived.len()),
            Err(_) => self.over(false),
        }
    }

    /// Whether the part that has arrived can still become what is waited for.
    fn may_go_on(&self) -> bool {
        let begins_right = || self.arrived.iter().zip(MAGIC).all(|(a, m)| a == m);
        self.arrived.len() < HELLO_LEN
            && match self.state {
                State::Hello => begins_right(),
                State::Proof { .. } => true,
                State::Over(_) => false,
            }
    }

    /// Takes a whole hello or proof.
    fn judge(&mut self, whole: [u8; HELLO_LEN]) -> Step {
        match self.state {
            State::Hello => {
                // "the right first 8 octets and the SAME flags": our own hello's first nine. Our own
                // hello as a whole is a mirror, not another end.
                let (ours, theirs) = (self.hello.first_chunk::<9>(), whole.first_chunk::<9>());
                if ours != theirs || whole == self.hello {
                    return self.over(false);
                }
                let expected = self.proof(other(self.direction), &whole);
                self.state = State::Proof { expected };
                Step::Send(self.proof(self.direction, &whole).to_vec())
            }
            State::Proof { expected } => self.over(expected.ct_eq(&whole).into()),
            State::Over(_) => self.over(false),
        }
    }

    fn over(&mut self, proven: bool) -> Step {
        self.state = State::Over(proven);
        if proven { Step::Proven } else { Step::Wrong }
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
        // RFC 2104 2: a key shorter than the block is filled up with zeros.
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
        let waits_for = match self.state {
            State::Hello => "hello",
            State::Proof { .. } => "proof",
            State::Over(_) => "nothing",
        };
        write!(f, "Exchange({:?}, waits for {waits_for})", self.direction)
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

    fn end(secret: [u8; 32], direction: Direction, flags: Flags, nonce: u8) -> (Exchange, [u8; 32]) {
        Exchange::new(&RendezvousSecret::new(secret), direction, flags, [nonce; 23], b"")
    }

    fn sender() -> (Exchange, [u8; 32]) {
        end(SECRET, Direction::Send, Flags::default(), 1)
    }

    fn receiver() -> (Exchange, [u8; 32]) {
        end(SECRET, Direction::Receive, Flags::default(), 2)
    }

    /// Runs two ends against each other; gives what each ends with. An end that finds the other
    /// wrong sends nothing more.
    fn meet(a: (Exchange, [u8; 32]), b: (Exchange, [u8; 32])) -> (Step, Step) {
        let ((mut a, hello_a), (mut b, hello_b)) = (a, b);
        let (from_a, from_b) = (a.push(&hello_b), b.push(&hello_a));
        let finish = |end: &mut Exchange, mine: &Step, theirs: &Step| match (mine, theirs) {
            (Step::Send(_), Step::Send(proof)) => {
                assert_eq!(end.push(&[]), Step::Need(32));
                end.push(proof)
            }
            _ => mine.clone(),
        };
        (finish(&mut a, &from_a, &from_b), finish(&mut b, &from_b, &from_a))
    }

    #[test]
    fn two_ends_with_one_secret_prove_themselves() {
        assert_eq!(meet(sender(), receiver()), (Step::Proven, Step::Proven));
        assert_eq!(meet(receiver(), sender()), (Step::Proven, Step::Proven));
    }

    #[test]
    fn a_wrong_secret_is_found_at_both_ends() {
        let stranger = end([8; 32], Direction::Receive, Flags::default(), 2);
        assert_eq!(meet(sender(), stranger), (Step::Wrong, Step::Wrong));
    }

    #[test]
    fn two_senders_or_two_receivers_are_wrong() {
        for direction in [Direction::Send, Direction::Receive] {
            let (a, b) =
                (end(SECRET, direction, Flags::default(), 1), end(SECRET, direction, Flags::default(), 2));
            assert_eq!(meet(a, b), (Step::Wrong, Step::Wrong));
        }
    }

    #[test]
    fn another_exporter_is_wrong() {
        let secret = RendezvousSecret::new(SECRET);
        let tls = Flags { probe: false, tls: true };
        let a = Exchange::new(&secret, Direction::Send, tls, [1; 23], &[1; 32]);
        let b = Exchange::new(&secret, Direction::Receive, tls, [2; 23], &[2; 32]);
        assert_eq!(meet(a, b), (Step::Wrong, Step::Wrong));
    }

    #[test]
    fn different_flags_are_wrong_before_any_proof_is_sent() {
        for flags in [Flags { probe: true, tls: false }, Flags { probe: false, tls: true }] {
            let (_, hello) = end(SECRET, Direction::Receive, flags, 2);
            assert_eq!(sender().0.push(&hello), Step::Wrong);
        }
    }

    #[test]
    fn a_wrong_beginning_is_wrong_at_its_first_octet_and_no_proof_is_sent() {
        let (_, hello) = receiver();
        for at in 0..8 {
            let mut spoiled = hello;
            spoiled[at] ^= 0x20;
            assert_eq!(sender().0.push(&spoiled), Step::Wrong);
            let (mut early, _) = sender();
            assert_eq!(early.push(&spoiled[..=at]), Step::Wrong);
            assert_eq!(early.push(&hello), Step::Wrong, "wrong stays wrong");
        }
        assert_eq!(sender().0.push(b"220 ftp.example ready\r\n"), Step::Wrong);
    }

    #[test]
    fn a_mirror_is_wrong() {
        let (mut end, hello) = sender();
        assert_eq!(end.push(&hello), Step::Wrong);
        // A mirror with a nonce of its own sends our proof back: it has our role, not the other.
        let (mut end, _) = sender();
        let Step::Send(proof) = end.push(&receiver().1) else { panic!("no proof") };
        assert_eq!(end.push(&proof), Step::Wrong);
    }

    #[test]
    fn octets_may_come_in_any_pieces() {
        for piece in 1..=32 {
            let ((mut a, hello_a), (mut b, hello_b)) = (sender(), receiver());
            let Step::Send(proof) = b.push(&hello_a) else { panic!("no proof") };
            let mut last = Step::Need(32);
            for whole in [hello_b.as_slice(), &proof] {
                let mut rest = whole;
                while !rest.is_empty() {
                    let Step::Need(most) = last else { panic!("no need: {last:?}") };
                    assert_eq!(most, rest.len(), "never more than the rest of this part");
                    let (now, later) = rest.split_at(piece.min(rest.len()));
                    rest = later;
                    last = a.push(now);
                }
                if matches!(last, Step::Send(_)) {
                    last = a.push(&[]);
                }
            }
            assert_eq!(last, Step::Proven, "pieces of {piece}");
        }
    }

    #[test]
    fn more_octets_than_allowed_are_wrong() {
        let (mut a, _) = sender();
        assert_eq!(a.push(&[receiver().1.as_slice(), b"x"].concat()), Step::Wrong);
    }

    #[test]
    fn nothing_is_taken_after_the_proof() {
        let ((mut a, hello_a), (mut b, hello_b)) = (sender(), receiver());
        let (Step::Send(_), Step::Send(proof)) = (a.push(&hello_b), b.push(&hello_a)) else { panic!() };
        assert_eq!(a.push(&proof), Step::Proven);
        assert_eq!(a.push(&[]), Step::Proven);
        assert_eq!(a.push(b"an octet of the file"), Step::Wrong);
    }

    /// The digests were computed with another implementation of HMAC (Python's).
    #[test]
    fn the_proofs_are_those_of_another_implementation() {
        let secret = RendezvousSecret::new(std::array::from_fn(|i| i as u8));
        let nonce = |first: u8| std::array::from_fn(|i| first + i as u8);
        let check = |exporter: &[u8], of_sender: &str, of_receiver: &str| {
            let (mut a, hello_a) =
                Exchange::new(&secret, Direction::Send, Flags::default(), nonce(100), exporter);
            let (mut b, hello_b) =
                Exchange::new(&secret, Direction::Receive, Flags::default(), nonce(200), exporter);
            assert_eq!(hello_a, *b"RNDZ1\r\n\0\0defghijklmnopqrstuvwxyz");
            for (step, expected) in [(a.push(&hello_b), of_sender), (b.push(&hello_a), of_receiver)] {
                let proof = RendezvousSecret::from_hex(expected.as_bytes()).unwrap();
                assert_eq!(step, Step::Send(proof.as_bytes().to_vec()));
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
