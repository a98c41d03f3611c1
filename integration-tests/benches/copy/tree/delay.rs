//! A delay before a server: what passes it in either direction arrives later, as over a long distance.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// From a command to its reply.
pub(super) const ROUND_TRIP: Duration = Duration::from_millis(50);

/// A listener before a control port, at the same address, so that data connections are not delayed.
pub(super) struct Delayed(SocketAddr);

impl Delayed {
    pub(super) fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((server.ip(), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        // It ends with the benchmark.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { continue };
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                pass(client, server);
                pass(back.0, back.1);
            }
        });
        Self(address)
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.0
    }
}

/// Passes on what comes, half a round trip later.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    to.set_nodelay(true).unwrap();
    let (send, receive) = channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut room = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut room) {
            if send.send((Instant::now() + ROUND_TRIP / 2, room[..count].to_vec())).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receive {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        // The other end may have gone already.
        drop(to.shutdown(Shutdown::Both));
    });
}
