//! A delay before a server: what passes it in either direction arrives later, as over a long distance.

use ftp_io::clock::Clock;
use ftp_proto::timer::Moment;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// A listener before a control port, at the same address, so that data connections are not delayed.
#[derive(Clone, Copy, Debug)]
pub struct Delayed(SocketAddr);

impl Delayed {
    /// A delay before `server`. From a command to its reply it takes `round_trip`.
    pub fn before(server: SocketAddr, round_trip: Duration) -> Self {
        let listener = TcpListener::bind((server.ip(), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        // It ends with the process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { continue };
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                pass(client, server, round_trip);
                pass(back.0, back.1, round_trip);
            }
        });
        Self(address)
    }

    /// The same URL of a server, with a delay before that server.
    pub fn url(url: &str, round_trip: Duration) -> String {
        let (_, at) = url.split_once('@').unwrap();
        let at = at.split('/').next().unwrap();
        url.replace(at, &Self::before(at.parse().unwrap(), round_trip).address().to_string())
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.0
    }
}

/// Passes on what comes, half a round trip later.
fn pass(mut from: TcpStream, mut to: TcpStream, round_trip: Duration) {
    to.set_nodelay(true).unwrap();
    let clock = Clock::start();
    let (send, receive) = channel::<(Moment, Vec<u8>)>();
    thread::spawn(move || {
        let mut room = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut room) {
            if send.send((clock.now() + round_trip / 2, room[..count].to_vec())).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receive {
            travel(&to, due.since(clock.now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        // The other end may have gone already.
        drop(to.shutdown(Shutdown::Both));
    });
}

/// Lets so much time pass, unless whoever is waited for hangs up.
fn travel(to: &TcpStream, time: Duration) {
    let mut gone = [PollFd::new(to, PollFlags::empty())];
    let time = Timespec::try_from(time).unwrap();
    poll(&mut gone, Some(&time)).unwrap();
}
