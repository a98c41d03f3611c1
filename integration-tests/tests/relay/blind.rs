//! What the relay carries, it does not see.

use super::{SOURCE, TARGET, connect_from, ended, greeted, legs, relay};
use ftp_io::link::{Acceptor, Link, attach};
use ftp_proto::relay::link::{First, accept_data};
use ftp_proto::relay::message::End;
use ftp_proto::relay::token::Secret32;
use integration_tests::site::sample;
use integration_tests::socket;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::{self, JoinHandle};
use tokio::runtime::Builder;

/// Long enough that they do not come about by chance.
const NEEDLE: usize = 24;

/// Everything that has crossed the join, and what it took the relay.
struct Crossed {
    bytes: Vec<u8>,
    got: Vec<u8>,
    /// Bytes that read(2) has given the relay meanwhile.
    read: u64,
}

impl Crossed {
    fn shows(&self, data: &[u8]) -> bool {
        [0, data.len() / 2, data.len() - NEEDLE].iter().any(|at| {
            let needle = &data[*at..*at + NEEDLE];
            self.bytes.windows(NEEDLE).any(|window| window == needle)
        })
    }
}

/// Lets `send` and `receive` talk through a join whose source's end is listened in on.
fn crosses(
    send: impl FnOnce(TcpStream) + Send + 'static,
    receive: impl FnOnce(TcpStream) -> Vec<u8> + Send + 'static,
) -> Crossed {
    let agent = relay();
    let mut session = greeted(&agent);
    let [a, b] = legs(&mut session, u64::MAX);
    let before = agent.running.kernel_says("io", "rchar");
    let wire = socket::listen(SOURCE, 0);
    let sender = connect_from(SOURCE, wire.local_addr().unwrap());
    let (near, far) = (socket::accept(&wire).0, connect_from(SOURCE, a));
    let forth = listening_in(near.try_clone().unwrap(), far.try_clone().unwrap());
    let back = listening_in(far, near);
    let target = connect_from(TARGET, b);
    let sending = thread::spawn(move || send(sender));
    let got = receive(target);
    sending.join().unwrap();
    assert_eq!(ended(&mut session).2, End::Eof);
    let bytes = [forth.join().unwrap(), back.join().unwrap()].concat();
    Crossed { bytes, got, read: agent.running.kernel_says("io", "rchar") - before }
}

/// Passes everything on, and keeps it.
fn listening_in(mut from: TcpStream, mut to: TcpStream) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let (mut all, mut room) = (Vec::new(), vec![0; 65_536]);
        while let Ok(count @ 1..) = from.read(&mut room) {
            to.write_all(&room[..count]).unwrap();
            all.extend_from_slice(&room[..count]);
        }
        // It may have closed its end before.
        drop(to.shutdown(Shutdown::Write));
        all
    })
}

/// TLS between the two ends, as two servers under PROT P have it; both know the secret.
const SECRET: [u8; 32] = [5; 32];

fn over_tls<T>(stream: TcpStream, work: impl AsyncFnOnce(tokio::net::TcpStream) -> T) -> T {
    stream.set_nonblocking(true).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { work(tokio::net::TcpStream::from_std(stream).unwrap()).await })
}

async fn all_of(link: &mut Link) -> Vec<u8> {
    let (mut all, mut room) = (Vec::new(), vec![0; 65_536]);
    while let Ok(count @ 1..) = link.receive(&mut room).await {
        all.extend_from_slice(&room[..count]);
    }
    all
}

#[test]
fn r50_of_two_servers_that_speak_tls_the_relay_carries_nothing_but_tls() {
    let data = sample(4 << 20);
    let sent = data.clone();
    let crossed = crosses(
        move |stream| {
            over_tls(stream, async |stream| {
                let mut link = attach(stream, &Secret32::new(SECRET)).await.unwrap();
                link.send(&sent).await.unwrap();
                link.close().await;
                // Nothing more comes; the other end closes when it has everything.
                assert!(all_of(&mut link).await.is_empty());
            });
        },
        |stream| {
            over_tls(stream, async |stream| {
                let (mut link, first) = Acceptor::new().unwrap().accept(stream).await.unwrap();
                let First::Data(hello) = first else { panic!("{first:?}") };
                let secret = Secret32::new(SECRET);
                let accepted = accept_data(&secret, &hello, link.exporter()).unwrap();
                link.send(&accepted.data()).await.unwrap();
                let got = all_of(&mut link).await;
                link.close().await;
                got
            })
        },
    );
    assert!(crossed.got == data, "{} bytes arrived", crossed.got.len());
    assert!(!crossed.shows(&data), "bytes of the file are on the wire");
    assert!(crossed.read < 65_536, "the relay has read {} bytes itself", crossed.read);
}

#[test]
fn r50_the_bytes_of_a_join_never_enter_the_relays_memory() {
    let data = sample(4 << 20);
    let sent = data.clone();
    let crossed = crosses(
        move |mut stream| {
            stream.write_all(&sent).unwrap();
            drop(stream);
        },
        socket::drain,
    );
    assert!(crossed.got == data);
    // In clear they are there to be seen; the relay has left them in the kernel all the same (splice).
    assert!(crossed.shows(&data));
    assert!(crossed.read < 65_536, "the relay has read {} bytes itself", crossed.read);
}
