//! TLS and proofs: what the other ends of connections do.

use super::Harness;
use crate::command::Direction;
use crate::rendezvous::{self, Exchange, Flags, RendezvousSecret};
use crate::server::ask::{Answer, ConnId, DataTls, Input, Ticket};
use std::net::IpAddr;

impl Harness {
    pub(super) fn note_proof(&mut self, account: &[u8], peer: IpAddr) {
        self.did.push(format!("{} has proof of {peer}", String::from_utf8_lossy(account)));
    }

    pub(super) fn change_tls(&mut self, how: &str, ticket: Ticket, last: Vec<u8>) {
        self.hear(last);
        self.did.push(how.to_owned());
        self.securing.push(ticket);
    }

    pub(super) fn secure(&mut self, ticket: Ticket, conn: ConnId, how: DataTls) {
        assert!(self.open.contains(&conn));
        let DataTls { role, resumes, pinned } = how;
        let words = [(resumes, " resumes"), (pinned, " pinned")];
        let words: String = words.iter().filter(|(yes, _)| *yes).map(|(_, word)| *word).collect();
        self.did.push(format!("secure {} {role:?}{words}", conn.0));
        self.securing.push(ticket);
    }

    /// The handshake that is under way ends like this: the oldest one.
    pub(in super::super) fn handshake(&mut self, answer: Answer) {
        let ticket = self.securing.remove(0);
        self.input(Input::Answer(ticket, answer));
    }

    /// The handshake of this data connection, the newest one, ends like this.
    #[track_caller]
    pub(in super::super) fn handshake_of(&mut self, conn: ConnId, answer: Answer) {
        assert_eq!(conn.0 + 1, self.next_conn, "the newest one");
        let ticket = self.securing.pop().expect("no handshake is under way");
        self.input(Input::Answer(ticket, answer));
    }

    /// The other end of a connection proves itself with the secret; `direction` is the other end's.
    #[track_caller]
    pub(in super::super) fn prove(&mut self, conn: ConnId, secret: [u8; 32], direction: Direction) {
        self.prove_inside(conn, secret, direction, &[]);
    }

    /// The same inside TLS with this exporter.
    #[track_caller]
    pub(in super::super) fn prove_inside(
        &mut self,
        conn: ConnId,
        secret: [u8; 32],
        direction: Direction,
        exporter: &[u8],
    ) {
        let secret = RendezvousSecret::new(secret);
        // The other end was told of PROB if the session was.
        let probe = self.written[&conn][8] & 1 == 1;
        let flags = Flags { probe, tls: !exporter.is_empty() };
        let mut exchange = Exchange::new(&secret, direction, flags, [conn.0 as u8; 23], exporter);
        let theirs = self.written[&conn].clone();
        assert_eq!(theirs.len(), 32, "only the hello before ours");
        let rendezvous::Output::Send(hello) = exchange.poll() else { panic!("no hello") };
        exchange.input(rendezvous::Input::Bytes(&theirs));
        let rendezvous::Output::Send(proof) = exchange.poll() else { panic!("our hello is wrong") };
        self.bytes(conn, &hello);
        self.bytes(conn, &proof);
        let written = self.written[&conn].clone();
        if let Some(ours) = written.get(32..64) {
            exchange.input(rendezvous::Input::Bytes(ours));
            self.did.push(format!("they found {:?}", exchange.poll()));
        }
    }
}
