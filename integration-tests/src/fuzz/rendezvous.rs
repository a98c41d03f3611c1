//! The RNDZ exchange against any bytes of the other end.

use super::input::choice;
use ftp_proto::command::Direction;
use ftp_proto::rendezvous::{Exchange, Flags, HELLO_LEN, Input, Output, RendezvousSecret};

/// Bytes of somebody who does not know the secret.
///
/// They never prove anything, the exchange never asks for more than one hello or proof, it sends one
/// proof at most, and what has gone wrong stays wrong.
pub fn rendezvous(data: &[u8]) {
    let (choice, mut data) = choice(data);
    let direction = if choice & 1 == 0 { Direction::Send } else { Direction::Receive };
    let flags = Flags { probe: choice & 2 != 0, tls: choice & 4 != 0 };
    let secret = RendezvousSecret::new([7; 32]);
    let mut exchange = Exchange::new(&secret, direction, flags, [choice; 23], b"");
    let Output::Send(hello) = exchange.poll() else { panic!("no hello") };
    let mut data_with_hello = Vec::new();
    if choice & 8 != 0 {
        // A fuzzer cannot guess the beginning of a hello, so it gets one, with another nonce.
        data_with_hello.extend_from_slice(&hello[..HELLO_LEN - 1]);
        data_with_hello.push(!hello[HELLO_LEN - 1]);
        data_with_hello.extend_from_slice(data);
        data = &data_with_hello;
    }
    let piece = usize::from(choice >> 4) + 1;
    let mut proofs = 0;
    loop {
        match exchange.poll() {
            Output::Send(proof) => {
                assert_eq!(proof.len(), HELLO_LEN);
                proofs += 1;
                assert!(proofs <= 1, "a second proof is sent");
            }
            Output::Read(needed) => {
                assert!((1..=HELLO_LEN).contains(&needed), "{needed} bytes are asked for");
                let (now, later) = data.split_at(piece.min(needed).min(data.len()));
                if now.is_empty() {
                    return;
                }
                data = later;
                exchange.input(Input::Bytes(now));
            }
            Output::Proven => panic!("proven without the secret"),
            Output::Refused => {
                exchange.input(Input::Bytes(data));
                assert_eq!(exchange.poll(), Output::Refused, "wrong does not stay wrong");
                return;
            }
        }
    }
}
