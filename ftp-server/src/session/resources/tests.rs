//! What a session holds comes to an end with its owner: what an event brings after that is dropped, and nothing is held.

use std::future::ready;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use super::*;
use crate::limits::{DataPorts, Descriptors, HeldPlaces, Permission, Proofs, named};
use crate::operate::Shutdown;
use crate::session::network;
use crate::vfs::PreparedTransfer;
use ftp_io::clock::Clock;
use ftp_io::copy::{Encoding, Format, send_whole};
use ftp_proto::address::Parity;
use ftp_proto::coding::BlockCodes;
use ftp_proto::dialect::Dialect;
use ftp_proto::server::ask::Ending;
use ftp_proto::wire::ByteRange;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn nothing_held() -> Resources {
    Resources::new(Shutdown::new().1)
}

/// The result of the next work, if there is one now.
async fn next_now(held: &mut Resources) -> Option<WorkResult> {
    tokio::select! {
        biased;
        done = held.next() => Some(done.unwrap()),
        () = tokio::task::yield_now() => None,
    }
}

/// Nothing comes any more, and nothing is held.
async fn ends_with_nothing(mut held: Resources) {
    let done = next_now(&mut held).await;
    assert!(done.is_none(), "work has ended, and nobody wants its result");
    assert_eq!(held.held(), [0; 6], "ports, files, connections, listeners, work, places");
}

/// Two ends of a connection, of which the first resets the other one when it is dropped.
async fn pair() -> (Stream, Stream) {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let here = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap().into();
    socket::end_by_reset(&here);
    (here, listener.accept().await.unwrap().0.into())
}

