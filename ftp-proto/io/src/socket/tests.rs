//! Sockets on the loopback network.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ftp_proto::address::Parity;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::stream::THE_SYSTEMS;
use super::*;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Two ends of one connection, as the library of sockets has them.
pub(crate) async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

/// The end that has connected, and the one that was accepted.
pub(crate) async fn ends() -> (Stream, Stream) {
    let listener = listen(SocketAddr::new(HERE, 0)).unwrap();
    let (out, accepted) = tokio::join!(connect(HERE, listener.local().unwrap()), listener.accept());
    (out.unwrap(), accepted.unwrap().0)
}

/// What comes until the other end has no more.
pub(crate) async fn until_end(end: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut all = Vec::new();
    end.read_to_end(&mut all).await.unwrap();
    all
}

/// A range in which nothing is in use at the moment.
fn free_range(count: u16) -> std::ops::RangeInclusive<u16> {
    let [a, b] = crate::random::bytes().unwrap();
    let first = 10_000 + u16::from_le_bytes([a, b]) % 20_000;
    for low in (first..32_000).step_by(usize::from(count)) {
        let all = low..=low + (count - 1);
        if all.clone().all(|port| std::net::TcpListener::bind((HERE, port)).is_ok()) {
            return all;
        }
    }
    panic!("no {count} free ports in a row");
}