async fn is_reset(mut there: Stream) {
    assert_eq!(there.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// Work that ends with this as soon as it is looked at.
fn brings(held: &mut Resources, done: WorkResult) {
    held.start(Ticket(1), ready(done));
}

#[tokio::test]
async fn a_connection_that_nobody_waits_for_is_reset() {
    let (here, there) = pair().await;
    let mut held = nothing_held();
    brings(&mut held, WorkResult::Connected(Ticket(1), Ok(here)));
    held.cancel(Ticket(1));
    ends_with_nothing(held).await;
    is_reset(there).await;
}

#[tokio::test]
async fn a_data_port_that_nobody_waits_for_is_given_back() {
    let ports = DataPorts::new(None, Arc::new(Descriptors::open()), Clock::start());
    let port = ports.reserve(HERE, named("ann"), &Arc::new(Notify::new()), Parity::Any).await.unwrap();
    let used = || ports.uses().map(|used| used.used);
    assert_ne!(used(), [0; 2]);
    let mut held = nothing_held();
    brings(&mut held, WorkResult::Reserved(Ticket(1), Ok(port)));
    held.cancel(Ticket(1));
    ends_with_nothing(held).await;
    assert_eq!(used(), [0; 2]);
}

#[tokio::test]
async fn a_file_that_nobody_waits_for_is_closed() {
    let mut held = nothing_held();
    let (cancelled, may_end) = std::sync::mpsc::channel::<()>();
    held.start_blocking(Ticket(1), move || {
        // It has begun when it is cancelled, and ends afterwards.
        may_end.recv().unwrap();
        let file = tempfile::tempfile().unwrap();
        let prepared = PreparedTransfer::Send { file, range: ByteRange::WHOLE, whole: None, counted: None };
        WorkResult::Prepared(Ticket(1), Ok((prepared, None)))
    });
    assert!(next_now(&mut held).await.is_none());
    held.cancel(Ticket(1));
    cancelled.send(()).unwrap();
    while !held.blocking.is_empty() {
        assert!(next_now(&mut held).await.is_none());
    }
    ends_with_nothing(held).await;
}

#[tokio::test]
async fn bytes_and_tls_of_a_connection_that_was_closed_are_dropped() {
    for secured in [false, true] {
        let (here, there) = pair().await;
        let mut held = nothing_held();
        let conn = held.connection(here);
        if secured {
            let connection = held.take(conn).unwrap();
            let failed = std::io::Error::other("no handshake");
            held.read(conn, async move {
                drop(connection);
                WorkResult::Secured(Ticket(1), conn, Err(failed))
            });
        } else {
            network::read(&mut held, conn, 64);
        }
        network::close(&mut held, conn, Ending::Reset);
        ends_with_nothing(held).await;
        is_reset(there).await;
    }
}

#[tokio::test]
async fn a_peer_at_a_data_port_that_was_closed_is_reset() {
    let mut held = nothing_held();
    let listener = socket::listen(SocketAddr::new(HERE, 0)).unwrap();
    let there = TcpStream::connect(listener.local().unwrap()).await.unwrap();
    held.listen(Ticket(1), DataListener::new(listener, None));
    held.unlisten(Ticket(1));
    ends_with_nothing(held).await;
    is_reset(there.into()).await;
}

#[tokio::test]
async fn the_try_of_a_foreign_target_that_nobody_waits_for_is_given_back() {
    let proofs = Proofs::new(Clock::start());
    let Permission::Now(slot) = proofs.ask(1, Ticket(1), b"ann", (HERE, 2000).into()) else {
        panic!("it is the first one")
    };
    let mut held = nothing_held();
    held.proofs.insert(Ticket(1), slot);
    assert_eq!(proofs.in_use().used, 1);
    held.cancel(Ticket(1));
    ends_with_nothing(held).await;
    assert_eq!(proofs.in_use().used, 0);
}

#[tokio::test]
async fn a_transfer_that_ends_after_its_session_finds_nobody_and_keeps_nothing() {
    let mut held = nothing_held();
    let place = Arc::new(Mutex::new(()));
    let (end, ended) = oneshot::channel::<()>();
    let kept = Arc::clone(&place);
    held.moving.push((), async move {
        let _ = ended.await;
        drop(kept);
        WorkResult::PortsNeeded
    });
    let meter = Meter::default();
    held.moves.insert(Ticket(1), meter.clone());
    drop(held);
    assert!(meter.is_stopped());
    assert_eq!(Arc::strong_count(&place), 2, "it goes on");
    end.send(()).unwrap();
    while Arc::strong_count(&place) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn e12_the_end_of_a_kept_connection_is_told_once() {
    let (there, here) = pair().await;
    let encoding = Encoding::Block(BlockCodes::of(Dialect::Rfc959));
    let format = Format { encoding, keep: true, ..Format::default() };
    let kept = send_whole(b"a", here, format, &Meter::default()).await.kept.expect("the connection is kept");
    let all = HeldPlaces::connections();
    let slot = all.take(named("ann"), &Arc::default()).expect("there is a place");
    let mut held = nothing_held();
    held.keep(ConnId(7), kept, slot);
    assert!(next_now(&mut held).await.is_none());
    drop(there);
    let told = held.next().await.unwrap();
    assert!(matches!(told, WorkResult::Ended(ConnId(7))), "the other end is told");
    // The machine has not closed it yet: it may have no turn.
    assert!(next_now(&mut held).await.is_none());
    assert!(held.end_kept(ConnId(7)));
    ends_with_nothing(held).await;
    assert_eq!(all.in_use().used, 0);
}

#[tokio::test]
async fn work_ends_in_any_order_and_what_is_cancelled_never() {
    let mut work = OwnWork::new();
    let [mut first, mut second, mut third] = [(); 3].map(|()| None);
    for (key, sender) in [(1, &mut first), (2, &mut second), (3, &mut third)] {
        let (send, receive) = oneshot::channel::<()>();
        *sender = Some(send);
        work.push(key, async move {
            receive.await.unwrap();
            key
        });
    }
    work.cancel(&2);
    assert!(second.unwrap().is_closed());
    third.unwrap().send(()).unwrap();
    assert_eq!(poll_fn(|cx| work.poll_next(cx)).await, 3);
    first.unwrap().send(()).unwrap();
    assert_eq!(poll_fn(|cx| work.poll_next(cx)).await, 1);
    assert_eq!(work.take().count(), 0);
}