#[tokio::test]
async fn c27_no_port_is_reserved_twice_and_a_range_runs_out() {
    let range = free_range(20);
    let ports = Ports::new(Some(range.clone()));
    let held: Vec<_> = range.clone().map(|_| ports.reserve(HERE, Parity::Any).unwrap()).collect();
    let different: HashSet<_> = held.iter().map(Reserved::port).collect();
    assert_eq!(different.len(), range.len());
    assert!(different.iter().all(|port| range.contains(port)));
    assert_eq!(ports.reserve(HERE, Parity::Any).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    drop(held);
    assert!(ports.reserve(HERE, Parity::Any).is_ok(), "a dropped reservation is free again");
}

#[tokio::test]
async fn c26_ports_without_a_range_are_of_both_parities() {
    // The system goes through one parity first, and that takes the longer the fewer are free.
    let ports = Ports::new(None);
    let held: Vec<_> = (0..64).map(|_| ports.reserve(HERE, Parity::Any).unwrap()).collect();
    let odd = held.iter().filter(|reserved| reserved.port() % 2 == 1).count();
    assert!((1..64).contains(&odd), "{odd} of 64 are odd");
}

#[tokio::test]
async fn c27_ports_without_a_range_are_never_reserved_twice() {
    let ports = Ports::new(None);
    let held: Vec<_> =
        std::iter::repeat_with(|| ports.reserve(HERE, Parity::Any).unwrap()).take(500).collect();
    let different: HashSet<_> = held.iter().map(Reserved::port).collect();
    assert_eq!(different.len(), held.len());
}

#[tokio::test]
async fn c26_port_numbers_are_not_monotonic() {
    for ports in [Ports::new(None), Ports::new(Some(free_range(200)))] {
        let held: Vec<_> =
            std::iter::repeat_with(|| ports.reserve(HERE, Parity::Any).unwrap()).take(200).collect();
        let numbers: Vec<_> = held.iter().map(Reserved::port).collect();
        assert!(!numbers.is_sorted());
        assert!(!numbers.iter().rev().is_sorted());
    }
}

#[tokio::test]
async fn c07_g01_even_and_odd_ports_are_to_be_had_and_pairs_of_both() {
    for range in [None, Some(free_range(64))] {
        let ports = Ports::new(range.clone());
        let inside = |port: &Reserved| range.as_ref().is_none_or(|range| range.contains(&port.port()));
        let mut held = Vec::new();
        for _ in 0..8 {
            let even = ports.reserve(HERE, Parity::Even).unwrap();
            let odd = ports.reserve(HERE, Parity::Odd).unwrap();
            let (first, second) = ports.reserve_pair(HERE).unwrap();
            assert_eq!([even.port() % 2, odd.port() % 2, first.port() % 2], [0, 1, 0]);
            assert_eq!(second.port(), first.port() + 1);
            held.extend([even, odd, first, second]);
        }
        let different: HashSet<_> = held.iter().map(Reserved::port).collect();
        assert_eq!(different.len(), held.len());
        assert!(held.iter().all(inside));
    }
}

#[tokio::test]
async fn g01_a_range_without_two_neighbours_has_no_pair() {
    let range = free_range(4);
    let odd = range.clone().find(|port| port % 2 == 1).unwrap();
    let ports = Ports::new(Some(odd..=odd + 1));
    assert_eq!(ports.reserve_pair(HERE).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert!(ports.reserve(HERE, Parity::Even).is_ok(), "nothing of a failed attempt is kept");
}

#[tokio::test]
async fn a_listener_keeps_its_port_after_the_reservation_is_dropped() {
    let ports = Ports::new(Some(free_range(1)));
    let reserved = ports.reserve(HERE, Parity::Any).unwrap();
    let listener = reserved.listen().unwrap();
    drop(reserved);
    assert_eq!(ports.reserve(HERE, Parity::Any).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    drop(listener);
    assert!(ports.reserve(HERE, Parity::Any).is_ok());
}

#[tokio::test]
async fn the_same_port_at_two_addresses_is_two_ports() {
    let ports = Ports::new(Some(free_range(1)));
    let first = ports.reserve(HERE, Parity::Any).unwrap();
    assert_eq!(ports.reserve(SECOND, Parity::Any).unwrap().port(), first.port());
}

#[tokio::test]
async fn a_port_on_which_another_program_listens_is_passed_over() {
    let range = free_range(3);
    let _foreign = std::net::TcpListener::bind((HERE, *range.start())).unwrap();
    let ports = Ports::new(Some(range.clone()));
    let held =
        [ports.reserve(HERE, Parity::Any).unwrap().port(), ports.reserve(HERE, Parity::Any).unwrap().port()];
    assert!(!held.contains(range.start()));
}

#[tokio::test]
async fn nobody_can_connect_before_a_reserved_port_listens_nor_after() {
    let reserved = Ports::new(None).reserve(HERE, Parity::Any).unwrap();
    let refused = async || connect(HERE, reserved.local()).await.unwrap_err().kind();
    assert_eq!(refused().await, io::ErrorKind::ConnectionRefused);
    let listener = reserved.listen().unwrap();
    connect(HERE, reserved.local()).await.unwrap();
    drop(listener);
    assert_eq!(refused().await, io::ErrorKind::ConnectionRefused);
    drop(reserved.listen().unwrap());
}

#[tokio::test]
async fn b03_a_connection_comes_from_exactly_the_reserved_port_again_and_again() {
    let listener = listen(SocketAddr::new(HERE, 0)).unwrap();
    let to = listener.local().unwrap();
    let reserved = Ports::new(None).reserve(SECOND, Parity::Any).unwrap();
    for _ in 0..3 {
        let (out, accepted) = tokio::join!(reserved.connect(to), listener.accept());
        let (mut out, (accepted, from)) = (out.unwrap(), accepted.unwrap());
        assert_eq!(from, reserved.local());
        drop(accepted);
        assert_eq!(out.read(&mut [0]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn b03_a_port_that_cannot_be_used_is_an_error_and_not_another_port() {
    let listener = listen(SocketAddr::new(HERE, 0)).unwrap();
    let to = listener.local().unwrap();
    let reserved = Ports::new(None).reserve(HERE, Parity::Any).unwrap();
    let _first = reserved.connect(to).await.unwrap();
    let error = reserved.connect(to).await.unwrap_err();
    assert!(matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse), "{error}");
}

#[tokio::test]
async fn g02_two_ports_that_listen_and_connect_have_one_connection() {
    for _ in 0..50 {
        let ports = Ports::new(None);
        let [one, two] = [HERE, SECOND].map(|at| ports.reserve(at, Parity::Any).unwrap());
        let [at_one, at_two] = [&one, &two].map(|port| port.listen_and_connect().unwrap());
        let meet = async |here: &Reserved, listener: &Listener, to: SocketAddr| {
            tokio::select! {
                // What fails has met the other end's SYN, which then arrives.
                Ok(stream) = here.connect(to) => stream,
                arrived = listener.accept() => {
                    let (stream, from) = arrived.unwrap();
                    assert_eq!(from, to);
                    stream
                }
            }
        };
        let (mut first, mut second) =
            tokio::join!(meet(&one, &at_one, two.local()), meet(&two, &at_two, one.local()));
        assert_eq!(first.local_addr().unwrap(), second.peer_addr().unwrap());
        first.write_all(b"a").await.unwrap();
        assert_eq!(second.read_u8().await.unwrap(), b'a');
    }
}

#[tokio::test]
async fn g05_a_port_is_never_connected_with_itself() {
    let reserved = Ports::new(None).reserve(HERE, Parity::Any).unwrap();
    let error = reserved.connect(reserved.local()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn nobody_else_listens_on_a_port_that_listens_and_connects() {
    let reserved = Ports::new(None).reserve(HERE, Parity::Any).unwrap();
    let _listener = reserved.listen_and_connect().unwrap();
    assert_eq!(reserved.listen().unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert_eq!(reserved.listen_and_connect().unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert!(std::net::TcpListener::bind(reserved.local()).is_err());
}

#[tokio::test]
async fn a_connection_comes_from_the_address_that_was_asked_for() {
    let listener = listen(SocketAddr::new(HERE, 0)).unwrap();
    let to = listener.local().unwrap();
    let check = async |local: IpAddr, expect: IpAddr| {
        let (_out, accepted) = tokio::join!(connect(local, to), listener.accept());
        assert_eq!(accepted.unwrap().1.ip(), expect);
    };
    check(SECOND, SECOND).await;
    check(Ipv4Addr::UNSPECIFIED.into(), HERE).await;
}

#[tokio::test]
async fn an_address_of_the_other_family_is_an_error() {
    let to = SocketAddr::new(HERE, 9);
    assert_eq!(
        connect(Ipv6Addr::LOCALHOST.into(), to).await.unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn every_address_of_ipv6_leaves_ipv4_to_its_own_listener() {
    let Ok(six) = listen(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0)) else { return };
    let port = six.local().unwrap().port();
    let refused = connect(HERE, SocketAddr::new(HERE, port)).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn e10_the_peer_of_a_reset_connection_sees_an_error_and_no_end() {
    let (out, mut accepted) = ends().await;
    reset(out);
    let error = accepted.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn urgent_bytes_stay_in_their_place_among_the_others() {
    let (mut out, mut accepted) = ends().await;
    control(&out).unwrap();
    control(&accepted).unwrap();
    out.write_all(b"a").await.unwrap();
    urgent(&out, b"\xff\xf4\xff\xf2").unwrap();
    out.write_all(b"b").await.unwrap();
    drop(out);
    let all = until_end(&mut accepted).await;
    assert_eq!(all, b"a\xff\xf4\xff\xf2b");
}

#[tokio::test]
async fn the_system_looks_whether_the_peer_of_a_control_connection_has_vanished() {
    let (out, accepted) = ends().await;
    control(&accepted).unwrap();
    let looks = |stream: &Stream| socket2::SockRef::from(stream.tcp().unwrap()).keepalive().unwrap();
    assert!(looks(&accepted) && !looks(&out));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn little_is_under_way_between_two_ends_on_this_host() {
    let (ours, _theirs) = ends().await;
    within_this_host(&ours);
    assert_eq!(rustix::net::sockopt::tcp_congestion(ours.tcp().unwrap()).unwrap(), "reno");
    // Linux doubles what it is given, for its own book-keeping.
    let room = socket2::SockRef::from(ours.tcp().unwrap()).send_buffer_size().unwrap();
    assert!(room <= 1024 * 1024, "{room}");
}

/// Two ends of one connection. The second one has little room for what it does not read.
#[cfg(target_os = "linux")]
async fn narrow() -> (Stream, Stream) {
    let (ours, theirs) = ends().await;
    socket2::SockRef::from(theirs.tcp().unwrap()).set_recv_buffer_size(4096).unwrap();
    socket2::SockRef::from(ours.tcp().unwrap()).set_send_buffer_size(256 * 1024).unwrap();
    (ours, theirs)
}

/// Writes until the system takes no more. Returns how much it has taken.
#[cfg(target_os = "linux")]
async fn fill(ours: &Stream) -> usize {
    ours.writable().await.unwrap();
    std::iter::from_fn(|| ours.tcp().unwrap().try_write(&[7; 16 * 1024]).ok()).sum()
}

#[cfg(target_os = "linux")]
const LONG: std::time::Duration = std::time::Duration::from_secs(3600);

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_was_written_is_sent_when_the_peer_takes_it() {
    let (ours, mut theirs) = narrow().await;
    assert!(sent(&ours, LONG).await.unwrap());
    let filled = fill(&ours).await;
    let (sent, ()) = tokio::join!(sent(&ours, LONG), async {
        theirs.read_exact(&mut vec![0; filled]).await.unwrap();
    });
    assert!(sent.unwrap());
    // The connection takes more at a time than one piece again.
    assert!(fill(&ours).await > 16 * 1024);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_the_system_still_had_when_the_peer_reset_the_connection_was_not_sent() {
    let (ours, theirs) = narrow().await;
    fill(&ours).await;
    let (sent, ()) = tokio::join!(biased; sent(&ours, LONG), async { reset(theirs) });
    assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_peer_that_takes_nothing_is_not_waited_for_longer_than_that() {
    let (ours, _theirs) = narrow().await;
    fill(&ours).await;
    assert!(!sent(&ours, std::time::Duration::from_millis(1)).await.unwrap());
    assert_eq!(socket2::SockRef::from(ours.tcp().unwrap()).tcp_notsent_lowat().unwrap(), THE_SYSTEMS);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn nothing_is_known_of_what_a_connection_had_that_was_reset_before() {
    let (mut ours, theirs) = narrow().await;
    ours.write_all(b"abc").await.unwrap();
    reset(theirs);
    ours.readable().await.unwrap();
    assert!(sent(&ours, LONG).await.unwrap());
}

#[test]
fn this_host_knows_its_addresses() {
    for (ip, own) in [("127.0.0.1", true), ("127.9.8.7", true), ("192.0.2.1", false), ("2001:db8::1", false)]
    {
        assert_eq!(is_own(ip.parse().unwrap()), own, "{ip}");
    }
}

fn check(at: &str, expect: &[&str], never: &[&str]) {
    let found = everywhere(at.parse().unwrap()).unwrap();
    let one = |text: &&str| text.parse::<SocketAddr>().unwrap();
    assert!(expect.iter().map(one).all(|place| found.contains(&place)), "{at}: {found:?}");
    assert!(!never.iter().map(one).any(|place| found.contains(&place)), "{at}: {found:?}");
}

#[test]
fn a_wildcard_is_every_address_of_its_family() {
    check("0.0.0.0:2121", &["0.0.0.0:2121", "127.0.0.1:2121"], &["[::1]:2121"]);
    check("[::]:2121", &["[::]:2121"], &["127.0.0.1:2121"]);
    assert_eq!(everywhere("127.0.0.2:1".parse().unwrap()).unwrap().len(), 1);
}
